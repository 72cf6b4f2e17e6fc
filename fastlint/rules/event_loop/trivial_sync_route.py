"""FL117: A `def` route only computes, and pays for a thread nevertheless."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.model import THREAD
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading


class TrivialSyncRoute(ModelRule):
    """A `def` route only computes, and pays for a thread nevertheless."""

    code = "FL117"

    def find(self) -> Iterator[Finding]:
        """Look at the `def` routes whose bodies are proven to do nothing else."""
        for entry in self.application.entries:
            facts = entry.frame.function.facts
            if (
                entry.kind != "route"
                or entry.runs_on != THREAD
                or facts.is_generator
                or facts.name == "<lambda>"
            ):
                continue
            if self.application.computing.only_computes(entry.frame):
                yield self.finding(
                    entry.frame,
                    heading(entry.frame.function),
                    f"{entry.label} only computes, but as a plain `def` it takes a turn in the thread pool",
                    f"Write `async def {facts.name}`",
                )
