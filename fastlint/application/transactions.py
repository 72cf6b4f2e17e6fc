"""Transactions that have written and not ended yet: the database keeps what they wrote locked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from typing import NamedTuple

from fastlint.application.dependencies import Injection
from fastlint.application.row_changes import RowChanges
from fastlint.facts.model import Event, FunctionFacts
from fastlint.facts.structure import blocks_around, called_name, loops_around, regions_around, walk
from fastlint.project.calls import Site
from fastlint.project.performs import followed
from fastlint.project.program import Frame
from fastlint.project.sessions import RETURNING, Path, Sessions, Use

WRITING = frozenset({"insert", "update", "delete", "with_for_update"})
"""What makes a statement one that locks rows."""
MAKING_SESSIONS = frozenset({"sessionmaker", "Session"})
ANY: Path = ("*",)
"""In place of a session that a dependency has used."""
DEEPEST = 12


class Left(NamedTuple):
    """What a function leaves in the sessions that it uses; several ways out of it are taken together."""

    written: frozenset[Path] = frozenset()
    """Sessions that may have sent what locks rows, and not ended their transaction."""
    ended: frozenset[Path] = frozenset()
    """Sessions that have surely ended a transaction."""
    changes: bool = False
    """Whether it may have changed objects of other sessions than its own, to be sent with the next query."""
    settled: frozenset[Path] = frozenset()
    """Sessions that have ended their transaction since."""


class Change(NamedTuple):
    """A change of objects that some session sends with its next query."""

    event: Event | None
    """Where it happens; None for before the function."""
    settled: set[Path]
    """The sessions that have ended their transaction since."""
    is_own: bool
    """Whether the session is one that the function itself has opened."""


class Progress:
    """What has become of sessions on the way to a place of a function."""

    def __init__(self, facts: FunctionFacts, place: Event | None) -> None:
        self._facts = facts
        self._place = place
        self._written: list[tuple[Path, Event | None]] = []
        self._changes: list[Change] = []
        self._ended: set[Path] = set()

    @property
    def is_open(self) -> bool:
        """Whether some session has written and not ended its transaction."""
        return bool(self._written)

    @property
    def has_changed(self) -> bool:
        """Whether the function, or what it calls, has changed objects."""
        return any(change.event is not None for change in self._changes)

    def is_changed_for(self, path: Path) -> bool:
        """Tell whether the next query of a session may send changes of objects."""
        return any(path not in change.settled for change in self._changes)

    def change(self, event: Event | None, settled: Iterable[Path] = (), *, is_own: bool = False) -> None:
        """Note that objects change, and which sessions have ended their transaction since."""
        self._changes.append(Change(event, set(settled), is_own))

    def write(self, path: Path, event: Event | None) -> None:
        """Note that a session sends what locks rows."""
        self._written.append((path, event))

    def end(self, path: Path, event: Event) -> None:
        """Note that a session ends its transaction: for what always comes to that."""
        is_sure = self._comes_before(event, self._place)
        if is_sure:
            self._ended.add(path)
        for change in self._changes:
            if is_sure or (change.event is not None and self._comes_before(event, change.event)):
                change.settled.add(path)
        self._written = [
            (each, before)
            for each, before in self._written
            if each not in (path, ANY)
            or not (is_sure or (before is not None and self._comes_before(event, before)))
        ]

    def left(self) -> Left:
        """Return what is left at the place."""
        settled = [
            change.settled for change in self._changes if change.event is not None and not change.is_own
        ]
        return Left(
            frozenset(path for path, _ in self._written),
            frozenset(self._ended),
            bool(settled),
            frozenset(set.intersection(*settled)) if settled else frozenset(),
        )

    def _comes_before(self, event: Event, other: Event | None) -> bool:
        """Tell whether a place runs whenever another one does: it is in no branch and no handler of its own."""
        around = {0} if other is None else {i for i, _, _ in blocks_around(self._facts, other[3])}
        own = regions_around(self._facts, event[5], "except", "else")
        theirs = regions_around(self._facts, other[5], "except", "else") if own and other is not None else []
        return event[3] in around and all(region in theirs for region in own)


class Transactions:
    """Answers where a plain session has rows locked."""

    def __init__(
        self, sessions: Sessions, given_to: Callable[[Collection[Frame]], Iterable[Injection]]
    ) -> None:
        self._resolver = sessions.resolver
        self._sessions = sessions
        self._row_changes = RowChanges(sessions.inference, sessions.resolver.models, sessions)
        self._given_to = given_to
        self._left: dict[tuple[Frame, bool], Left] = {}
        self._busy: set[Frame] = set()
        self._sites: dict[Frame, dict[int, Site]] = {}

    def holds_rows(self, site: Site) -> bool:
        """Tell whether a session that a function uses may keep rows locked when a place of it has run.

        Whoever waits for them on the event loop then keeps the transaction from ever going on.
        """
        frame, events = site.frame, site.frame.function.facts.events
        end = next((i for i, event in enumerate(events, 1) if event is site.event), len(events))
        progress = Progress(frame.function.facts, site.event)
        self._begin(progress, frame)
        self._follow(progress, frame, events[:end])
        loops = _loops(site.event, frame)
        if loops and not progress.is_open:
            later = [event for event in events[end:] if loops & _loops(event, frame)]
            again = [event for event in events[:end] if loops & _loops(event, frame)]
            self._follow(progress, frame, [*later, *again])
        return progress.is_open

    def spans_rows(self, frame: Frame) -> bool:
        """Tell whether rows may be locked when a function of FastAPI begins, or when it returns or yields."""
        given = self._before(frame)
        return any(map(self._leaves_rows, given)) or self._leaves_rows(
            frame, is_changed=any(self._after(each).changes for each in given)
        )

    def _leaves_rows(self, frame: Frame, *, is_changed: bool = False) -> bool:
        """Tell whether a function may end, or yield, while a session that it was given keeps rows locked."""
        written = self._after(frame, is_changed=is_changed).written
        return any(path[0] in frame.function.parameters for path in written)

    def _before(self, frame: Frame) -> list[Frame]:
        """Return the dependencies that have run when a function begins."""
        return [injection.frame for injection in self._given_to([frame]) if injection.frame is not None]

    def _begin(self, progress: Progress, frame: Frame) -> None:
        """Note what the dependencies of a function leave to it."""
        for given in self._before(frame):
            if self._leaves_rows(given):
                progress.write(ANY, None)
            if self._after(given).changes:
                progress.change(None)

    def _after(self, frame: Frame, *, is_changed: bool = False) -> Left:
        """Return what a function leaves, if objects have changed (or not) before it is called."""
        key = (frame, is_changed)
        if key not in self._left:
            if frame in self._busy or len(self._busy) > DEEPEST:
                return Left()
            self._busy.add(frame)
            facts = frame.function.facts
            ways = []
            for end in _ends(facts):
                progress = Progress(facts, facts.events[end] if end < len(facts.events) else None)
                if is_changed:
                    progress.change(None)
                self._follow(progress, frame, facts.events[:end])
                ways.append(progress.left())
            self._busy.discard(frame)
            self._left[key] = _together(ways)
        return self._left[key]

    def _follow(self, progress: Progress, frame: Frame, events: Iterable[Event]) -> None:
        """Note what events of a function do, one after the other."""
        sites = self._sites.get(frame)
        if sites is None:
            sites = {id(site.event): site for site in self._resolver.sites(frame)}
            self._sites[frame] = sites
        for event in events:
            for changed in self._row_changes.of(event, frame, is_added=progress.has_changed):
                progress.change(event, is_own=self._row_changes.is_own(changed, frame))
            site = sites.get(id(event))
            if site is not None:
                for use in self._sessions.at(site, []):
                    self._use(progress, use)
                self._call(progress, site)

    def _use(self, progress: Progress, use: Use) -> None:
        """Note a library call of a session."""
        event = use.site.event
        if use.words & RETURNING:
            progress.end(use.path, event)
        elif _is_plain(use) and (
            _writes(use) or (self._flushes_with_queries and progress.is_changed_for(use.path))
        ):
            progress.write(use.path, event)

    def _call(self, progress: Progress, site: Site) -> None:
        """Note what the functions do that a place runs or awaits; of several, nobody knows which it is."""
        event = site.event
        lefts = [self._seen_from(site, callee, progress) for callee in dict.fromkeys(followed(site))]
        for path in {path for left in lefts for path in left.ended}:
            progress.end(path, event)
        for left in lefts:
            for path in left.written:
                progress.write(path, event)
            if left.changes:
                progress.change(event, left.settled)

    def _seen_from(self, site: Site, callee: Frame, progress: Progress) -> Left:
        """Return what a function leaves that a place calls, in the sessions of the calling function."""
        unchanged, left = self._after(callee), self._after(callee, is_changed=True)

        def outside(paths: Iterable[Path]) -> frozenset[Path]:
            return frozenset(filter(None, (self._sessions.outside(path, callee, site) for path in paths)))

        sent = outside(left.written - unchanged.written)
        return Left(
            outside(unchanged.written) | {path for path in sent if progress.is_changed_for(path)},
            outside(left.ended),
            left.changes,
            outside(left.settled),
        )

    @cached_property
    def _flushes_with_queries(self) -> bool:
        """Whether some session of the program sends changes before it queries, as they do unless told otherwise."""
        inference = self._resolver.inference
        made = [
            expr
            for function in inference.program.functions_naming(MAKING_SESSIONS)
            for kind, expr, *_ in function.facts.events
            if kind in ("call", "drop") and called_name(expr) in MAKING_SESSIONS
        ]
        return not made or any(("autoflush", ("const", False)) not in call[3] for call in made)


def _ends(facts: FunctionFacts) -> list[int]:
    """Return how many events have run at the places where a function returns, or yields as a dependency does."""
    if facts.is_generator:
        return [i for i, event in enumerate(facts.events) if event[0] == "yield"]
    ends = [i for i, event in enumerate(facts.events) if event[0] == "return"]
    last = facts.events[-1] if facts.events else None
    if last is None or last[0] not in ("return", "raise") or last[3] != 0:
        ends.append(len(facts.events))
    return ends


def _together(ways: Collection[Left]) -> Left:
    """Return what is left whichever way a function took."""
    if not ways:
        return Left()
    changing = [way.settled for way in ways if way.changes]
    return Left(
        frozenset().union(*(way.written for way in ways)),
        frozenset.intersection(*(way.ended for way in ways)),
        bool(changing),
        frozenset.intersection(*changing) if changing else frozenset(),
    )


def _loops(event: Event, frame: Frame) -> set[int]:
    return {index for index, *_ in loops_around(frame.function.facts, event[3])}


def _is_plain(use: Use) -> bool:
    """Tell whether a session blocks its thread; one of a coroutine lets the others go on."""
    return "async" not in use.name.lower() and not use.name.startswith("aio")


def _writes(use: Use) -> bool:
    if use.words & {"flush", "write"}:
        return True
    return any(
        called_name(part) in WRITING
        if part[0] == "call"
        else part[0] == "const" and str(part[1]).strip().lower().startswith(tuple(WRITING))
        for part in walk(use.site.event[1])
    )
