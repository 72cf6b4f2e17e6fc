"""Which entry points lead to a function, and over how many calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import groupby

from fastlint.application.model import REQUEST, Entry
from fastlint.project.program import Frame


class Leading:
    """Answers for every frame which entry points lead there: all frames learn it together, call by call.

    Entry points have numbers, in the order in which a reader wants to hear of them; a set of them is an integer
    with a bit for each.
    """

    def __init__(self, entries: Iterable[Entry], callers: Mapping[Frame, Iterable[Frame]]) -> None:
        self._entries = sorted(entries, key=_rank)
        self._callers = callers
        self._read_before: dict[int, tuple[list[int], int]] = {}

    def to(self, frame: Frame) -> list[Entry]:
        """Return the entry points that lead to a frame: those of requests first, then the nearest, then by kind."""
        nearest: list[Entry] = []
        for distance, ring in enumerate(self._rings.get(frame, ())):
            numbers, alike = self._read(ring)
            if alike:
                met = {each: place for place, each in enumerate(self._met(frame, distance, alike))}
                numbers = sorted(numbers, key=lambda n: (self._groups[n], met.get(self._entries[n].frame, 0)))
            nearest += [self._entries[number] for number in numbers]
        return sorted(nearest, key=lambda entry: entry.phase != REQUEST)

    @cached_property
    def _groups(self) -> list[int]:
        """By number, in which group of entry points one is that have the same kind and label."""
        ranks = [len(list(group)) for _, group in groupby(self._entries, key=_rank)]
        return [group for group, size in enumerate(ranks) for _ in range(size)]

    @cached_property
    def _rings(self) -> dict[Frame, list[int]]:
        """By frame, the sets of entry points that are 0, 1, 2, ... calls away."""
        callees: dict[Frame, list[Frame]] = defaultdict(list)
        for callee, callers in self._callers.items():
            for caller in callers:
                callees[caller].append(callee)
        news: dict[Frame, int] = defaultdict(int)
        for number, entry in enumerate(self._entries):
            news[entry.frame] |= 1 << number
        known: dict[Frame, int] = {}
        rings: dict[Frame, list[int]] = defaultdict(list)
        distance = 0
        while news:
            told: dict[Frame, int] = {}
            for frame, ring in news.items():
                known[frame] = known.get(frame, 0) | ring
                rings[frame] += [0] * (distance - len(rings[frame]))
                rings[frame].append(ring)
                for callee in callees.get(frame, ()):
                    told[callee] = told.get(callee, 0) | ring
            news = {frame: new for frame, ring in told.items() if (new := ring & ~known.get(frame, 0))}
            distance += 1
        return rings

    def _read(self, ring: int) -> tuple[list[int], int]:
        """Return the numbers in a set, and the set of those that share kind and label with another one."""
        if ring not in self._read_before:
            numbers: list[int] = []
            alike, left = 0, ring
            while left:
                lowest = left & -left
                number = lowest.bit_length() - 1
                if numbers and self._groups[numbers[-1]] == self._groups[number]:
                    alike |= lowest | 1 << numbers[-1]
                numbers.append(number)
                left ^= lowest
            self._read_before[ring] = numbers, alike
        return self._read_before[ring]

    def _met(self, frame: Frame, distance: int, wanted: int) -> Iterable[Frame]:
        """Return the frames of entry points so many calls away, in the order in which a search from a frame meets them."""
        level = {frame: None}
        for left in reversed(range(distance)):
            level = {
                caller: None
                for each in level
                for caller in self._callers.get(each, ())
                if len(rings := self._rings.get(caller, ())) > left and rings[left] & wanted
            }
        return level


def _rank(entry: Entry) -> tuple[int, str]:
    return entry.order, entry.label
