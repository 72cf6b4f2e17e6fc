"""FL411: Several processes serve the application, and each has a dictionary of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.containers import Container, Containers, Growth
from fastlint.application.servers import Servers
from fastlint.deployment.model import Process
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, walk
from fastlint.project.program import Frame
from fastlint.project.values import LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

LIMITERS = frozenset({"slowapi.Limiter", "slowapi.extension.Limiter"})
COUNTED = ("WEB_CONCURRENCY", "UVICORN_WORKERS")


class PerProcessCacheWithWorkers(ModelRule):
    """Several processes serve the application, and each has a dictionary of its own."""

    code = "FL411"

    def find(self) -> Iterator[Finding]:
        """Look at what requests write to containers of the process, where several processes are started."""
        place = self._several()
        if not place:
            return
        self.containers = Containers(self.application)
        found: dict[Container, list[Growth]] = {}
        for growth in self.containers.growths():
            found.setdefault(growth.container, []).append(growth)
        for container, growths in found.items():
            if any(self.containers.holds_resource(growth) for growth in growths):
                continue  # connections cannot be shared with other processes
            states = [growth for growth in growths if self._is_state(growth)]
            yield self._finding(container, (states or growths)[0], place, is_state=bool(states))

        yield from self._limiters(place)

    def _limiters(self, place: str) -> Iterator[Finding]:
        """Look at limiters that count in the memory of the process."""
        for function in self.application.program.functions_naming(("Limiter",)):
            frame = self.application.program.generic_frame(function)
            for kind, call, *_, span in function.facts.events:
                if kind == "call" and called_name(call) == "Limiter" and self._counts_alone(call, frame):
                    yield self.finding(
                        frame,
                        span,
                        f"Several processes serve the application ({place}), and each counts for itself what "
                        f"`{render(call)}` limits: the limit is that many times as high",
                        'Give it a storage that all processes see: `storage_uri="redis://..."`',
                        Severity.WARNING,
                    )

    def _counts_alone(self, call: Expr, frame: Frame) -> bool:
        values = self.application.inference.values(call[1], frame)
        is_limiter = any(isinstance(v, LibraryName) and v.name in LIMITERS for v in values)
        return is_limiter and not any(name in (None, "storage_uri") for name, _ in call[3])

    def _several(self) -> str:
        """Return where it is said that more than one process serves; nothing if that is said nowhere."""
        servers = self.application.servers
        for process in servers.processes:
            if (
                process.copies > 1
                or _is_more_than_one(process.option("--workers", "-w"))
                or any(
                    _is_more_than_one(process.environment[name].value)
                    for name in COUNTED
                    if name in process.environment
                )
            ):
                return process.place
            if process.program == "gunicorn" and self._says_gunicorn(servers, process):
                return process.place
        for call in servers.calls if servers.serves else ():
            if not call.is_conditional and _is_more_than_one(call.argument("workers")):
                return f"{call.frame.function.module.path}:{call.span[0]}"
        return ""

    def _says_gunicorn(self, servers: Servers, process: Process) -> bool:
        """Tell whether a configuration file of gunicorn sets more than one worker, or computes how many."""
        if process.has("--workers", "-w"):
            return False
        return any(
            settings.values["workers"][0] is None or _is_more_than_one(settings.values["workers"][0])
            for settings in servers.facts.gunicorn
            if "workers" in settings.values
        )

    def _is_state(self, growth: Growth) -> bool:
        """Tell whether other requests have to find what is written: it is counted, or read elsewhere.

        A function that reads what it writes itself fills a cache, which another process fills again.
        """
        readers = self.containers.readers(growth.container)
        function = growth.frame.function
        if (
            growth.value is not None
            and growth.key is not None
            and _mentions(growth.value, growth.container.name)
        ):
            return True
        return bool(readers - {function}) and function not in readers

    def _finding(self, container: Container, growth: Growth, place: str, *, is_state: bool) -> Finding:
        name = container.name
        effect = (
            "what one request puts there, another one finds only if it meets the same process"
            if is_state
            else "each has to fill it for itself"
        )
        return self.finding(
            growth.frame,
            growth.span,
            f"Several processes serve the application ({place}), and each has a `{name}` of its own: {effect}"
            f"{self.where(growth.frame)}",
            f"Keep `{name}` where all processes see it: in Redis or the database",
            Severity.WARNING if is_state else Severity.INFO,
        )


def _is_more_than_one(given: object) -> bool:
    text = str(given) if given is not None else ""
    return text.isdigit() and int(text) > 1


def _mentions(expr: Expr, name: str) -> bool:
    return any(
        part[0] in ("name", "attr") and part[1 if part[0] == "name" else 2] == name for part in walk(expr)
    )
