"""FL319: One request gets two sessions from the same dependency."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.contexts import Application
from fastlint.application.dependencies import Need
from fastlint.application.repeated import Repetition, gives_session, repetitions
from fastlint.diagnostics import Severity
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.scopes import FunctionScopes, use_cache
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

WRITES = ("write", "flush", "commit")


class MixedScopeDependency(ModelRule):
    """One request gets two sessions from the same dependency."""

    code = "FL319"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._scopes = FunctionScopes(application)

    def find(self) -> Iterator[Finding]:
        """Look at every dependency that runs twice in one request and gives a session each time."""
        for repetition in repetitions(self.application):
            need, other = repetition.need, repetition.other
            if not gives_session(self.application, need):
                continue
            if need.scope == other.scope:
                yield self._finding(repetition, "`use_cache=False`", "")
            elif need.scope and other.scope:
                yield self._finding(repetition, _how(need), _how(other))

    def _finding(self, repetition: Repetition, how: str, before: str) -> Finding:
        need, other = repetition.need, repetition.other
        name = render(need.call[2][0]) if need.call[2] else "the dependency"
        reason = f"{how} here and {before} elsewhere" if before else f"{how} makes a second one"
        advice = (
            f"Use one scope for `{name}` wherever it is needed"
            if before
            else "Remove `use_cache=False`, or open a session of its own where the work needs one"
        )
        return self.finding(
            need.frame,
            need.call[4],
            f"{self.application.labels(repetition.routes)} gets two sessions from `{name}` ({reason}): what one of "
            "them writes the other does not see",
            advice,
            self._severity(repetition, is_deliberate=not before),
            entries=self.application.serving(repetition.routes),
            fix=self._scopes.of(need) if before else use_cache(need),
            notes=(f"the other `Depends` stands in {other.frame.function.module.path}:{other.call[4][0]}",),
        )

    def _severity(self, repetition: Repetition, *, is_deliberate: bool) -> Severity:
        """Two sessions that only read cost a connection."""
        if is_deliberate:
            return Severity.WARNING
        performs = self.application.performs
        for route in repetition.routes:
            frames = [*self.application.endpoints.get(route, ())]
            frames += [i.frame for i in self.application.needs(route) if i.frame is not None]
            if any(performs.step(frame, word) for frame in frames for word in WRITES):
                return Severity.ERROR
        return Severity.WARNING


def _how(need: Need) -> str:
    return f'`scope="{need.scope}"`'
