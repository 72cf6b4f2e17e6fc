"""The rounds of a loop: what a place in it takes from its own round, and what from the rounds before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastlint.facts.model import Event, Expr, FunctionFacts
from fastlint.facts.structure import blocks_around, walk

ITERATED = frozenset({"elem", "aelem"})


@dataclass(slots=True)
class Origins:
    """Where the names of an expression in a loop come from."""

    round: bool = False
    """Something is what the loop gives this round: `x` in `for x in xs`, or made from it."""
    earlier: bool = False
    """Something is left from a round before: a cursor, a total, a list that grows."""
    outside: set[str] = field(default_factory=set)
    """Names that the loop does not bind."""


class Loop:
    """A loop of a function: its events, and what names in it depend on."""

    def __init__(self, facts: FunctionFacts, block: int) -> None:
        self.facts = facts
        self.block = block
        self.iterated: Expr = facts.blocks[block][2]
        self.is_for = facts.blocks[block][1] == "loop"
        self.inside = _descendants(facts, block)
        self.events: list[Event] = [event for event in facts.events if event[3] in self.inside]

    @property
    def is_async(self) -> bool:
        """Whether it is an `async for`, whose rounds come one by one."""
        return any(event[0] == "aiter" and event[1] is self.iterated for event in self.facts.events)

    def leaves_early(self) -> bool:
        """Tell whether a round can end the whole loop: by `return`, or by its own `break`."""
        return any(
            event[0] == "return" or (event[0] == "break" and self._loop_of(event[3]) == self.block)
            for event in self.events
        )

    def _loop_of(self, block: int) -> int:
        return next(index for index, kind, _ in blocks_around(self.facts, block) if kind in ("loop", "while"))

    def origins(self, expr: Expr) -> Origins:
        """Return where the names of an expression in the loop come from, through assignments in the loop."""
        found = Origins()
        seen: set[int] = set()
        pending = [expr]
        while pending:
            for part in walk(pending.pop()):
                if part[0] == "name" and id(part) not in seen:
                    seen.add(id(part))
                    pending += self._name(part, found)
                elif part[0] == "attr" and self._is_set(part):
                    found.earlier = True
        return found

    def _name(self, name: Expr, found: Origins) -> list[Expr]:
        """Note where a name comes from and return what it is made of in this round."""
        _, text, time, block = name
        bound = [b for b in self.facts.bindings.get(text, ()) if b[1] in self.inside]
        if not bound:
            found.outside.add(text)
            return []
        around = {index for index, _, _ in blocks_around(self.facts, block)}
        before = [b for b in bound if b[0] < time]
        settled = max((b[0] for b in before if b[1] in around), default=-1)
        if settled < 0:
            found.earlier = True
            return []
        made = []
        for bound_at, _, value in before:
            if bound_at < settled:
                continue
            if self._is_target(value):
                found.round = True
            else:
                made.append(value)
        return made

    def _is_target(self, value: Expr) -> bool:
        """Tell whether a value is what the loop gives this round, or an item of that."""
        while value[0] == "item":
            value = value[1]
        return value[0] in ITERATED and value[1] is self.iterated

    def _is_set(self, attribute: Expr) -> bool:
        path = dotted(attribute)
        return bool(path) and any(e[0] == "set" and dotted(e[1]) == path for e in self.events)

    def changes(self, name: str) -> bool:
        """Tell whether the loop changes the object of a name: by a method whose value is dropped, by an item."""
        for kind, expr, *_ in self.events:
            if kind == "setitem" and root(expr) == name:
                return True
            if kind == "set" and root(expr[1]) == name:
                return True
            if kind == "drop" and expr[1][0] == "attr" and root(expr[1]) == name:
                return True
        return False


def _descendants(facts: FunctionFacts, block: int) -> frozenset[int]:
    """Return a block and those inside it; an inner block comes after the one that it is in."""
    found = {block}
    for index in range(block + 1, len(facts.blocks)):
        if facts.blocks[index][0] in found:
            found.add(index)
    return frozenset(found)


def loops(facts: FunctionFacts, block: int) -> Iterator[Loop]:
    """Yield the loops around a block, innermost first."""
    for index, kind, _ in blocks_around(facts, block):
        if kind in ("loop", "while"):
            yield Loop(facts, index)


FILLING = frozenset({"append", "add", "insert", "setdefault", "extend", "update"})
MANY = frozenset({"extend", "update"})


def grows(facts: FunctionFacts, name: str) -> bool:
    """Tell whether a loop puts items into the collection of a name, or all those of another are put in."""
    for kind, expr, _, block, *_ in facts.events:
        if kind == "setitem" and root(expr) == name:
            is_many = False
        elif kind in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in FILLING:
            if expr[1][1][:2] != ("name", name):
                continue
            is_many = expr[1][2] in MANY
        else:
            continue
        if is_many or any(kind in ("loop", "while") for _, kind, _ in blocks_around(facts, block)):
            return True
    return False


def dotted(expr: Expr) -> str:
    """Return a name with attributes as text ("self.cursor"); anything else is the empty text."""
    if expr[0] == "name":
        return str(expr[1])
    base = dotted(expr[1]) if expr[0] == "attr" else ""
    return f"{base}.{expr[2]}" if base else ""


def root(expr: Expr) -> str:
    """Return the name that an expression starts with: `a` of `a.b[0].c()`."""
    while expr[0] in ("attr", "sub", "call", "await"):
        expr = expr[1]
    return str(expr[1]) if expr[0] == "name" else ""
