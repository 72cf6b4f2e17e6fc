"""FL215: A database connection is kept while something else is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fastlint.diagnostics import Severity
from fastlint.facts.model import Event, Expr, FunctionFacts, Region
from fastlint.facts.structure import blocks_around, is_inside, regions_around
from fastlint.project.calls import Site
from fastlint.project.performs import Step, distance
from fastlint.project.program import Frame, Function
from fastlint.project.sessions import CONNECTIONS, RETURNING, TAKING, Path, Sessions, Use
from fastlint.project.values import Instance
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

ENTERING = frozenset({"enter", "aenter"})
BROKERS = ("dramatiq.", "celery.", "kombu.", "pika.", "rq.", "kafka.", "confluent_kafka.")
"""Libraries that put a message into a queue, which takes no longer than a query."""
FARTHEST = 5
"""Of a request that is more calls away than this, nobody can say that it is sent each time."""


class Held(NamedTuple):
    """A connection that a function keeps: since which place, by which session."""

    path: Path
    event: Event
    """The statement that took it, or the `with` that opened it."""
    region: Region | None
    """The block of that `with`, whose end gives it back."""


class Waits(NamedTuple):
    """A place that waits for something else meanwhile."""

    held: Held
    site: Site
    step: Step
    word: str


class ConnectionHeldAcrossIo(ModelRule):
    """A database connection is kept while something else is waited for."""

    code = "FL215"

    def find(self) -> Iterator[Finding]:
        """Look at every function that a client waits for; of nested ones the innermost is reported."""
        application = self.application
        self.sessions = Sessions(application.inference, application.resolver)
        found: dict[tuple[Function, Path], Waits] = {}
        for frame in application.waited_for:
            for waits in self._in_frame(frame):
                found.setdefault((frame.function, waits.held.path), waits)
        guilty = {function for function, _ in found}
        for (function, _), waits in found.items():
            below = application.performs.chain(waits.step, waits.word)
            if not any(s.callee is not None and s.callee.function in guilty - {function} for s in below):
                yield self._finding(waits)

    def _in_frame(self, frame: Frame) -> Iterator[Waits]:
        """Follow a function in source order: connections are taken, given back, and kept over a wait."""
        performs = self.application.performs
        if performs.is_without(frame, "request") and performs.is_without(frame, "sleep"):
            return
        sites = self.application.resolver.sites(frame)
        waiting = [self._waits(site) for site in sites]
        if not any(waiting):
            return
        held = self._opened(frame)
        reported: set[Path] = set()
        for site, waits in zip(sites, waiting, strict=True):
            for path, taken in list(held.items()) if waits is not None else ():
                step, word = waits or (None, "")
                if step is None or path in reported or self._gives_back_first(site, path, step, word):
                    continue
                if _still_holds(taken, site):
                    reported.add(path)
                    yield Waits(taken, site, step, word)
            self._follow(site, held)

    def _follow(self, site: Site, held: dict[Path, Held]) -> None:
        """Note what a place does to the connections of the function's sessions."""
        facts = site.frame.function.facts
        for use in self._in_order(site):
            if use.words & TAKING and not use.is_connection:
                held.setdefault(use.path, Held(use.path, site.event, None))
            elif use.words & RETURNING and not self._is_way_out(facts, site.event):
                held.pop(use.path, None)

    def _in_order(self, site: Site) -> list[Use]:
        """Return the uses at a place; of those in a callee the last decides whether a connection is kept."""
        last: dict[Path, Use] = {}
        for use in self.sessions.at(site):
            is_left = any(
                self._is_way_out(u.site.frame.function.facts, u.site.event) for u in use.chain()[1:]
            )
            if not (use.words & RETURNING and is_left):
                last[use.path] = use
        return list(last.values())

    def _is_way_out(self, facts: FunctionFacts, event: Event) -> bool:
        """Tell whether a place runs only when something failed, or before the function ends early."""
        if regions_around(facts, event[5], "except"):
            return True
        if event[3] == 0:
            return False
        return any(e[0] in ("return", "raise") and e[3] == event[3] and e[5] > event[5] for e in facts.events)

    def _opened(self, frame: Frame) -> dict[Path, Held]:
        """Return the connections that `with` opens: they are held in all of its block, and commits keep them."""
        facts = frame.function.facts
        found: dict[Path, Held] = {}
        for event in facts.events:
            if event[0] not in ENTERING:
                continue
            region = next((r for r in facts.regions if r[2] is event[1]), None)
            bound = _name_of(facts, event[1])
            if region is not None and bound is not None and self._is_connection(bound[1], frame):
                found[("with", bound[0])] = Held((bound[0],), event, region)
        return found

    def _is_connection(self, expr: Expr, frame: Frame) -> bool:
        inference = self.application.inference
        return any(
            isinstance(value, Instance) and any(inference.is_subclass(value, base) for base in CONNECTIONS)
            for value in inference.values(expr, frame)
        )

    def _waits(self, site: Site) -> tuple[Step, str] | None:
        """Return how a place waits for another service, or pauses."""
        facts = site.frame.function.facts
        if regions_around(facts, site.event[5], "except"):
            return None
        if (
            any(act.words & {"sleep"} for act in site.acts)
            and site.is_awaited
            and not _is_zero(site.event[1])
        ):
            return Step(site, None, next(act.name for act in site.acts), 1), "sleep"
        for step in self.application.performs.at(site, "request"):
            if step.callee is None and not site.is_awaited and not site.sinks:
                continue  # the coroutine only
            if step.name.startswith(BROKERS):
                continue
            way = self.application.performs.chain(step, "request")
            is_sure = distance(way) <= FARTHEST and self.application.performs.is_sure(way, "request")
            return (step, "request") if is_sure else None
        return None

    def _blocks(self, waits: Waits) -> bool:
        """Tell whether the wait blocks the event loop: then no other request can ask for the connection."""
        facts = waits.site.frame.function.facts
        return facts.is_async and self.application.performs.blocks(waits.step, waits.word)

    def _gives_back_first(self, site: Site, path: Path, step: Step, word: str) -> bool:
        """Tell whether what is called ends the transaction before it sends its request."""
        below = self.application.performs.chain(step, word)[1:]
        place = below[0].site.event[5] if below else None
        uses = [u.inner for u in self.sessions.at(site) if u.path == path and u.words & RETURNING]
        return place is not None and any(
            use is not None
            and use.site.frame is below[0].site.frame
            and use.site.event[5] < place
            and not self._is_way_out(use.site.frame.function.facts, use.site.event)
            for use in uses
        )

    def _finding(self, waits: Waits) -> Finding:
        site, held = waits.site, waits.held
        what = "pauses" if waits.word == "sleep" else "waits for another service"
        owner = ".".join(held.path)
        row = held.event[5][0]
        if held.region is not None:
            since = f"`{owner}` keeps the connection that `{render(held.event[1])}` (line {row}) took from the pool"
            advice = f"Call `{render(site.event[1])}` before or after the block of `{render(held.event[1])}`"
        else:
            since = f"`{owner}` keeps the connection that `{render(held.event[1])}` (line {row}) took from the pool"
            advice = (
                f"End the transaction first (`{owner}.commit()`, with `expire_on_commit=False`), "
                f"or call `{render(site.event[1])}` before the first query"
            )
        return self.finding(
            site.frame,
            site.event[5],
            f"`{render(site.event[1])}` {what}{self.where(site.frame)}, and meanwhile {since}",
            advice,
            Severity.INFO if self._blocks(waits) else None,
            chain=self.chain(waits.step, waits.word),
        )


def _still_holds(held: Held, site: Site) -> bool:
    """Tell whether what was taken at one place is surely still taken at a later one."""
    facts = site.frame.function.facts
    place = site.event[5]
    if held.region is not None:
        return is_inside(place, held.region[1])
    taken = held.event
    if taken[2] == site.event[2]:
        return False  # in one statement: the request may come first, or run at the same time
    if taken[3] not in {index for index, _, _ in blocks_around(facts, site.event[3])}:
        return False
    if regions_around(facts, taken[5], "except", "finally") and taken[3] != site.event[3]:
        return False
    around = regions_around(facts, taken[5], "with", "async with")
    return all(is_inside(place, region[1]) for region in around)


def _name_of(facts: FunctionFacts, context: Expr) -> tuple[str, Expr] | None:
    """Return the name that `with` binds what a context manager gives to, and that value."""
    for name, bindings in facts.bindings.items():
        for _, _, value in bindings:
            if value[0] in ENTERING and value[1] is context:
                return name, value
    return None


def _is_zero(call: Expr) -> bool:
    return call[0] == "call" and bool(call[2]) and call[2][0] == ("const", 0)
