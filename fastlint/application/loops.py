"""Loops on the way of a request: what is repeated for each item of something that can be long."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from fastlint.application.contexts import Application
from fastlint.application.waiting import WaitedFor
from fastlint.facts.model import Event, Expr, FunctionFacts, Span
from fastlint.facts.structure import blocks_around, children, events_in, unwrapped, walk
from fastlint.project.bindings import matched_arguments, reaching_bindings
from fastlint.project.calls import Site
from fastlint.project.performs import Step
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue, Instance

FEW = 3
"""A collection written in the program that has no more items than this is not worth a query less."""
SEVERAL = 12
"""One that has no more than this is small: its length does not grow with the data."""
WRAPPERS = frozenset({"enumerate", "sorted", "reversed", "list", "tuple", "set", "frozenset", "iter", "tqdm"})
BATCHING = ("batch", "chunk")
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

    def uses_item(self, expr: Expr) -> bool:
        """Tell whether an expression reads the item of a round itself."""
        return any(part[0] == "name" and part[1] in self.variables for part in walk(expr))


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """A place that runs in each round of a loop."""

    site: Site
    loop: Loop


class RequestLoops:
    """The loops that a request waits for, and what they repeat.

    Left out are loops that cannot become long or that have a reason: batches, a few literals, retries,
    `while`, shards and the like, streams that hand out each item.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.inference = application.inference
        self.waited_for = WaitedFor(application.entries, application.resolver)
        self._loops: dict[tuple[Frame, int], Loop | None] = {}
        self._sites: dict[Frame, dict[int, Site]] = {}

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
                if loop is not None and not self._is_of_item(site, loop):
                    found.append(Repeated(site, loop))
        return found

    def nearest(self, repeated: Repeated, word: str) -> Step | None:
        """Return the nearest way from a place in a loop to what the word says ("query"), or None.

        Entering a context manager is no way: opening a session says nothing of its queries.
        """
        if repeated.site.event[0] in ("enter", "aenter"):
            return None
        ways = self.application.performs.at(repeated.site, word)
        return ways[0] if ways else None

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
        return any(self.inference.is_subclass(value, base) for base in ROWS)

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
            if isinstance(v, ClassValue) and not isinstance(v.cls, str) and self.inference.is_subclass(v, "enum.Enum")
        ]
        return max(sizes) if sizes and len(sizes) == len(values) else None

    def _meanings(self, name: Expr, frame: Frame) -> list[tuple[Expr, Frame]]:
        """Return the expressions that a name stands for, with the frames that they are evaluated in."""
        facts = frame.function.facts
        bindings = facts.bindings.get(name[1])
        if bindings and name[1] not in facts.outer_names:
            values, _ = reaching_bindings(bindings, name[2], name[3], facts.blocks)
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
        if tag in ("lambda", "def", "class", "const"):
            return ""
        for part in children(expr):
            found = self._source(part, frame, depth + 1)
            if found:
                return found
        return ""

    def _source_of_parameter(self, name: str, frame: Frame, depth: int) -> str:
        parameter = frame.function.parameters.get(name)
        if parameter is None or parameter.annotation is None and frame.receiver is not None and name == "self":
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
            jumps = tuple(
                e for e in events_in(facts, span, "break", "return") if _leaves(facts, e, block)
            )
            return Loop(frame, block, iterable, span, _variables(facts, iterable), jumps)
    return None


def _leaves(facts: FunctionFacts, jump: Event, block: int) -> bool:
    """Tell whether a jump out of the block leaves that loop, not only one inside it."""
    for index, kind, _ in blocks_around(facts, jump[3]):
        if index == block:
            return True
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


def _last_name(expr: Expr) -> str:
    if expr[0] == "call":
        return _last_name(expr[1])
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


def _is_range(expr: Expr) -> bool:
    return expr[0] == "call" and expr[1] == ("name", "range", *expr[1][2:])


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


def loops_of(application: Application) -> RequestLoops:
    """Return the loops of an application, the same ones each time."""
    known = _KNOWN.get(application)
    if known is None:
        known = _KNOWN[application] = RequestLoops(application)
    return known


_KNOWN: WeakKeyDictionary[Application, RequestLoops] = WeakKeyDictionary()
