"""FL707: The server writes a line for every request."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.deployment.model import Process
from fastlint.diagnostics import Applicability
from fastlint.rules.finding import Finding
from fastlint.rules.server.commands import with_option
from fastlint.rules.server.serving import ServerRule, is_on
from fastlint.rules.server.starting import with_setting

QUIET = ("warning", "error", "critical")
WRITES = "formats and writes a line for every request"
WHERE = "where a proxy in front, or tracing, records the requests already"


class AccessLog(ServerRule):
    """The server writes a line for every request."""

    code = "FL707"

    def find(self) -> Iterator[Finding]:
        """Look at the commands, and at the calls that a command reaches."""
        for process in self.servers.processes:
            if process.program == "gunicorn":
                yield from self._about_gunicorn(process)
        if not self.servers.sets_access_log:
            yield from self._about_uvicorn()

    def _about_uvicorn(self) -> Iterator[Finding]:
        for process in self.servers.processes:
            if process.program == "uvicorn" and process.is_complete and _logs(process):
                yield self.about_process(
                    process,
                    ["uvicorn"],
                    f"uvicorn {WRITES}",
                    f"Write `--no-access-log` {WHERE}",
                    fix=with_option(process, ("--no-access-log",), Applicability.UNSAFE),
                )
        for call in self.servers.calls if self.servers.serves else ():
            quiet = call.argument("access_log") is False or call.argument("log_level") in QUIET
            if call.processes and not quiet and not call.has("access_log") and not call.has("log_config"):
                yield self.about_call(
                    call,
                    f"uvicorn {WRITES}",
                    f"Write `access_log=False` {WHERE}",
                    fix=with_setting(call, "access_log=False", Applicability.UNSAFE),
                )

    def _about_gunicorn(self, process: Process) -> Iterator[Finding]:
        if not process.is_complete:
            return
        settings = self.servers.gunicorn_settings(process)
        if process.has("--access-logfile"):
            yield self.about_process(
                process, ["gunicorn"], f"gunicorn {WRITES}", f"Leave out `--access-logfile` {WHERE}"
            )
        elif settings is not None and settings.values.get("accesslog", ("", None))[0] not in ("", None):
            yield self.finding(
                settings.file.path,
                settings.values["accesslog"][1],
                f"gunicorn {WRITES}",
                f"Leave out `accesslog` {WHERE}",
                notes=(f"{process.place} runs `{process.shown}`",),
            )


def _logs(process: Process) -> bool:
    if process.has("--no-access-log") or process.has("--log-config"):
        return False
    variable = process.environment.get("UVICORN_ACCESS_LOG")
    if variable is not None and not is_on(variable.value):
        return False
    return (process.setting("log-level") or "info").lower() not in QUIET
