"""FL304: a generator acquires a session or connection and has no line that gives it back."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.providers import Acquisition, Provider
from fastlint.facts.model import Expr
from fastlint.facts.structure import events_in, regions_around
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.acquiring import called, links, noun
from fastlint.rules.lifecycle.giving_back import close_in_finally
from fastlint.rules.model_rule import ModelRule


class MissingClose(ModelRule):
    """Looks at dependencies and context managers that yield."""

    code = "FL304"

    def find(self) -> Iterator[Finding]:
        """Report an acquisition that nothing ends."""
        providers = self.application.providers
        for provider in self._generators():
            for acquisition in provider.acquisitions:
                if not acquisition.is_pooled or not (acquisition.names or acquisition in provider.given):
                    continue
                if providers.leaks(provider, acquisition) and not _ends_transaction(provider, acquisition):
                    yield self._finding(provider, acquisition)

    def _generators(self) -> Iterator[Provider]:
        """Yield the dependencies that yield, and the context managers that requests enter."""
        providers = self.application.providers
        seen = set()
        for provider in providers.dependencies():
            seen.add(provider.frame.function)
            if provider.yields:
                yield provider
        for frame in self.application.requests:
            function = frame.function
            if (
                function not in seen
                and function.facts.is_generator
                and _is_manager(function.facts.decorators)
            ):
                seen.add(function)
                yield providers.of(frame)

    def _finding(self, provider: Provider, acquisition: Acquisition) -> Finding:
        what, call = noun(acquisition), called(acquisition)
        name = acquisition.names[0] if acquisition.names else what
        message = (
            f"`{provider.facts.name}` never closes the {what} of `{call}`{self.where(provider.frame)}: "
            "each request can keep a connection of the pool, until there is none left"
        )
        with_ = "async with" if provider.facts.is_async else "with"
        advice = f"Write `{with_} {call} as {name}:` around the `yield`, or close `{name}` in a `finally`"
        fix = close_in_finally(self.application, provider, acquisition)
        return self.finding(
            provider.frame, acquisition.span, message, advice, chain=links(acquisition), fix=fix
        )


def _is_manager(decorators: list[Expr]) -> bool:
    names = [d[2] if d[0] == "attr" else d[1] for d in decorators if d[0] in ("attr", "name")]
    return any(name in ("contextmanager", "asynccontextmanager") for name in names)


def _ends_transaction(provider: Provider, acquisition: Acquisition) -> bool:
    """Tell whether a session gives its connection back by a commit or rollback, whether or not the route failed."""
    if acquisition.resource.kind != "session" or not provider.yields:
        return False
    facts, first = provider.facts, provider.yields[0][5]
    tries = [region[3] for region in regions_around(facts, first, "try")]
    always = failed = passed = False
    for event in events_in(facts, facts.span, "call", "drop"):
        base = event[1][1]
        if base[0] != "attr" or base[2] not in ("commit", "rollback") or not acquisition.is_held_by(base[1]):
            continue
        around = [r for r in regions_around(facts, event[5], "except", "finally") if r[3] in tries]
        always = always or any(region[0] == "finally" for region in around)
        failed = failed or any(region[0] == "except" for region in around)
        passed = passed or (event[5] > first and not around)
    return always or (failed and passed)
