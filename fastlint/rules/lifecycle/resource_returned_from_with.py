"""FL309: a function returns out of a `with` what the `with` closes."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.providers import Acquisition, Provider
from fastlint.facts.model import Event
from fastlint.facts.structure import regions_around, unwrapped
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.acquiring import links, noun
from fastlint.rules.lifecycle.giving_back import yield_within
from fastlint.rules.model_rule import ModelRule

KINDS = frozenset({"client", "connection", "file", "session"})


class ResourceReturnedFromWith(ModelRule):
    """Looks at the functions of requests that return out of a `with`."""

    code = "FL309"

    def find(self) -> Iterator[Finding]:
        """Report a `return` of what is closed by it."""
        seen = set()
        for frame in self.application.requests:
            facts = frame.function.facts
            if frame.function in seen or facts.is_generator or not _may_return_out_of_with(frame):
                continue
            seen.add(frame.function)
            provider = self.application.providers.of(frame)
            for acquisition in provider.acquisitions:
                if acquisition.resource.kind in KINDS:
                    for event in _returns(provider, acquisition):
                        yield self._finding(provider, acquisition, event)

    def _finding(self, provider: Provider, acquisition: Acquisition, event: Event) -> Finding:
        frame, what = provider.frame, noun(acquisition)
        name = event[1][1]
        if what == "session":
            result = "a session that is used after it was closed opens a connection again, and nobody gives that back"
        else:
            result = f"whoever gets `{name}` cannot use it any more"
        message = (
            f"this `with` closes the {what} `{name}` as soon as it is returned{self.where(frame)}: {result}"
        )
        if "dependency" in self.application.kinds_of(frame):
            advice = f"Write `yield {name}` instead of `return {name}`"
        else:
            advice = (
                f"Do in the `with` what needs `{name}`, or make the function a context manager that yields it"
            )
        fix = yield_within(self.application, provider, event)
        return self.finding(frame, event[5], message, advice, chain=links(acquisition), fix=fix)


def _may_return_out_of_with(frame: Frame) -> bool:
    facts = frame.function.facts
    return any("with" in region[0] for region in facts.regions) and any(
        event[0] == "return" and event[1][0] == "name" for event in facts.events
    )


def _returns(provider: Provider, acquisition: Acquisition) -> Iterator[Event]:
    """Yield the `return` of a resource in a `with` that closes it."""
    for event in provider.facts.events:
        if event[0] != "return" or event[1][0] != "name" or event[1][1] not in acquisition.names:
            continue
        for region in regions_around(provider.facts, event[5], "with", "async with"):
            manager = unwrapped(region[2])
            if manager is acquisition.expr or (manager[0] == "name" and manager[1] in acquisition.names):
                yield event
                break
