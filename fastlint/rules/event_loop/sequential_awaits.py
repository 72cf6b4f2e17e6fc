"""FL114: Requests that need nothing of each other are awaited one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fastlint.application.independence import Independence, changes_something, in_error_path, signs_in
from fastlint.facts.model import FunctionFacts
from fastlint.facts.rounds import root
from fastlint.facts.structure import is_inside, regions_around, walk
from fastlint.project.calls import Site
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

TURNS = frozenset({"yield", "return", "raise", "break", "continue", "test"})


class SequentialAwaits(ModelRule):
    """Requests that need nothing of each other are awaited one after the other."""

    code = "FL114"

    def find(self) -> Iterator[Finding]:
        """Look at every coroutine function that a client waits for."""
        application = self.application
        self.independence = Independence(application)
        for frame in application.waited_for:
            if frame.function.facts.is_async:
                yield from self._in_frame(frame)

    def _in_frame(self, frame: Frame) -> Iterator[Finding]:
        facts = frame.function.facts
        requests = [
            site
            for site in self.application.resolver.sites(frame)
            if self.independence.request(site) is not None
            and not self.independence.is_dropped(site)
            and not in_error_path(facts, site)
            and not signs_in(site.event[1])
        ]
        groups: list[list[Site]] = []
        for before, after in pairwise(requests):
            if not self._are_independent(before, after):
                continue
            if groups and groups[-1][-1] is before and self._are_independent(groups[-1][0], after):
                groups[-1].append(after)
            else:
                groups.append([before, after])
        for group in groups:
            yield self._finding(group)

    def _are_independent(self, before: Site, after: Site) -> bool:
        """Tell whether the second of two requests needs nothing of the first, and comes whatever that answers."""
        facts = before.frame.function.facts
        if before.event[3] != after.event[3] or before.event[2] == after.event[2]:
            return False
        if regions_around(facts, before.event[5]) != regions_around(facts, after.event[5]):
            return False
        first, last = before.event[2], after.event[2]
        between = [e for e in facts.events if first <= e[2] <= last]
        if any(e[0] in TURNS or (e[0] in ("drop", "set", "setitem") and e[2] < last) for e in between):
            return False
        way = self.independence.request(before)
        if way is not None and changes_something(before, way) and _asks_the_same(before, after):
            return False
        return not _reads(after, _names_made(facts, first, last))

    def _finding(self, group: list[Site]) -> Finding:
        calls = [f"`{render(site.event[1])}`" for site in group]
        first = self.independence.request(group[0])
        return self.finding(
            group[0].frame,
            group[-1].event[5],
            f"{calls[-1]} waits for {' and '.join(calls[:-1])}{self.where(group[0].frame)}, and needs nothing of it; "
            "the times add up",
            f"Await them together: `await asyncio.gather({', '.join(call.strip('`') for call in calls)})`",
            chain=self.chain(first, "request") if first is not None else (),
        )


def _asks_the_same(before: Site, after: Site) -> bool:
    """Tell whether two calls may be about the same: not if they are methods of different objects."""
    callees = before.event[1][1], after.event[1][1]
    if any(callee[0] != "attr" for callee in callees):
        return True
    return root(callees[0]) in ("", root(callees[1]))


def _names_made(facts: FunctionFacts, first: int, last: int) -> set[str]:
    """Return the names that statements from one up to another bind, and those that are made from them."""
    spans = [facts.statements[index][0] for index in range(first, last)]
    events = {id(e[1]) for e in facts.events if any(is_inside(e[5], span) for span in spans)}
    parts = {
        name: [part for _, _, value in bindings for part in walk(value)]
        for name, bindings in facts.bindings.items()
    }
    made = {name for name, found in parts.items() if any(id(part) in events for part in found)}
    pending = list(made)
    while pending:
        source = pending.pop()
        for name, found in parts.items():
            if name not in made and any(part[0] == "name" and part[1] == source for part in found):
                made.add(name)
                pending.append(name)
    return made


def _reads(site: Site, made: set[str]) -> bool:
    """Tell whether a call reads one of the names."""
    return any(part[0] == "name" and part[1] in made for part in walk(site.event[1]))
