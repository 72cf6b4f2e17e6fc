"""Which entry points lead to a function, and over how many calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import groupby

from fastlint.application.model import REQUEST, Entry
from fastlint.project.program import Frame


class Leading:
    """Answers for every frame which entry points lead there; what is above a frame learns it together, call by call.

    Entry points have numbers, in the order in which a reader wants to hear of them; a set of them is an integer
    with a bit for each.
    """

    def __init__(self, entries: Iterable[Entry], callers: Mapping[Frame, Iterable[Frame]]) -> None:
        self._entries = sorted(entries, key=_rank)
        self._callers = callers
        self._entering: dict[Frame, int] = defaultdict(int)
        """By frame, the entry points that it is itself."""
        for number, entry in enumerate(self._entries):
            self._entering[entry.frame] |= 1 << number
        self._rings: dict[Frame, list[int]] = {}
        self._sets: dict[int, int] = {}
        """By itself, every set in a ring: an integer for thousands of entry points is large, and many are equal."""
        self._read_before: dict[int, tuple[list[int], list[int]]] = {}
        self._met_before: dict[tuple[Frame, int, int], tuple[int, ...]] = {}

    def to(self, frame: Frame) -> tuple[Entry, ...]:
        """Return the entry points that lead to a frame: those of requests first, then the nearest, then by kind."""
        nearest: list[Entry] = []
        for distance, ring in enumerate(self._rings_of(frame)):
            numbers, alike = self._read(ring)
            if alike:
                numbers = numbers.copy()
                met = self._met(frame, distance, sum(1 << numbers[place] for place in alike))
                for place, number in zip(alike, sorted(met, key=self._groups.__getitem__), strict=True):
                    numbers[place] = number
            nearest += [self._entries[number] for number in numbers]
        first = [entry for entry in nearest if entry.phase == REQUEST]
        return (*first, *(entry for entry in nearest if entry.phase != REQUEST))

    @cached_property
    def _groups(self) -> list[int]:
        """By number, in which group of entry points one is that have the same kind and label."""
        ranks = [len(list(group)) for _, group in groupby(self._entries, key=_rank)]
        return [group for group, size in enumerate(ranks) for _ in range(size)]

    def _rings_of(self, frame: Frame) -> list[int]:
        """Return the sets of entry points that are 0, 1, 2, ... calls away from a frame."""
        if frame not in self._rings:
            self._learn(frame)
        return self._rings[frame]

    def _learn(self, frame: Frame) -> None:
        """Find the rings of a frame, and of all above it: most frames lead to nothing that anybody asks about."""
        fresh: dict[Frame, int] = {}
        """By frame, the entry points that are known to lead to it."""
        callees: dict[Frame, list[Frame]] = defaultdict(list)
        news: dict[int, dict[Frame, int]] = defaultdict(lambda: defaultdict(int))
        """By distance and frame, the entry points that come in over that many calls."""
        pending = [frame]
        while pending:
            current = pending.pop()
            if current in fresh:
                continue
            fresh[current] = 0
            if current in self._entering:
                news[0][current] = self._entering[current]
            for caller in self._callers.get(current, ()):
                callees[caller].append(current)
                if caller not in self._rings:
                    pending.append(caller)
        for caller in callees.keys() - fresh.keys():
            for distance, ring in enumerate(self._rings[caller], start=1):
                for callee in callees[caller] if ring else ():
                    news[distance][callee] |= ring
        self._rings.update((each, []) for each in fresh)
        distance = 0
        while news:
            for each, ring in news.pop(distance, {}).items():
                new = ring & ~fresh[each]
                if new:
                    fresh[each] |= new
                    rings = self._rings[each]
                    rings += [0] * (distance - len(rings))
                    rings.append(self._sets.setdefault(new, new))
                    for callee in callees.get(each, ()):
                        news[distance + 1][callee] |= new
            distance += 1

    def _read(self, ring: int) -> tuple[list[int], list[int]]:
        """Return the numbers in a set, and the places of those that share kind and label with another one."""
        if ring not in self._read_before:
            numbers: list[int] = []
            alike: list[int] = []
            left = ring
            while left:
                lowest = left & -left
                number = lowest.bit_length() - 1
                if numbers and self._groups[numbers[-1]] == self._groups[number]:
                    if not alike or alike[-1] != len(numbers) - 1:
                        alike.append(len(numbers) - 1)
                    alike.append(len(numbers))
                numbers.append(number)
                left ^= lowest
            self._read_before[ring] = numbers, alike
        return self._read_before[ring]

    def _met(self, frame: Frame, distance: int, wanted: int) -> tuple[int, ...]:
        """Return entry points that are so many calls away in the order in which a search from a frame meets them."""
        if distance == 0 or wanted.bit_count() == 1:
            return tuple(self._read(wanted)[0])
        key = (frame, distance, wanted)
        if key not in self._met_before:
            met: dict[int, None] = {}
            left = wanted
            for caller in self._callers.get(frame, ()):
                rings = self._rings_of(caller)
                here = rings[distance - 1] & left if len(rings) >= distance else 0
                if here:
                    met.update(dict.fromkeys(self._met(caller, distance - 1, here)))
                    left ^= here
            self._met_before[key] = tuple(met)
        return self._met_before[key]


def _rank(entry: Entry) -> tuple[int, str]:
    return entry.order, entry.label
