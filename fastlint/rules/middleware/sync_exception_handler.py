"""FL605: A `def` exception handler only computes, and pays for a thread nevertheless."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.model import THREAD
from fastlint.diagnostics import Applicability
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.on_loop import on_loop
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading


class SyncExceptionHandler(ModelRule):
    """A `def` exception handler only computes, and pays for a thread nevertheless."""

    code = "FL605"

    def find(self) -> Iterator[Finding]:
        """Look at the plain handlers that are proven to do nothing else."""
        for entry in self.application.entries:
            function = entry.frame.function
            if entry.kind != "exception handler" or entry.runs_on != THREAD:
                continue
            if self.application.computing.only_computes(entry.frame):
                yield self.finding(
                    entry.frame,
                    heading(function),
                    f"`{function.facts.name}` only computes, but as a plain `def` it takes a turn in the thread "
                    "pool for each error",
                    f"Write `async def {function.facts.name}`",
                    fix=on_loop(self.application, entry.frame, Applicability.SAFE),
                )
