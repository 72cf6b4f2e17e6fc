"""Loops, and what becomes of the places in them: whether they run in each round, together, or until one fits."""

from __future__ import annotations

from dataclasses import dataclass

from fastlint.facts.model import INSIDE, Event, Expr, FunctionFacts, Region, Span
from fastlint.facts.rounds import root
from fastlint.facts.structure import (
    absent,
    blocks_around,
    events_in,
    handlers_of,
    is_inside,
    names_bound_to,
    regions_around,
    unwrapped,
    walk,
)
from fastlint.project.calls import Site
from fastlint.project.program import Frame


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A `for` loop or a comprehension."""

    frame: Frame
    block: int
    iterable: Expr
    span: Span
    """The statement that holds it."""
    variables: frozenset[str]
    """The names that it gives each item, or parts of it."""
    jumps: tuple[Event, ...]
    """Where it can end early: `break`, `return`."""

    def holds(self, block: int) -> bool:
        """Tell whether a block of the function is inside."""
        return any(index == self.block for index, _, _ in blocks_around(self.frame.function.facts, block))

    def makes(self, expr: Expr | None) -> bool:
        """Tell whether an expression is a name that only the rounds of the loop bind."""
        if expr is None or expr[0] != "name":
            return False
        facts = self.frame.function.facts
        bindings = facts.bindings.get(expr[1], ())
        return bool(bindings) and all(self.holds(block) for _, block, _ in bindings)

    def uses_item(self, expr: Expr) -> bool:
        """Tell whether an expression reads the item of a round itself."""
        return any(part[0] == "name" and part[1] in self.variables for part in walk(expr))


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """A place that runs in each round of a loop."""

    site: Site
    loop: Loop

    @property
    def ends_on_hit(self) -> bool:
        """Whether the loop can end with this very round: it looks for the first item that fits.

        `if found is None: return` ends it with an error, as `raise` does.
        """
        return any(jump[5] > self.site.event[5] for jump in self.loop.jumps)

    @property
    def is_isolated(self) -> bool:
        """Whether an error of one round is caught inside the loop, so that the others go on."""
        facts, span = self.site.frame.function.facts, self.site.event[5]
        return any(
            is_inside(region[1], self.loop.span) and region[1] != self.loop.span and _goes_on(facts, region)
            for region in regions_around(facts, span, "try")
        )

    @property
    def is_counted(self) -> bool:
        """Whether it happens in some rounds only, as a counter says: `if i % 100 == 0`, `if len(rows) >= size`."""
        for index, kind, condition in blocks_around(self.site.frame.function.facts, self.site.event[3]):
            if index == self.loop.block:
                return False
            if kind == "" and any(_counts(part) for part in walk(condition)):
                return True
        return False

    @property
    def is_remembered(self) -> bool:
        """Whether the answer is kept in a dictionary that is asked first: `if key not in known: known[key] = ...`."""
        facts = self.site.frame.function.facts
        call = self.site.event[1]
        bound = set(names_bound_to(facts, call))
        kept = {
            root(base)
            for base, kind, value in facts.stores
            if kind == "[]"
            and any(part is call or (part[0] == "name" and part[1] in bound) for part in walk(value))
        }
        if not kept - {""}:
            return False
        blocks = [block for block, _, _ in blocks_around(facts, self.site.event[3])]
        blocks += [e[3] for e in events_in(facts, self.loop.span, "continue") if e[5] < self.site.event[5]]
        conditions = [
            facts.blocks[block][2] for block in blocks if self.loop.holds(block) and block != self.loop.block
        ]
        return any(self._asks(condition, kept) for condition in conditions if condition is not None)

    def _asks(self, condition: Expr, names: set[str]) -> bool:
        """Tell whether a condition reads one of the names, or what was taken from one just before."""
        facts = self.site.frame.function.facts
        read = {part[1] for part in walk(condition) if part[0] == "name"}
        taken = {
            root(unwrapped(value))
            for name in read
            for _, _, value in facts.bindings.get(name, ())
            if unwrapped(value)[0] in ("call", "sub")
        }
        return bool((read | taken) & names)

    @property
    def runs_together(self) -> bool:
        """Whether the rounds run side by side: `await gather(*(f(x) for x in items))`."""
        statement = self.site.event[2]
        iterated = (e for e in self.loop.frame.function.facts.events if e[1] is self.loop.iterable)
        is_comprehension = any(e[2] == statement and e[0] in ("iter", "aiter") for e in iterated)
        return is_comprehension and self.site.event[4] == INSIDE


def loop_at(frame: Frame, block: int) -> Loop | None:
    """Return the loop of a block; None where the facts do not show what it goes through."""
    facts = frame.function.facts
    parent, _, iterable = facts.blocks[block]
    for kind, expr, statement, within, _, _ in facts.events:
        if kind in ("iter", "aiter") and within == parent and expr == iterable:
            span = facts.statements[statement][0]
            jumps = tuple(e for e in events_in(facts, span, "break", "return") if _leaves(facts, e, block))
            return Loop(frame, block, iterable, span, _variables(facts, iterable), jumps)
    return None


def _leaves(facts: FunctionFacts, jump: Event, block: int) -> bool:
    """Tell whether a jump leaves that loop, not only one inside it, and not because something is missing."""
    for index, kind, condition in blocks_around(facts, jump[3]):
        if index == block:
            return True
        if jump[0] == "return" and absent(condition, negated=False):
            return False
        if kind in ("loop", "while") and jump[0] == "break":
            return False
    return False


def _variables(facts: FunctionFacts, iterable: Expr) -> frozenset[str]:
    return frozenset(
        name
        for name, bindings in facts.bindings.items()
        if any(_element(value) is iterable or _element(value) == iterable for _, _, value in bindings)
    )


def _element(value: Expr) -> Expr | None:
    while value[0] == "item":
        value = value[1]
    return value[1] if value[0] in ("elem", "aelem") else None


def _goes_on(facts: FunctionFacts, region: Region) -> bool:
    """Tell whether one of the handlers of a `try` does not raise again."""
    handlers = [handler for handler in handlers_of(facts, region) if handler[0] == "except"]
    return any(not events_in(facts, handler[1], "raise") for handler in handlers)


def _counts(part: Expr) -> bool:
    if part[0] == "binop" and part[1] == "Mod":
        return True
    return part[0] == "compare" and any(p[0] == "call" and p[1][:2] == ("name", "len") for p in part[1])
