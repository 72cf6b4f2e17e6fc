"""What running a function does below it: queries, requests, commits, by the nearest way."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from fastlint.project.calls import CallResolver, Site
from fastlint.project.program import Frame

REQUESTING = frozenset({"http", "sdk", "network"})
"""Kinds of blocking calls that wait for another service."""


class Step(NamedTuple):
    """The nearest way from a frame to a library call that does something."""

    site: Site
    """The place in the frame to go through."""
    callee: Frame | None
    """What it runs there; None where the place is the library call itself."""
    name: str
    """The library call, by its dotted name."""
    length: int


class Performs:
    """Answers what a frame does, directly or through what it calls and awaits.

    Followed are plain calls and awaited coroutines: what is over when the call is. Tasks, callbacks and
    what is handed to a thread without being awaited are not.
    """

    def __init__(self, resolver: CallResolver) -> None:
        self.resolver = resolver
        self._steps: dict[Frame, dict[str, Step]] = {}
        self._seen: set[Frame] = set()
        self._callers: dict[Frame, list[Site]] = defaultdict(list)
        self._told: dict[tuple[Frame, str], tuple[Step, int]] = {}
        """How many callers of a frame know of which step."""

    def step(self, frame: Frame, word: str) -> Step | None:
        """Return the first step of the nearest way to what the word says ("query"), or None."""
        if frame not in self._seen:
            self._explore(frame)
        return self._settled(frame, word)

    def is_without(self, frame: Frame, word: str) -> bool:
        """Tell whether it is known already that a frame leads to nothing that the word says."""
        return frame in self._seen and self._settled(frame, word) is None

    def _settled(self, frame: Frame, word: str) -> Step | None:
        steps = self._steps.get(frame)
        return steps.get(word) if steps is not None else None

    def at(self, site: Site, word: str) -> list[Step]:
        """Return the ways that begin at a site: through the site itself, or what it calls and awaits."""
        found = [Step(site, None, name, 1) for name, words in performed(site) if word in words]
        for callee in followed(site):
            below = self.step(callee, word)
            if below is not None:
                found.append(Step(site, callee, below.name, below.length + 1))
        return sorted(found, key=lambda step: step.length)

    def chain(self, step: Step, word: str) -> list[Step]:
        """Return the steps from one down to the library call."""
        steps = [step]
        seen = {step.site.frame}
        while steps[-1].callee is not None and steps[-1].callee not in seen:
            callee = steps[-1].callee
            seen.add(callee)
            following = self._settled(callee, word)
            if following is None:
                break
            steps.append(following)
        return steps

    def blocks(self, step: Step, word: str) -> bool:
        """Tell whether a way ends in a call that keeps the thread waiting in which the way began."""
        steps = self.chain(step, word)
        if any(each.callee is not None and each.callee in each.site.in_thread for each in steps):
            return False
        return any(sink.name == steps[-1].name for sink in steps[-1].site.sinks)

    def is_sure(self, way: Sequence[Step], word: str) -> bool:
        """Tell whether all that a way may run does it, not only one of several implementations or classes."""
        if any(_chooses_class(step) for step in way[1:]):
            return False
        return all(
            self.step(callee, word) is not None
            for step in way
            if step.callee is not None
            for callee in followed(step.site)
            if callee.function.facts.name == step.callee.function.facts.name
        )

    def _explore(self, start: Frame) -> None:
        self._seen.add(start)
        queue = deque([start])
        settled: deque[tuple[Frame, str]] = deque()
        while queue:
            frame = queue.popleft()
            for site in self.resolver.sites(frame):
                for name, words in performed(site):
                    for word in words:
                        self._offer(settled, frame, word, Step(site, None, name, 1))
                for callee in followed(site):
                    self._callers[callee].append(site)
                    if callee in self._seen:
                        steps = self._steps.get(callee, {})
                        settled.extend((callee, word) for word in WORDS if word in steps)
                    else:
                        self._seen.add(callee)
                        queue.append(callee)
        while settled:
            callee, word = settled.popleft()
            step, callers = self._steps[callee][word], self._callers.get(callee, [])
            known, told = self._told.get((callee, word), (None, 0))
            self._told[callee, word] = step, len(callers)
            for site in callers[told if known is step else 0 :]:
                self._offer(settled, site.frame, word, Step(site, callee, step.name, step.length + 1))

    def _offer(self, settled: deque[tuple[Frame, str]], frame: Frame, word: str, step: Step) -> None:
        steps = self._steps.setdefault(frame, {})
        known = steps.get(word)
        if known is None or step.length < known.length:
            steps[word] = step
            settled.append((frame, word))


def _chooses_class(step: Step) -> bool:
    """Tell whether a branch makes an object that does it while it is made: one of several, then."""
    return (
        step.callee is not None and step.callee.function.facts.name == "__init__" and step.site.event[3] > 0
    )


def distance(way: Sequence[Step]) -> int:
    """Return how many calls a way has that a reader would count: those of wrappers of decorators are none."""
    return len(way) - sum(1 for before, after in pairwise(way) if _is_wrapped(before, after))


def _is_wrapped(before: Step, after: Step) -> bool:
    """Tell whether one step enters a wrapper, and the next calls what it wraps: a parameter of the decorator."""
    if before.callee is None or after.callee is None:
        return False
    decorator = before.callee.function.parent
    call = after.site.event[1]
    return (
        decorator is not None
        and after.site.event[0] in ("call", "drop")
        and call[1][0] == "name"
        and call[1][1] in decorator.parameters
    )


WORDS = ("query", "write", "command", "commit", "rollback", "flush", "refresh", "close", "request", "sleep")


def performed(site: Site) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the library calls of a site with what they do; what blocks on a network is a request."""
    yield from site.acts
    for sink in site.sinks:
        if sink.effect.kind in REQUESTING:
            yield sink.name, frozenset({"request"})
        elif sink.effect.kind == "sleep":
            yield sink.name, frozenset({"sleep"})


def followed(site: Site) -> Iterator[Frame]:
    """Yield the frames that have run when the place of the site is passed."""
    yield from site.runs
    if site.is_awaited:
        yield from site.starts
        yield from site.in_thread
