"""The words of the FastAPI model: entry points and where they run."""

from __future__ import annotations

from dataclasses import dataclass

from fastlint.project.program import Frame

LOOP, THREAD = "loop", "thread"
REQUEST, STARTUP = "request", "startup"
POOLED = frozenset({"route", "dependency", "background task", "exception handler"})
"""Kinds of entry points that run in the thread pool if they are a `def`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Code that the server runs: what it is, what a reader calls it, where and when it runs."""

    kind: str
    """A word of FastAPI's documentation: "route", "dependency", "middleware", "validator", ..."""
    label: str
    frame: Frame
    runs_on: str
    phase: str = REQUEST

    @property
    def order(self) -> int:
        """What a reader wants to hear of first: routes, then what every request passes."""
        known = ("route", "websocket", "dependency", "middleware", "exception handler", "validator")
        return known.index(self.kind) if self.kind in known else len(known)
