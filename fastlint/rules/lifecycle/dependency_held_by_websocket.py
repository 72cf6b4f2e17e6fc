"""FL312: A dependency keeps its connection for as long as a client stays connected."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.held import Held, HeldConnections
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.facts.structure import called_name, is_inside
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

RECEIVING = frozenset({
    "receive", "receive_text", "receive_bytes", "receive_json", "iter_text", "iter_bytes", "iter_json",
})  # fmt: skip


class DependencyHeldByWebsocket(ModelRule):
    """A dependency keeps its connection for as long as a client stays connected."""

    code = "FL312"

    def find(self) -> Iterator[Finding]:
        """Look at the websockets whose dependencies hold a connection."""
        connections = HeldConnections(self.application)
        for route in self.application.routes:
            if route.is_websocket:
                for held in connections.of(route)[:1]:
                    for frame in self.application.endpoints.get(route, ())[:1]:
                        yield self._finding(route, frame, held)

    def _finding(self, route: Route, frame: Frame, held: Held) -> Finding:
        need = held.injection.need
        name = render(need.call[2][0]) if need.call[2] else "the dependency"
        is_here = need.frame.function.module is frame.function.module and is_inside(
            need.call[4], frame.function.facts.span
        )
        place, span = (need.frame, need.call[4]) if is_here else (route.frame, route.call[4])
        through = ""
        if held.asked is not None and held.asked is not frame:
            through = f", used by `{held.asked.function.facts.name}`,"
        return self.finding(
            place,
            span,
            f"`{name}`{through} keeps a database connection for as long as the client of "
            f"{self.application.label(route)} stays connected, whichever scope it has",
            f"Open a session for each message (`with ...() as session:`) instead of depending on `{name}`",
            Severity.ERROR if self._stays(frame, 0) else Severity.INFO,
            entries=self.application.serving([route]),
        )

    def _stays(self, frame: Frame, depth: int) -> bool:
        """Tell whether a websocket stays open: it receives something, or loops."""
        facts = frame.function.facts
        if any(block[1] == "while" for block in facts.blocks):
            return True
        if any(e[0] in ("call", "drop") and called_name(e[1]) in RECEIVING for e in facts.events):
            return True
        return depth < 3 and any(
            self._stays(callee, depth + 1)
            for site in self.application.resolver.sites(frame)
            for callee in (*site.runs, *site.starts)
        )
