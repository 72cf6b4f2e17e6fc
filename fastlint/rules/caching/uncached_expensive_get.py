"""FL412: The same answer is worked out again for every client."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.cached import PublicAnswers
from fastlint.project.performs import Step
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading


class UncachedExpensiveGet(ModelRule):
    """The same answer is worked out again for every client."""

    code = "FL412"

    def find(self) -> Iterator[Finding]:
        """Look at routes that know nothing of who asks and ask another service, or the same of the database."""
        answers = PublicAnswers(self.application)
        for route, frame in answers.routes():
            found = self._expensive(frame)
            if (
                found is None
                or answers.is_cached(frame)
                or answers.calls_cached(frame)
                or answers.sets_headers(frame)
            ):
                continue
            step, word = found
            what = "another service" if word == "request" else "the database"
            yield self.finding(
                frame,
                heading(frame.function),
                f"{self.application.label(route)} asks {what} each time, for an answer that is the same for everybody",
                "Keep the answer for some seconds or minutes: `@cache(expire=60)` of fastapi-cache2, "
                "or a `TTLCache` around what is asked",
                chain=self.chain(step, word),
            )

    def _expensive(self, frame: Frame) -> tuple[Step, str] | None:
        """Return the way to a request, or to a query that no parameter of the route can change."""
        performs = self.application.performs
        step = performs.step(frame, "request")
        if step is not None:
            return step, "request"
        step = performs.step(frame, "query")
        parameters = frame.function.facts.parameters
        if step is not None and all(
            self.application.is_injected(frame, parameter) for parameter in parameters
        ):
            return step, "query"
        return None
