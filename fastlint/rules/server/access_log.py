"""FL707: The server writes a line for every request."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.deployment.model import Process
from fastlint.rules.finding import Finding
from fastlint.rules.server.serving import ServerRule, is_on

QUIET = ("warning", "error", "critical")
ADVICE = "Write `--no-access-log` where a proxy in front, or tracing, records the requests already"


class AccessLog(ServerRule):
    """The server writes a line for every request."""

    code = "FL707"

    def find(self) -> Iterator[Finding]:
        """Look at the commands, and at the calls that a command reaches."""
        for process in self.servers.processes:
            if process.is_complete and self._logs(process):
                yield self.about_process(
                    process,
                    [process.program],
                    f"{process.program} formats and writes a line for every request",
                    ADVICE
                    if process.program == "uvicorn"
                    else "Leave out `--access-logfile` where a proxy records the requests",
                )
        for call in self.servers.calls if self.servers.serves else ():
            quiet = call.argument("access_log") is False or call.argument("log_level") in QUIET
            if call.processes and not quiet and not call.has("access_log") and not call.has("log_config"):
                yield self.about_call(
                    call,
                    "uvicorn formats and writes a line for every request",
                    "Write `access_log=False` where a proxy in front, or tracing, records the requests already",
                )

    def _logs(self, process: Process) -> bool:
        if process.program == "gunicorn":
            return process.has("--access-logfile") or any(
                settings.values.get("accesslog", ("", None))[0] not in ("", None)
                for settings in self.servers.facts.gunicorn
            )
        if process.program != "uvicorn" or process.has("--no-access-log") or process.has("--log-config"):
            return False
        variable = process.environment.get("UVICORN_ACCESS_LOG")
        if variable is not None and not is_on(variable.value):
            return False
        return (process.setting("log-level") or "info").lower() not in QUIET
