"""FL413: Clients fetch again what they have already."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.cached import PublicAnswers
from fastlint.project.program import Frame
from fastlint.project.values import Collection
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading


class MissingHttpValidators(ModelRule):
    """Clients fetch again what they have already."""

    code = "FL413"

    def find(self) -> Iterator[Finding]:
        """Look at routes without parameters whose list is the same for everybody."""
        answers = PublicAnswers(self.application)
        for route, frame in answers.routes():
            values = self.application.responses.declared_values(route, frame)
            if not any(isinstance(value, Collection) for value in values) or not self._has_no_parameters(
                frame
            ):
                continue
            if self.application.performs.step(frame, "query") is None or self._has_etag(answers, frame):
                continue
            yield self.finding(
                frame,
                heading(frame.function),
                f"{self.application.label(route)} sends everything each time, to clients that have it already",
                "Send an `ETag` or `Last-Modified` header, and answer 304 to a client that names it; "
                "or allow it to keep the answer with `Cache-Control: max-age=60`",
            )

    def _has_no_parameters(self, frame: Frame) -> bool:
        return all(self.application.is_injected(frame, p) for p in frame.function.facts.parameters)

    def _has_etag(self, answers: PublicAnswers, frame: Frame) -> bool:
        """Tell whether something sets the headers: the program, or fastapi-cache2, which does it by itself."""
        return answers.sets_headers(frame) or answers.is_cached(frame)
