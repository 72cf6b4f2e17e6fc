"""Coroutine functions in which a blocking call stands in every position that an expression can have."""

from __future__ import annotations

import random

HEAD = """\
import time

from fastapi import FastAPI

app = FastAPI()
LOG = []


def note(value):
    LOG.append(value)
    return value


def work(*args, **keywords):
    time.sleep(0.0001)
    LOG.append(("work", args, sorted(keywords.items())))
    return len(args) + len(keywords)


class Worker:
    def work(self, *args, **keywords):
        return work(*args, **keywords)


def worker(value):
    return Worker()


async def pause():
    return note("paused")


"""
POSITIONS = (
    "value = {}", "return {}", "value = {} + {}", "value = {} ** 2", "value = 2 ** {}", "value = -{}",
    "value = not {}", "value = ({}).real", "value = {}.bit_length()", "value = [7, 8, 9][{} % 3]",
    "value = [*[{}], {}]", "value = [{} for _ in range(2)]", "value = {{{}: {}}}",
    "value = {{k: {} for k in range(2)}}", "value = [k for k in range({})]",
    "value = [k for k in range(3) if {}]", "value = [[{} for _ in range(2)] for _ in range(2)]",
    "value = sum({} for _ in range(2))", "value = sum(k for k in range({}))", "value = list(map(lambda k: {}, range(2)))",
    "value = f'{{{}}} and {{{}!r:>4}}'", "value = {} if {} else {}", "value = {} and {} or {}",
    "value = {} < {} < {}", "value = max({}, {}, key=note)", "value = (other := {}) + other",
    "value = dict(a={}, **{{'b': {}}})", "value = (lambda: {})()", "assert {}", "value = 1; value += {}",
    "for value in [{}, {}]: note(value)", "while {}:\n        break", "if {}: pass\n    elif {}: pass",
    "with open(__file__) as value: {}", "value = lambda k={}: k", "try: {}\n    finally: note({})",
    "def inner(k={}): return {}\n    value = inner()", "async def inner(): return {}\n    value = await inner()",
    "value = await pause(), {}", "value = [await pause(), {}]", "value, other = {}, {}", "{}",
    "value = [0, 0]; value[{} % 2] = {}", "del [0, 1, 2][{} % 3]", "raise ValueError({})", "match {}:\n        case _: note(1)",
)  # fmt: skip


def random_function(seed: int) -> str:
    """The text of a program with a route that calls `work` in one to three statements."""
    choose = random.Random(seed)
    statements = [_statement(choose) for _ in range(choose.randint(1, 3))]
    first = choose.choice(["value = None", "value = await pause()"])  # what awaits cannot become a `def`
    body = "\n".join(f"    {statement}" for statement in (first, *statements, "return value"))
    return f'{HEAD}@app.get("/")\nasync def route():\n{body}\n'


def _statement(choose: random.Random) -> str:
    position = choose.choice(POSITIONS)
    pieces = position.split("{}")
    if "'" in position:
        return position.format(*(_call(choose, 1).replace("'", '"') for _ in pieces))
    return position.format(*(_call(choose, 0) for _ in pieces))


def _call(choose: random.Random, depth: int) -> str:
    callee = choose.choice(["work", "Worker().work", 'worker(note("w")).work', "time.time and work"])
    if " " in callee:
        callee = f"({callee})"
    arguments = [_argument(choose, depth) for _ in range(choose.randint(0, 3))]
    plain = [a for a in arguments if not a.startswith(("k", "**"))]
    named = [a for a in dict.fromkeys(arguments) if a.startswith(("k", "**"))][:1]
    layout = choose.choice(["{}({})", "{}( {} )", "{}(\n        {},  # why\n    )", "{}({})"])
    inner = ", ".join((*plain, *named))
    if not inner:
        return f"{callee}()"
    return layout.format(callee, inner) if depth == 0 else f"{callee}({inner})"


def _argument(choose: random.Random, depth: int) -> str:
    value = (
        _call(choose, depth + 1) if depth < 2 and choose.random() < 0.3 else f"note({choose.randint(0, 9)})"
    )
    return choose.choice([value, value, f"k={value}", f"*[{value}, note(1)]", f"**{{'k': {value}}}"])
