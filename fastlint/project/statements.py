"""How a query is built: where it begins, what is applied to it on the way, what that limits.

A query is built in steps (`select(Post)`, `.where(...)`, `.limit(...)`), through variables and helpers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fastlint.facts.model import Expr
from fastlint.facts.structure import events_in, is_inside, unwrapped, walk
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.project.tracing import Call, Tracing
from fastlint.project.values import FunctionValue, LibraryName

SELECTS = frozenset({"sqlalchemy.select", "sqlmodel.select"})
TEXTS = frozenset({"sqlalchemy.text"})
FINDS = frozenset({
    "beanie.Document.find", "beanie.Document.find_all", "beanie.Document.find_many", "beanie.Document.all",
    "motor.motor_asyncio.AsyncIOMotorCollection.find", "pymongo.asynchronous.collection.AsyncCollection.find",
    "pymongo.collection.Collection.find", "tortoise.models.Model.all", "tortoise.models.Model.filter",
    "tortoise.models.Model.exclude", "mongoengine.QuerySet.all", "mongoengine.QuerySet.filter",
})  # fmt: skip
"""Calls of other libraries that begin a query for many rows."""

BOUNDS = frozenset(
    {"limit", "slice", "fetch", "paginate", "first", "one", "__getitem__", "yield_per", "batch_size"}
)
"""Steps of a query after which it gives no more rows than somebody chose."""
AGGREGATES = frozenset({"group_by", "exists", "count", "distinct", "having", "aggregate", "avg", "sum"})
FILTERS = frozenset({"where", "filter", "filter_by", "having", "find", "join", "get"})
_BOUNDED_TEXT = re.compile(
    r"\b(limit|top|fetch\s+(first|next)|group\s+by)\b"
    r"|\bselect\s+(not\s+)?(exists|count|sum|avg|min|max|bool_or|bool_and|any_value)\s*\(",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A method that was applied to a query on its way."""

    name: str
    call: Expr
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A query as far as the code shows how it is built."""

    start: Expr
    """Where it begins: `select(Post)`, `session.query(Post)`, `collection.find()`, or the text of SQL."""
    frame: Frame
    kind: str
    """"select", "query" (of a session), "find" (other libraries) or "text"."""
    steps: tuple[Step, ...] = ()
    """What was applied on any way to here."""
    always: frozenset[int] = frozenset()
    """Identities of the calls among these that every way passes."""
    text: str = ""

    @property
    def session(self) -> Expr | None:
        """What `session.query(...)` was called on; None for queries that are built without a session."""
        return self.start[1][1] if self.kind == "query" and self.start[1][0] == "attr" else None

    def names(self) -> set[str]:
        """Return the names of the methods that were applied."""
        return {step.name for step in self.steps}

    def selected(self) -> tuple[Expr, ...]:
        """Return what it asks for: classes, columns, functions."""
        for step in reversed(self.steps):
            if step.name in ("with_only_columns", "with_entities"):
                return tuple(step.call[2])
        return tuple(self.start[2]) if self.start[0] == "call" and self.kind in ("select", "query") else ()

    @property
    def is_bounded(self) -> bool:
        """Whether on some way it is given a limit, or is of a kind that needs none."""
        if self.names() & BOUNDS:
            return True
        options = [step.call for step in self.steps if step.name == "execution_options"]
        if any(name in ("yield_per", "stream_results") for call in options for name, _ in call[3]):
            return True
        if self.kind == "text":
            return _BOUNDED_TEXT.search(self.text) is not None
        return self.kind == "find" and call_argument(self.start, None, "limit") is not None

    @property
    def is_aggregate(self) -> bool:
        """Whether it computes something of its rows: `func.count()`, `group_by`, `exists`."""
        return bool(self.names() & AGGREGATES) or any(
            _computes(part) for selected in self.selected() for part in walk(selected)
        )

    def conditions(self) -> Iterator[tuple[str, Expr, Expr, Step]]:
        """Yield (operator, left, right, step) of the comparisons by which it is filtered.

        Operators are those of the syntax tree ("Eq", "Gt"); `in_`, `like` and other methods are named as they
        are written, keyword filters are "Eq".
        """
        for step in self.steps:
            if step.name not in FILTERS:
                continue
            for keyword, value in step.call[3]:
                if keyword is not None and step.name != "join":
                    yield "Eq", ("attr", ("unknown",), keyword, step.call[4]), value, step
            for event in events_in(step.frame.function.facts, step.call[4], "op", "call"):
                expr = event[1]
                if expr is step.call or not _is_argument(expr, step.call):
                    continue
                if expr[0] == "binop":
                    yield expr[1], expr[2], expr[3], step
                elif expr[1][0] == "attr" and expr[2]:
                    yield expr[1][2], expr[1][1], expr[2][0], step


class Statements:
    """Finds the queries that values are; answers are remembered."""

    def __init__(self, tracing: Tracing) -> None:
        self.inference = tracing.inference
        self.tracing = tracing
        self._known: dict[object, tuple[Statement, ...]] = {}

    def of(self, expr: Expr, frame: Frame, within: Call | None = None) -> tuple[Statement, ...]:
        """Return the queries that an expression can be, one for each place where one begins."""
        key = (id(expr), frame, within)
        known = self._known.get(key)
        if known is None:
            self._known[key] = ()
            known = self._known[key] = _merged(self._build(expr, frame, within))
        return known

    def _build(self, expr: Expr, frame: Frame, within: Call | None) -> Iterator[Statement]:
        expr = unwrapped(expr)
        tag = expr[0]
        if tag == "any":
            for part in expr[1]:
                yield from self.of(part, frame, within)
        elif tag == "name":
            for value, scope, outer in self.tracing.bound(expr, frame, within):
                yield from self.of(value, scope, outer)
        elif tag == "sub":
            for found in self.of(expr[1], frame, within):
                yield _with(found, Step("__getitem__", expr, frame))
        elif tag == "const" and isinstance(expr[1], str):
            if re.match(r"\s*(select|with)\b", expr[1], re.IGNORECASE):
                yield Statement(expr, frame, "text", text=expr[1])
        elif tag == "call":
            yield from self._of_call(expr, frame, within)

    def _of_call(self, call: Expr, frame: Frame, within: Call | None) -> Iterator[Statement]:
        callees = self.inference.values(call[1], frame)
        names = {v.name for v in callees if isinstance(v, LibraryName)}
        if names & SELECTS:
            yield Statement(call, frame, "select")
        elif names & TEXTS and call[2]:
            for found in self.of(call[2][0], frame, within):
                yield replace(found, start=call)
        elif names & FINDS:
            yield Statement(call, frame, "find")
        elif (
            call[1][0] == "attr" and call[1][2] == "query" and any(n.endswith("ession.query") for n in names)
        ):
            yield Statement(call, frame, "query")
        elif any(isinstance(v, FunctionValue) for v in callees):
            for value, scope, inner in self.tracing.returned(call, frame, within):
                yield from self.of(value, scope, inner)
        elif call[1][0] == "attr":
            for found in self.of(call[1][1], frame, within):
                yield _with(found, Step(call[1][2], call, frame))


def _with(statement: Statement, step: Step) -> Statement:
    if any(known.call is step.call for known in statement.steps):
        return statement
    return replace(statement, steps=(*statement.steps, step), always=statement.always | {id(step.call)})


def _merged(found: Iterable[Statement]) -> tuple[Statement, ...]:
    """Join the ways that lead from one start."""
    joined: dict[int, Statement] = {}
    for statement in found:
        known = joined.get(id(statement.start))
        if known is None:
            joined[id(statement.start)] = statement
            continue
        seen = {id(step.call) for step in known.steps}
        added = tuple(step for step in statement.steps if id(step.call) not in seen)
        always = known.always & statement.always
        joined[id(statement.start)] = replace(known, steps=known.steps + added, always=always)
    return tuple(joined.values())


def _computes(part: Expr) -> bool:
    """Tell whether an expression is `func.count()` and the like, `exists(...)` or `literal(...)`."""
    if part[0] != "call":
        return False
    is_func = part[1][0] == "attr" and part[1][1][:2] == ("name", "func")
    return is_func or part[1][:2] in (("name", "exists"), ("name", "literal"))


def _is_argument(expr: Expr, call: Expr) -> bool:
    """Tell whether an expression stands behind the dot of the method that is called."""
    span, callee = expr[-1], call[1]
    if not isinstance(span, tuple) or callee[0] != "attr":
        return False
    return is_inside(span, call[4]) and span[:2] >= callee[3][2:]
