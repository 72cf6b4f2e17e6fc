"""FL704: One process serves all requests."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.deployment.model import Process
from fastlint.rules.finding import Finding
from fastlint.rules.server.serving import ServerRule

UNLESS = ", or leave it where an orchestrator starts several containers"
ADVICE = f"Give `--workers` one for each processor core{UNLESS}"
IN_PYTHON = f"Pass the name of the application and `workers=` one for each processor core{UNLESS}"


class SingleWorker(ServerRule):
    """One process serves all requests."""

    code = "FL704"

    def find(self) -> Iterator[Finding]:
        """Look at the commands of a project that names no orchestrator."""
        facts = self.servers.facts
        if any(not file.is_for_development for file in facts.manifests):
            return
        if any("weights" in acts for acts in self.application.inference.catalog.acts.values()):
            return  # each process would hold its own copy of a trained model
        for process in self.servers.processes:
            if not self._has_several(process) and process.program in ("uvicorn", "fastapi", "gunicorn"):
                yield self.about_process(
                    process,
                    [process.program],
                    f"One process serves all requests with one processor core: `{process.shown}`",
                    ADVICE,
                )
        for call in self.servers.calls if self.servers.serves else ():
            started = [p for p in call.processes if not self._is_scaled(p)]
            if not started or len(started) < len(call.processes):
                continue
            if not call.has("workers") and not call.has("reload"):
                yield self.about_call(
                    call, "One process serves all requests with one processor core", IN_PYTHON
                )

    def _has_several(self, process: Process) -> bool:
        if (
            not process.is_complete
            or process.has("--workers", "-w")
            or process.has("--reload")
            or self._is_scaled(process)
        ):
            return True
        if process.program == "gunicorn":
            return any("workers" in settings.values for settings in self.servers.facts.gunicorn)
        return False

    def _is_scaled(self, process: Process) -> bool:
        """Tell whether something beside the command may start more: a variable, or the file itself."""
        names = {variable.name for variable in self.servers.facts.variables}
        several = {"WEB_CONCURRENCY", "UVICORN_WORKERS", "GUNICORN_CMD_ARGS"}
        text = process.file.text
        return bool(several & names) or "replicas:" in text or "scale:" in text or "numprocs" in text
