"""FL117: A `def` route only computes, and pays for a thread nevertheless."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.model import THREAD
from fastlint.diagnostics import Applicability
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Collection, Instance, Values
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.on_loop import on_loop
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
            if self.application.computing.only_computes(entry.frame) and not self._answers_with_row(
                entry.frame
            ):
                yield self.finding(
                    entry.frame,
                    heading(entry.frame.function),
                    f"{entry.label} only computes, but as a plain `def` it takes a turn in the thread pool",
                    f"Write `async def {facts.name}`",
                    fix=on_loop(self.application, entry.frame, Applicability.SAFE),
                )

    def _answers_with_row(self, frame: Frame) -> bool:
        """Tell whether the response reads relationships of a row, which may send queries: they belong in a thread."""
        inference, models = self.application.inference, self.application.models
        rows = [c for value in frame.function.facts.returns for c in _classes(inference.values(value, frame))]
        related = {name for cls in rows if (mapped := models.of(cls)) for name in mapped.relationships}
        return bool(related) and any(
            not related.isdisjoint(models.fields(cls))
            for route, frames in self.application.endpoints.items()
            if frame in frames
            for cls in _classes(self.application.responses.declared_values(route, frame))
        )


def _classes(values: Values) -> Iterator[ProjectClass]:
    """Yield the classes of the program that values, or the items of lists, belong to."""
    for value in values:
        if isinstance(value, Instance) and isinstance(value.cls, ProjectClass):
            yield value.cls
        elif isinstance(value, Collection):
            yield from _classes(value.items)
