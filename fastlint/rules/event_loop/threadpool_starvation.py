"""FL119: A wait without end in the thread pool keeps one of its 40 threads from everybody else."""

from __future__ import annotations

from typing import ClassVar

import libcst as cst

from fastlint.diagnostics import Severity
from fastlint.rules.base import Rule, source_of

LONG = 1.0
"""Seconds of constant sleep that are worth a word."""


class ThreadpoolStarvation(Rule):
    """A wait without end in the thread pool keeps one of its 40 threads from everybody else."""

    code = "FL119"
    positions: ClassVar[dict[str, int]] = {
        "queue.Queue.get": 1,
        "threading.Event.wait": 0,
        "threading.Thread.join": 0,
    }

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look at the call that waits, wherever it stands below the route."""
        if isinstance(node, cst.Call) and self._is_endless(node):
            self.report(Severity.INFO)
        return False

    def message(self) -> str:
        """Return what is wrong, where, and what it costs."""
        entries = self.suspect.entries()
        where = f" of {entries[0].label}" if entries else ""
        return (
            f"`{source_of(self.suspect)}` can hold a thread of the pool{where} without limit; "
            "40 such waits stop every other `def` route and dependency"
        )

    def advice(self) -> str:
        """Return what to write instead."""
        return "Give it a timeout, make it async, or run it under a `CapacityLimiter` of its own"

    def _is_endless(self, node: cst.Call) -> bool:
        kind = self.suspect.effect.kind
        if kind == "sleep":
            return self.suspect.site.in_while or self._seconds(node) >= LONG
        if kind == "http" and not self.suspect.target.startswith(("requests.", "urllib.request.urlopen")):
            return False
        return not self._has_timeout(node)

    def _seconds(self, node: cst.Call) -> float:
        value = node.args[0].value if node.args else None
        return float(value.evaluated_value) if isinstance(value, (cst.Integer, cst.Float)) else 0.0

    def _has_timeout(self, node: cst.Call) -> bool:
        named = any(
            arg.keyword is not None and arg.keyword.value in ("timeout", "block") for arg in node.args
        )
        position = self.positions.get(self.suspect.target)
        starred = any(arg.star for arg in node.args)
        return named or starred or (position is not None and len(node.args) > position)
