"""Which entry points lead to a frame: the same, and in the same order, as a search from that frame finds."""

import random
from collections import defaultdict

import pytest

from fastlint.application.leading import Leading
from fastlint.application.model import LOOP, REQUEST, STARTUP, Entry
from fastlint.project.program import Frame

KINDS = ("route", "dependency", "middleware", "startup handler")


def search(entries: list[Entry], callers: dict[Frame, dict[Frame, None]], start: Frame) -> list[Entry]:
    """Return the entry points above a frame, the nearest first, by a search through all callers."""
    distance, queue, found = {start: 0}, [start], {}
    for frame in queue:
        found |= {entry: distance[frame] for entry in entries if entry.frame is frame}
        for caller in callers.get(frame, ()):
            if caller not in distance:
                distance[caller] = distance[frame] + 1
                queue.append(caller)
    return sorted(found, key=lambda e: (e.phase != REQUEST, found[e], e.order, e.label))


@pytest.mark.parametrize("seed", range(40))
def test_all_frames_learn_what_a_search_finds(seed):
    chance = random.Random(seed)
    frames = [Frame(None, None, None, ()) for _ in range(30)]
    callers = defaultdict(dict)
    for _ in range(chance.choice((20, 45, 90))):
        callers[chance.choice(frames)][chance.choice(frames)] = None
    entries = [
        Entry(chance.choice(KINDS), chance.choice("ab"), frame, LOOP, chance.choice((REQUEST, STARTUP)))
        for frame in chance.sample(frames, 12)
    ]
    leading = Leading(entries, callers)
    for frame in frames:
        assert list(leading.to(frame)) == search(entries, callers, frame)
