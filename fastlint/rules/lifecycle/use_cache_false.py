"""FL318: A dependency runs again in a request that has its value already."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.repeated import gives_session, repetitions
from fastlint.application.solving import Run
from fastlint.project.performs import Step
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.scopes import use_cache
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

WAITS = {
    "query": "asks the database",
    "write": "writes to the database",
    "commit": "commits",
    "command": "asks a server",
    "request": "waits for another service",
}
"""What is worth doing once; two sessions in one request are FL319."""


class UseCacheFalse(ModelRule):
    """A dependency runs again in a request that has its value already."""

    code = "FL318"

    def find(self) -> Iterator[Finding]:
        """Look at every dependency that runs twice because of `use_cache=False`."""
        for repetition in repetitions(self.application):
            need = repetition.need
            waits = self._waits(repetition.run)
            if need.use_cache or waits is None or gives_session(self.application, need):
                continue
            word, step = waits
            name = render(need.call[2][0]) if need.call[2] else "the dependency"
            yield self.finding(
                need.frame,
                need.call[4],
                f"`{name}` runs again in {self.application.labels(repetition.routes)}, where another dependency or "
                f"parameter has its value already, and {WAITS[word]} each time",
                "Remove `use_cache=False`: one value serves the whole request",
                chain=self.chain(step, word),
                entries=self.application.serving(repetition.routes),
                fix=use_cache(need),
            )

    def _waits(self, run: Run) -> tuple[str, Step] | None:
        """Return what the dependency waits for, and the way there."""
        for frame in run.frames:
            for word in WAITS:
                step = self.application.performs.step(frame, word)
                if step is not None:
                    return word, step
        return None
