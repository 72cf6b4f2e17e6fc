"""FL303: `finally` uses a name that the `try` before it may not have bound."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.providers import Acquisition, Provider
from fastlint.diagnostics import Severity
from fastlint.facts.model import Event, Region
from fastlint.facts.structure import is_inside, mentions, regions_around, unwrapped
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.acquiring import called, links, noun
from fastlint.rules.lifecycle.giving_back import acquire_before_try
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class FinallyUsesUnboundName(ModelRule):
    """Looks at acquisitions in the `try` whose `finally` gives them back."""

    code = "FL303"

    def find(self) -> Iterator[Finding]:
        """Report an acquisition that has to come before its `try`."""
        providers = self.application.providers
        seen = set()
        for dependency in providers.dependencies():
            for provider in (dependency, *providers.managers(dependency)):
                if provider.frame.function in seen:
                    continue
                seen.add(provider.frame.function)
                for acquisition in provider.acquisitions:
                    used = _use_in_finally(provider, acquisition)
                    if used is not None:
                        yield self._finding(provider, acquisition, used)

    def _finding(self, provider: Provider, acquisition: Acquisition, used: Event) -> Finding:
        name = acquisition.names[0]
        connects = acquisition.resource.kind != "session"
        severity = Severity.ERROR if connects else Severity.WARNING
        message = (
            f"if `{called(acquisition)}` fails{self.where(provider.frame)}, `{render(used[1])}` in `finally` fails as "
            f"well, because `{name}` does not exist yet: logs show an UnboundLocalError in place of the cause"
        )
        advice = f"Move `{name} = {called(acquisition)}` above the `try`; no {noun(acquisition)} is open if it fails"
        return self.finding(
            provider.frame,
            acquisition.span,
            message,
            advice,
            severity,
            chain=links(acquisition),
            fix=acquire_before_try(acquisition, name, connects=connects),
        )


def _use_in_finally(provider: Provider, acquisition: Acquisition) -> Event | None:
    """Return what fails in a `finally` if the acquisition in its `try` failed."""
    facts = provider.facts
    for name in acquisition.names:
        if not _is_first(provider, acquisition, name):
            continue
        for region in regions_around(facts, acquisition.span, "try"):
            for ending in facts.regions:
                if ending[0] == "finally" and ending[3] == region[3]:
                    used = _use(provider, ending, name)
                    if used is not None:
                        return used
    return None


def _is_first(provider: Provider, acquisition: Acquisition, name: str) -> bool:
    """Tell whether a name has no value before the acquisition."""
    bindings = provider.facts.bindings.get(name, [])
    if name in provider.frame.function.parameters or name in provider.facts.outer_names or not bindings:
        return False
    time = min(time for time, _, value in bindings)
    return any(t == time and unwrapped(value) is acquisition.expr for t, _, value in bindings)


def _use(provider: Provider, ending: Region, name: str) -> Event | None:
    """Return the first use of a name in a `finally`, unless something asks before whether it is bound."""
    events = [event for event in provider.facts.events if is_inside(event[5], ending[1])]
    for event in events:
        if (
            event[0] in ("call", "drop")
            and event[1][1][0] == "name"
            and event[1][1][1] in ("locals", "vars", "dir")
        ):
            return None
    for event in events:
        if event[0] in ("call", "drop", "enter", "aenter") and mentions(event[1], name):
            guards = regions_around(provider.facts, event[5], "try", "with")
            return None if any(is_inside(guard[1], ending[1]) for guard in guards) else event
    return None
