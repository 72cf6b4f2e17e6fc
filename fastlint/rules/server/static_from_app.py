"""FL711: The application serves static files although a proxy stands in front of it."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame, Function
from fastlint.project.values import Instance
from fastlint.rules.finding import Finding
from fastlint.rules.server.serving import ServerRule

STATIC = ("starlette.staticfiles.StaticFiles", "fastapi.staticfiles.StaticFiles")


class StaticFromApp(ServerRule):
    """The application serves static files although a proxy stands in front of it."""

    code = "FL711"

    def find(self) -> Iterator[Finding]:
        """Look at what is mounted, if nginx passes requests on to the application."""
        if not self.servers.passes:
            return
        proxy = self.servers.passes[0]
        for function in self.application.program.functions_naming(("mount",)):
            for path, call in self._mounted(function):
                if path.rstrip("/") not in {served.rstrip("/") for served in self.servers.facts.served_paths}:
                    yield self.finding(
                        function,
                        call[4],
                        f"The application reads and sends the files under {path or '/'} itself, although nginx stands in front",
                        f"Let nginx serve them: `location {path.rstrip('/')}/ {{ alias ...; }}`",
                        notes=(f"{proxy.file.path}:{proxy.row} passes requests on to the application",),
                    )

    def _mounted(self, function: Function) -> Iterator[tuple[str, Expr]]:
        frame: Frame | None = None
        for event in function.facts.events:
            if event[0] not in ("call", "drop") or called_name(event[1]) != "mount":
                continue
            frame = frame or self.application.program.generic_frame(function)
            given = call_argument(event[1], 1, "app")
            path = call_argument(event[1], 0, "path")
            inference = self.application.inference
            for value in inference.values(given, frame) if given is not None else ():
                if isinstance(value, Instance) and any(inference.is_subclass(value, name) for name in STATIC):
                    yield str(path[1]) if path is not None and path[0] == "const" else "", event[1]
                    break
