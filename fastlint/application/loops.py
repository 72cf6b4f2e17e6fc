"""Loops on the way of a request: what is repeated for each item of something that can be long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from fastlint.application.waiting import WaitedFor
from fastlint.facts.model import INSIDE, Event, Expr, FunctionFacts, Region, Span
from fastlint.facts.rounds import grows, root
from fastlint.facts.structure import (
    blocks_around,
    called_name,
    children,
    events_in,
    handlers_of,
    is_inside,
    names_bound_to,
    regions_around,
    unwrapped,
    walk,
)
from fastlint.project.bindings import matched_arguments
from fastlint.project.calls import Site
from fastlint.project.performs import Step, followed
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue, Instance

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

FEW = 3
"""A collection written in the program that has no more items than this is not worth a query less."""
SEVERAL = 12
"""One that has no more than this is small: its length does not grow with the data."""
WRAPPERS = frozenset({"enumerate", "sorted", "reversed", "list", "tuple", "set", "frozenset", "iter", "tqdm"})
PASSING = WRAPPERS | {"zip", "filter", "map", "dict", "fromkeys", "chain", "split", "get", "loads"}
"""Functions and methods that hand on the items of what they are given."""
BATCHING = ("batch", "chunk", "groupby")
"""Parts of the names of functions and variables that cut a collection into pieces."""
PLACES = frozenset({
    "shard", "tenant", "engine", "db", "database", "schema", "connection", "conn", "bind", "replica", "cluster",
    "table", "attempt", "retry",
})  # fmt: skip
"""What a loop goes through that cannot be asked all at once: each has a database, or tables, of its own."""
FROM_QUERY, FROM_REQUEST = "query", "request"
DEEPEST = 8


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


class RequestLoops:
    """The loops that a request waits for, and what they repeat.

    Left out are loops that cannot become long or that have a reason: batches, a few literals, retries,
    `while`, shards and the like, streams that hand out each item.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.inference = application.inference
        self._loops: dict[tuple[Frame, int], Loop | None] = {}
        self._sites: dict[Frame, dict[int, Site]] = {}
        self._ways: dict[tuple[int, str], list[Step]] = {}

    @cached_property
    def waited_for(self) -> WaitedFor:
        """The code that has to end before there is an answer."""
        return WaitedFor(self.application.entries, self.application.resolver)

    @cached_property
    def repeated(self) -> list[Repeated]:
        """Every place in such a loop, with the innermost loop around it."""
        found = []
        for frame in self.waited_for:
            blocks = frame.function.facts.blocks
            if not any(kind == "loop" for _, kind, _ in blocks):
                continue
            for site in self.application.resolver.sites(frame):
                loop = self._loop_around(frame, site.event[3])
                if loop is not None and not self._is_of_item(site, loop) and not _on_error(site, loop):
                    found.append(Repeated(site, loop))
        return found

    def way(self, repeated: Repeated, word: str) -> list[Step]:
        """Return the nearest way from a place in a loop to what the word says ("query"), or no steps.

        Entering a context manager is no way: opening a session says nothing of its queries. Nor are branches
        that the call of the loop does not take: `def load(rows=None)` that asks only if it is given none.
        """
        if repeated.site.event[0] in ("enter", "aenter"):
            return []
        return self._way(repeated.site, word)

    def opens_session(self, repeated: Repeated) -> bool:
        """Tell whether the round opens a session of its own for what stands at the place."""
        sites = self.application.resolver.sites(repeated.site.frame)
        return any(_opens(site) for site in sites if repeated.loop.holds(site.event[3]))

    def opens_below(self, way: list[Step]) -> bool:
        """Tell whether a way leads through a function that opens a session of its own."""
        frames = [step.site.frame for step in way[1:]]
        return any(_opens(site) for frame in frames for site in self.application.resolver.sites(frame))

    def is_certain(self, way: list[Step]) -> bool:
        """Tell whether no branch stands in a way once the first call has been made."""
        return not any(
            kind == ""
            for step in way[1:]
            for index, kind, _ in blocks_around(step.site.frame.function.facts, step.site.event[3])
            if index > 0
        )

    def _way(self, site: Site, word: str) -> list[Step]:
        key = (id(site), word)
        known = self._ways.get(key)
        if known is None:
            ways = [way for way in self._ways_from(site, word) if _arrives(way)]
            known = self._ways[key] = min(ways, key=len) if ways else []
        return known

    def _ways_from(self, site: Site, word: str) -> Iterator[list[Step]]:
        performs = self.application.performs
        for name, words in site.acts:
            if word in words:
                yield [Step(site, None, name, 1)]
                return
        for callee in followed(site):
            if performs.step(callee, word) is None:
                continue
            for inner in self.application.resolver.sites(callee):
                if not self._passes(site, inner):
                    continue
                for step in performs.at(inner, word):
                    below = performs.chain(step, word)
                    if all(self._passes(before.site, after.site) for before, after in pairwise(below)):
                        yield [Step(site, callee, step.name, len(below) + 1), *below]

    def _passes(self, site: Site, inner: Site) -> bool:
        """Tell whether a call comes to a place of what it calls, as far as its arguments and errors tell."""
        facts = inner.frame.function.facts
        if regions_around(facts, inner.event[5], "except"):
            return False
        given = _given(inner.frame, site.event[1])
        if not given:
            return True
        if _is_barred(facts, inner.event[3], given, negated=False):
            return False
        before = (e for e in facts.events if e[0] == "return" and e[5] < inner.event[5])
        return not any(_is_barred(facts, jump[3], given, negated=True) for jump in before)

    def size(self, loop: Loop) -> int | None:
        """Return how many items a loop has if they are written in the program, or None."""
        return self._size(loop.iterable, loop.frame, 0)

    def source(self, loop: Loop) -> str:
        """Return where the items come from: a query, the request, or "" if that is not known."""
        return self._source(loop.iterable, loop.frame, 0)

    # Which loops

    def _loop_around(self, frame: Frame, block: int) -> Loop | None:
        for index, kind, iterable in blocks_around(frame.function.facts, block):
            if kind == "while":
                return None
            if kind == "loop":
                key = (frame, index)
                if key not in self._loops:
                    loop = _loop(frame, index, iterable)
                    self._loops[key] = None if loop is None or self._has_reason(loop) else loop
                return self._loops[key]
        return None

    def _has_reason(self, loop: Loop) -> bool:
        size = self.size(loop)
        if size is not None and size <= FEW:
            return True
        if _is_range(loop.iterable) and (loop.jumps or len(loop.iterable[2]) == 3):
            return True
        if _cuts(loop.iterable) or any(_is_piece(name) for name in loop.variables):
            return True
        if loop.frame.function.facts.is_generator and _yields_in(loop):
            return True
        return self._is_stream(loop)

    def _is_stream(self, loop: Loop) -> bool:
        """Tell whether `async for` takes what comes, such as messages: only rows are known to be there."""
        facts = loop.frame.function.facts
        entered = [e for e in facts.events if e[0] == "aiter" and e[1] is loop.iterable]
        return bool(entered) and self._source(loop.iterable, loop.frame, 0) != FROM_QUERY

    def _is_of_item(self, site: Site, loop: Loop) -> bool:
        """Tell whether each item does the work in its own way: handlers, engines, clients, pipelines."""
        expr = site.event[1]
        if site.event[0] not in ("call", "drop") or expr[0] != "call":
            return False
        callee = expr[1]
        if callee[0] == "name":
            return callee[1] in loop.variables
        root = callee
        while root[0] in ("attr", "call", "sub", "await"):
            root = root[1]
        if callee[0] != "attr" or root[0] != "name" or root[1] not in loop.variables:
            return False
        values = self.inference.values(callee[1], site.frame)
        return not any(isinstance(v, Instance) and self._is_row(v) for v in values)

    def _is_row(self, value: Instance) -> bool:
        mapped = self.application.models.of(value.cls)
        return mapped is not None or any(self.inference.is_subclass(value, base) for base in ROWS)

    # What is iterated

    def _size(self, expr: Expr, frame: Frame, depth: int) -> int | None:
        tag = expr[0]
        if depth > DEEPEST:
            return None
        if tag in ("list", "tuple", "set"):
            return None if any(part[0] == "star" for part in expr[1]) else len(expr[1])
        if tag == "dict":
            return None if any(key[0] == "unknown" for key in expr[1]) else len(expr[1])
        if tag == "name":
            values = self._meanings(expr, frame)
            if grows(frame.function.facts, str(expr[1])):
                return None
            sizes = [self._size(value, scope, depth + 1) for value, scope in values]
            known = [size for size in sizes if size is not None]
            return max(known) if known and len(known) == len(sizes) else self._members(expr, frame)
        if tag == "attr":
            return self._members(expr, frame)
        if tag == "call":
            callee = expr[1]
            if callee[0] == "name" and callee[1] in WRAPPERS and expr[2]:
                return self._size(expr[2][0], frame, depth + 1)
            if callee[0] == "name" and callee[1] == "zip":
                sizes = [self._size(part, frame, depth + 1) for part in expr[2]]
                return min((size for size in sizes if size is not None), default=None)
            if callee[0] == "name" and callee[1] == "range" and all(a[0] == "const" for a in expr[2]):
                numbers = [a[1] for a in expr[2]]
                return len(range(*numbers)) if all(type(n) is int for n in numbers) else None
            if callee[0] == "attr" and callee[2] in ("items", "keys", "values") and not expr[2]:
                return self._size(callee[1], frame, depth + 1)
        return None

    def _members(self, expr: Expr, frame: Frame) -> int | None:
        """Return how many members an enumeration has that is iterated."""
        values = self.inference.values(expr, frame)
        sizes = [
            len(v.cls.facts.bindings)
            for v in values
            if isinstance(v, ClassValue)
            and not isinstance(v.cls, str)
            and self.inference.is_subclass(v, "enum.Enum")
        ]
        return max(sizes) if sizes and len(sizes) == len(values) else None

    def _meanings(self, name: Expr, frame: Frame) -> list[tuple[Expr, Frame]]:
        """Return the expressions that a name stands for, with the frames that they are evaluated in."""
        facts = frame.function.facts
        if name[1] in facts.bindings and name[1] not in facts.outer_names:
            values, _ = frame.function.flow.reaching(name[1], name[2], name[3])
            return [(value, frame) for value in values]
        if name[1] in frame.function.parameters:
            return []
        if frame.parent is not None and frame.parent.function.index > 0:
            return []
        module = frame.function.module
        outer = module.facts.functions[0].bindings.get(name[1], ())
        return [(value, module.frame) for _, _, value in outer if value[0] != "import"]

    # Where the items come from

    def _source(self, expr: Expr, frame: Frame, depth: int) -> str:
        if depth > DEEPEST:
            return ""
        expr = unwrapped(expr)
        tag = expr[0]
        if tag == "name":
            for value, scope in self._meanings(expr, frame):
                found = self._source(value, scope, depth + 1)
                if found:
                    return found
            return self._source_of_parameter(expr[1], frame, depth)
        if tag == "call":
            site = self._site(expr, frame)
            if site is not None and self.application.performs.at(site, "query"):
                return FROM_QUERY
            if expr[1][0] == "name" and expr[1][1] not in PASSING:
                return ""
            if expr[1][0] == "attr" and expr[1][2] not in PASSING:
                return self._source(expr[1][1], frame, depth + 1) if not expr[2] else ""
        if tag in ("lambda", "def", "class", "const"):
            return ""
        for part in children(expr):
            found = self._source(part, frame, depth + 1)
            if found:
                return found
        return ""

    def _source_of_parameter(self, name: str, frame: Frame, depth: int) -> str:
        parameter = frame.function.parameters.get(name)
        if parameter is None or (
            parameter.annotation is None and frame.receiver is not None and name == "self"
        ):
            return ""
        if self.application.kinds_of(frame) & {"route", "websocket", "dependency"}:
            return "" if self.application.is_injected(frame, parameter) else FROM_REQUEST
        for site in self.waited_for.callers(frame)[:FEW]:
            call = site.event[1]
            if call[0] != "call":
                continue
            skip = int(frame.receiver is not None and call[1][0] == "attr")
            for given, argument in matched_arguments(frame.function.facts.parameters[skip:], call):
                if given.name == name:
                    found = self._source(argument, site.frame, depth + 2)
                    if found:
                        return found
        return ""

    def _site(self, call: Expr, frame: Frame) -> Site | None:
        known = self._sites.get(frame)
        if known is None:
            sites = self.application.resolver.sites(frame)
            known = self._sites[frame] = {id(site.event[1]): site for site in sites}
        return known.get(id(call))


ROWS = (
    "beanie.Document", "tortoise.models.Model", "mongoengine.Document", "peewee.Model", "redis_om.HashModel",
    "pony.orm.core.Entity",
)  # fmt: skip
"""Classes whose objects send statements about themselves."""


def _loop(frame: Frame, block: int, iterable: Expr) -> Loop | None:
    facts = frame.function.facts
    parent = facts.blocks[block][0]
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
        if jump[0] == "return" and _absent(condition, False):
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


def _arrives(way: list[Step]) -> bool:
    """Tell whether a way comes to its end, and not to a savepoint, whose end is no commit."""
    end = way[-1]
    expr = end.site.event[1]
    return end.callee is None and not (expr[0] == "call" and called_name(expr) == "begin_nested")


def _goes_on(facts: FunctionFacts, region: Region) -> bool:
    """Tell whether one of the handlers of a `try` does not raise again."""
    handlers = [handler for handler in handlers_of(facts, region) if handler[0] == "except"]
    return any(not events_in(facts, handler[1], "raise") for handler in handlers)


def _counts(part: Expr) -> bool:
    if part[0] == "binop" and part[1] == "Mod":
        return True
    return part[0] == "compare" and any(p[0] == "call" and p[1][:2] == ("name", "len") for p in part[1])


def _on_error(site: Site, loop: Loop) -> bool:
    """Tell whether a place in a loop runs only in rounds that fail."""
    handlers = regions_around(site.frame.function.facts, site.event[5], "except")
    return any(is_inside(region[1], loop.span) for region in handlers)


def _opens(site: Site) -> bool:
    """Tell whether a place makes a session or borrows a connection."""
    return any(making.resource.kind in ("session", "connection") for making in site.makes)


def _given(frame: Frame, call: Expr) -> frozenset[str]:
    """Return the parameters that a call gives something else than None."""
    if call[0] != "call":
        return frozenset()
    skip = int(frame.receiver is not None and call[1][0] == "attr")
    pairs = matched_arguments(frame.function.facts.parameters[skip:], call)
    return frozenset(p.name for p, argument in pairs if argument != ("const", None))


def _is_barred(facts: FunctionFacts, block: int, given: frozenset[str], *, negated: bool) -> bool:
    """Tell whether a branch is for those who give none of something that is given, or some if negated."""
    return any(
        kind == "" and _absent(condition, negated) & given
        for _, kind, condition in blocks_around(facts, block)
    )


def _absent(condition: Expr, negated: bool) -> frozenset[str]:
    """Return the names that must be None, or nothing, for a condition to hold: `x is None`, `not x`."""
    tag = condition[0]
    if tag == "not":
        return _absent(condition[1], not negated)
    if tag == "name":
        return frozenset({condition[1]}) if negated else frozenset()
    if tag == "compare" and len(condition[2]) == 1:
        left, right = condition[1]
        is_none = condition[2][0] in ("Is", "Eq")
        if left[0] == "name" and right == ("const", None) and is_none != negated:
            return frozenset({left[1]})
    return frozenset()


def _last_name(expr: Expr) -> str:
    if expr[0] == "call":
        return _last_name(expr[1])
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


def _is_range(expr: Expr) -> bool:
    return expr[0] == "call" and bool(expr[1][:2] == ("name", "range"))


def _cuts(expr: Expr) -> bool:
    """Tell whether a collection is cut into pieces: `batched(...)`, `chunks(...)`."""
    name = _last_name(expr).lower()
    return expr[0] in ("call", "name", "attr") and any(word in name for word in BATCHING)


def _is_piece(name: str) -> bool:
    words = name.lower().strip("_").split("_")
    return any(name.lower().startswith(word) for word in BATCHING) or words[-1].rstrip("s") in PLACES


def _yields_in(loop: Loop) -> bool:
    facts = loop.frame.function.facts
    return any(e[0] == "yield" and loop.holds(e[3]) for e in facts.events)
