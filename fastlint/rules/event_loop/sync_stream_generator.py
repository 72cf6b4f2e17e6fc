"""FL112: A stream comes from a plain generator that only computes, with a hop to a thread for each piece."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.model import THREAD
from fastlint.diagnostics import Applicability
from fastlint.facts.model import FunctionFacts
from fastlint.facts.structure import loops_around
from fastlint.rules.event_loop.streamed_on_loop import streamed_on_loop
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.on_loop import on_loop
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading

STREAMING = frozenset({"stream", "route"})


class SyncStreamGenerator(ModelRule):
    """A stream comes from a plain generator that only computes, with a hop to a thread for each piece."""

    code = "FL112"

    def find(self) -> Iterator[Finding]:
        """Look at the generators that the thread pool steps through: of responses, and routes that yield."""
        for entry in self.application.entries:
            facts = entry.frame.function.facts
            if entry.kind not in STREAMING or entry.runs_on != THREAD or not facts.is_generator:
                continue
            if _yields_often(facts) and self.application.computing.only_computes(entry.frame):
                yield self.finding(
                    entry.frame,
                    heading(entry.frame.function),
                    f"`{facts.name}` only computes, but each piece that it yields takes a turn in the thread pool"
                    f"{self.where(entry.frame)}",
                    f"Write `async def {facts.name}`",
                    fix=streamed_on_loop(self.application, entry.frame)
                    if entry.kind == "stream"
                    else on_loop(self.application, entry.frame, Applicability.SAFE),
                )


def _yields_often(facts: FunctionFacts) -> bool:
    return any(event[0] == "yield" and loops_around(facts, event[3]) for event in facts.events)
