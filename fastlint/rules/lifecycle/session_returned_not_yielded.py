"""FL301: a dependency returns a session or connection that nobody closes."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.dependencies import Injection
from fastlint.application.providers import Acquisition, Provider, closings
from fastlint.facts.model import Span
from fastlint.facts.structure import mentions
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.acquiring import called, links, noun
from fastlint.rules.lifecycle.giving_back import yield_and_close
from fastlint.rules.model_rule import ModelRule


class SessionReturnedNotYielded(ModelRule):
    """Looks at dependencies that return what they acquire."""

    code = "FL301"

    def find(self) -> Iterator[Finding]:
        """Report the `return` of a dependency whose session stays open."""
        providers = self.application.providers
        for provider in providers.dependencies():
            if provider.facts.is_generator:
                continue
            for acquisition in provider.given:
                if not acquisition.is_pooled or not providers.leaks(provider, acquisition):
                    continue
                users = providers.injections(provider)
                if not all(self._is_closed_by(injection) for injection in users):
                    yield self._finding(provider, acquisition)

    def _is_closed_by(self, injection: Injection) -> bool:
        """Tell whether the function that asks for the session closes it itself."""
        if "memoises" in getattr(injection.need.provider, "marks", ()):
            return True  # one for all requests
        user = injection.user
        users = [user] if isinstance(user, Frame) and injection.need.parameter else []
        names = [injection.need.parameter]
        return any(
            closings(user.function.facts, names)
            or any("with" in r[0] and mentions(r[2], names[0]) for r in user.function.facts.regions)
            or self.application.providers.is_closed_below(user, names)
            for user in users
        )

    def _finding(self, provider: Provider, acquisition: Acquisition) -> Finding:
        what, frame = noun(acquisition), provider.frame
        name = provider.facts.name
        given = acquisition.names[0] if acquisition.names else what
        message = (
            f"`{name}` returns the {what} of `{called(acquisition)}`, and nobody closes it{self.where(frame)}: "
            "each request can keep a connection of the pool, until there is none left"
        )
        with_ = "async with" if provider.facts.is_async else "with"
        advice = f"Write `{with_} {called(acquisition)} as {given}:` and `yield {given}` in it, instead of `return`"
        if acquisition.name.startswith(("psycopg2.", "sqlite3.")):
            advice = f"Write `try: yield {given}` and `finally: {given}.close()`, instead of `return`"
        place = _place(provider, acquisition)
        fix = yield_and_close(self.application, provider, acquisition, place)
        return self.finding(frame, place, message, advice, chain=links(acquisition), fix=fix)


def _place(provider: Provider, acquisition: Acquisition) -> Span:
    """Return where the resource is returned."""
    for kind, expr, _, _, _, span in provider.facts.events:
        if kind == "return" and acquisition.is_handed_out(expr):
            return span
    return acquisition.span
