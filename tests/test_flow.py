"""Which bindings reach a use: a search among many finds what a look at all of them finds."""

import random
from types import SimpleNamespace

import pytest

from fastlint.project.bindings import Flow


def reaching(bindings, time, block, blocks):
    """Return the values that can reach a use, and whether one always comes before it, by looking at all."""
    around = set()
    while block >= 0:
        around.add(block)
        block = blocks[block][0]
    loops = {index for index in around if blocks[index][1] in ("loop", "while")}
    best = max((t for t, b, _ in bindings if t < time and b in around), default=-1)
    found = [value for t, _, value in bindings if t == best or best < t < time]
    found += [value for t, b, value in bindings if t >= time and is_within(b, loops, blocks)]
    return found or [value for _, _, value in bindings], best >= 0


def is_within(block, loops, blocks):
    """Tell whether a block is one of the loops or in one."""
    while block >= 0 and block not in loops:
        block = blocks[block][0]
    return block >= 0


@pytest.mark.parametrize("is_in_order", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_a_search_finds_what_a_look_at_all_finds(seed, is_in_order):
    chance = random.Random(seed)
    blocks = [(-1, "", ())]
    blocks += [
        (chance.randrange(index), chance.choice(("", "loop", "while", "once")), ()) for index in range(1, 9)
    ]
    times = chance.sample(range(40), chance.randint(1, 12))
    bindings = [(time, chance.randrange(9), time) for time in (sorted(times) if is_in_order else times)]
    flow = Flow(SimpleNamespace(bindings={"name": bindings}, blocks=blocks))
    for time in range(41):
        for block in range(9):
            assert flow.reaching("name", time, block) == reaching(bindings, time, block, blocks)
