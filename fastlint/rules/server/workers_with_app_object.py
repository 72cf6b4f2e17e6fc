"""FL702: `uvicorn.run` is asked for several processes, or for reloading, and given an object."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.servers import ServerCall
from fastlint.diagnostics import Applicability, Severity
from fastlint.facts.structure import called_name, walk
from fastlint.project.bindings import call_argument
from fastlint.rules.finding import Finding
from fastlint.rules.rendering import render
from fastlint.rules.server.serving import ServerRule, process_count
from fastlint.rules.server.starting import by_name, without_setting


class WorkersWithAppObject(ServerRule):
    """`uvicorn.run` is asked for several processes, or for reloading, and given an object."""

    code = "FL702"

    def find(self) -> Iterator[Finding]:
        """Look at the first argument of the calls that start a server."""
        for call in self.servers.calls:
            if called_name(call.call) == "run":
                yield from self._about(call)

    def _about(self, call: ServerCall) -> Iterator[Finding]:
        reloads = call.argument("reload") is True
        several = self._several(call)
        if self.servers.is_text(call):
            if reloads and several:
                yield self.about_call(
                    call,
                    f"`reload=True` makes uvicorn ignore {several}, so one process serves all requests",
                    "Remove `reload=True` where the application is deployed",
                    Severity.WARNING,
                    without_setting(call, "reload", Applicability.UNSAFE),
                )
            return
        if not (reloads or several) or not self.servers.is_object(call):
            return
        given = call_argument(call.call, 0, "app")
        shown = render(given) if given is not None else "app"
        module = call.frame.function.module
        name = given[1] if given is not None and given[0] == "name" else "app"
        yield self.about_call(
            call,
            f"uvicorn exits with code 3, as {'`reload=True`' if reloads else several} needs the name of the "
            f"application and `{shown}` is the object",
            f'Write `uvicorn.run("{module.name}:{name}", ...)`',
            fix=by_name(call),
        )

    def _several(self, call: ServerCall) -> str:
        """Return what asks for several processes, as it is written; nothing if nothing does."""
        given = call_argument(call.call, None, "workers")
        count = call.argument("workers")
        if isinstance(count, int) and not isinstance(count, bool) and count > 1:
            return f"`workers={count}`"
        if given is not None and any(
            part[0] == "call" and called_name(part) == "cpu_count" for part in walk(given)
        ):
            return f"`workers={render(given)}`"
        if not call.has("workers"):
            for process in call.processes:
                variable = process.environment.get("WEB_CONCURRENCY")
                if variable is not None and (process_count(variable.value) or 1) > 1:
                    return f"`WEB_CONCURRENCY={variable.value}` in {variable.file.path}"
        return ""
