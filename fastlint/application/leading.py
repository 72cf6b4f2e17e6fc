"""Which entry points lead to a function, and over how many calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, pairwise

from fastlint.application.model import REQUEST, Entry
from fastlint.project.program import Frame


class Leading:
    """Answers for every frame which entry points lead there: all frames learn it together, call by call.

    A set of entry points is an integer with a bit for each, in the order in which a reader wants to hear of them.
    """

    def __init__(self, entries: Sequence[Entry], callers: Mapping[Frame, Iterable[Frame]]) -> None:
        self._entries = sorted(entries, key=_rank)
        self._ranks = [_rank(entry) for entry in self._entries]
        self._callers = callers
        self._by_frame: dict[Frame, list[Entry]] = defaultdict(list)
        for entry in entries:
            self._by_frame[entry.frame].append(entry)

    def to(self, frame: Frame) -> list[Entry]:
        """Return the entry points that lead to a frame: those of requests first, then the nearest, then by kind."""
        rings = [list(_members(ring)) for ring in self._rings.get(frame, ())]
        ranks = self._ranks
        if any(ranks[one] == ranks[other] for ring in rings for one, other in pairwise(ring)):
            nearest = [entry for ring in self._searched(frame) for entry in sorted(ring, key=_rank)]
        else:
            nearest = [self._entries[number] for ring in rings for number in ring]
        return sorted(nearest, key=lambda entry: entry.phase != REQUEST)

    @cached_property
    def _rings(self) -> dict[Frame, list[int]]:
        """By frame, the sets of entry points that lead there, the nearest first."""
        callees: dict[Frame, list[Frame]] = defaultdict(list)
        for callee, callers in self._callers.items():
            for caller in callers:
                callees[caller].append(callee)
        news: dict[Frame, int] = defaultdict(int)
        for bit, entry in enumerate(self._entries):
            news[entry.frame] |= 1 << bit
        known: dict[Frame, int] = {}
        rings: dict[Frame, list[int]] = defaultdict(list)
        while news:
            told: dict[Frame, int] = {}
            for frame, ring in news.items():
                known[frame] = known.get(frame, 0) | ring
                rings[frame].append(ring)
                for callee in callees.get(frame, ()):
                    told[callee] = told.get(callee, 0) | ring
            news = {frame: new for frame, ring in told.items() if (new := ring & ~known.get(frame, 0))}
        return rings

    def _searched(self, frame: Frame) -> Iterator[list[Entry]]:
        """Yield the entry points by distance, those that nothing else tells apart as a search from the frame meets them."""
        seen: set[Frame] = set()
        level = {frame: None}
        while level:
            yield [entry for each in level for entry in self._by_frame.get(each, ())]
            seen.update(level)
            above = chain.from_iterable(self._callers.get(each, ()) for each in level)
            level = {each: None for each in above if each not in seen}


def _members(ring: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set."""
    while ring:
        lowest = ring & -ring
        yield lowest.bit_length() - 1
        ring ^= lowest


def _rank(entry: Entry) -> tuple[int, str]:
    return entry.order, entry.label
