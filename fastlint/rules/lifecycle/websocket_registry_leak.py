"""FL325: A WebSocket stays in the registry that it was put into after its connection has ended."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.routes import Route
from fastlint.application.socket_registries import Kept
from fastlint.diagnostics import Severity
from fastlint.rules.finding import Finding, Link
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

MILD = frozenset({"elsewhere", "on errors of sending"})
"""Where something else tidies up sooner or later."""


class WebsocketRegistryLeak(ModelRule):
    """A WebSocket stays in the registry that it was put into after its connection has ended."""

    code = "FL325"

    def find(self) -> Iterator[Finding]:
        """Look at every WebSocket endpoint."""
        for route in self.application.routes:
            if route.is_websocket:
                for frame in self.application.endpoints.get(route, ()):
                    for kept in self.application.socket_registries.left_behind(frame):
                        yield self._about(route, kept)

    def _about(self, route: Route, kept: Kept) -> Finding:
        frame, event = kept.put[0]
        name = kept.registry.name
        how = {
            "never": "nothing takes it out again",
            "elsewhere": "only other code takes it out again",
            "on errors of sending": "only a failed send takes it out again",
            "at the end": "what takes it out is skipped by the exception that a disconnect raises",
        }.get(kept.taken, "")
        if kept.raising is not None:
            how = f"only a disconnect takes it out again, not an error in `{render(kept.raising)}`"
        return self.finding(
            frame,
            event[5],
            f"{self.application.label(route)} puts its WebSocket into `{name}`, and {how}: each connection that "
            "ends this way stays in memory, and every broadcast tries to send to it",
            f"Take it out of `{name}` in a `finally` around everything that follows",
            Severity.INFO if kept.taken in MILD else None,
            chain=tuple(_links(kept)) if len(kept.put) > 1 else (),
        )


def _links(kept: Kept) -> Iterator[Link]:
    targets = [frame.function.label for frame, _ in kept.put[1:]]
    for (frame, event), target in zip(kept.put, (*targets, kept.registry.name), strict=True):
        yield Link(frame.function, event[5], event[1], target)
