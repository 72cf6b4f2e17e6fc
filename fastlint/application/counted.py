"""Rows that are loaded only to be counted, to see whether there are any, or for the first of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import children, parts_of, unwrapped
from fastlint.project.program import Frame, Function
from fastlint.project.queries import ALL, Query
from fastlint.project.rows import Rows

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

KEYS = frozenset({"id", "uuid", "pk", "_id", "email", "username", "slug", "token"})
"""Columns of which there is one row for each value, where the model does not say so itself."""
COUNT, EXISTS, FIRST = "count", "exists", "first"


class Counted(NamedTuple):
    """A place that asks one thing of all rows of a query."""

    frame: Frame
    want: str
    value: Expr
    span: Span
    rows: tuple[Rows, ...]


class CountedRows:
    """The questions that a program asks of rows which it loads for nothing else."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.found = list(self._find())
        self._calls = {
            (id(rows.query.call), counted.frame.function) for counted in self.found for rows in counted.rows
        }

    def counts(self, query: Query) -> bool:
        """Tell whether the function that sends a query uses its rows for nothing else."""
        return (id(query.call), query.frame.function) in self._calls

    def counts_elsewhere(self, query: Query) -> bool:
        """Tell whether some function uses the rows of a query for nothing else."""
        return any(call == id(query.call) for call, _ in self._calls)

    def _find(self) -> Iterator[Counted]:
        questions: dict[Function, list[tuple[str, Expr, Span]]] = {}
        for frame in self.application.waited_for:
            function = frame.function
            if function not in questions:
                questions[function] = list(_questions(function))
            for want, value, span in questions[function]:
                rows = self.application.rows.of(value, frame)
                if rows and all(self._is_whole(found) for found in rows):
                    yield Counted(frame, want, value, span, rows)

    def _is_whole(self, rows: Rows) -> bool:
        """Tell whether these are all rows of a query that can give many."""
        statement = rows.query.statement
        if rows.shape != ALL or statement is None or statement.is_bounded or statement.is_aggregate:
            return False
        mapped = self.application.models.of(rows.entity)
        equal = [
            left[2]
            for operator, left, _, _ in statement.conditions()
            if operator in ("Eq", "in_") and left[0] == "attr"
        ]
        columns = mapped.columns if mapped is not None else {}
        known = [columns[name] for name in equal if name in columns]
        if any(column.is_primary or column.is_unique for column in known) or KEYS.intersection(equal):
            return False
        joins = [name for name in equal if name.endswith("_id")]
        return len(joins) < 2  # a row that joins two others


def _questions(function: Function) -> Iterator[tuple[str, Expr, Span]]:
    """Yield what a function asks of lists that serve for nothing else; of each name the first question."""
    asked = list(_all_questions(function))
    wants: dict[str, set[str]] = defaultdict(set)
    for want, value, _ in asked:
        if value[0] == "name":
            wants[value[1]].add(want)
    # Where the first row is used as well as the number, few are expected: `if len(found) > 1: raise`.
    names = {name for name, found in wants.items() if not found >= {COUNT, FIRST} and _is_own(name, function)}
    if names:
        names -= _needed(function)
    seen: set[object] = set()
    for want, value, span in asked:
        key = value[1] if value[0] == "name" else span
        if key not in seen:
            seen.add(key)
            if value[0] != "name" or value[1] in names:
                yield want, value, span


def _all_questions(function: Function) -> Iterator[tuple[str, Expr, Span]]:
    """Yield what a function asks of lists: how many, whether there is one, which is the first."""
    for kind, expr, _, _, _, span in function.facts.events:
        asked: tuple[str, Expr] | None = None
        if kind in ("call", "drop") and expr[1][0] == "name" and len(expr[2]) == 1:
            asked = {"len": (COUNT, expr[2][0]), "bool": (EXISTS, expr[2][0])}.get(expr[1][1])
        elif kind == "test":
            tested = expr[1] if expr[0] == "not" else expr
            asked = (EXISTS, tested)
        elif kind == "sub" and expr[2] == ("const", 0):
            asked = (FIRST, expr[1])
        if asked is None:
            continue
        want, value = asked[0], unwrapped(asked[1])
        if value[0] in ("name", "call"):
            yield want, value, span


def _is_own(name: str, function: Function) -> bool:
    """Tell whether a function alone has a variable, and gives it a value once."""
    facts = function.facts
    bindings = facts.bindings.get(name, [])
    if len(bindings) != 1 or name in facts.outer_names or name in function.parameters:
        return False
    if bindings[0][2][0] in ("elem", "aelem", "item", "enter", "aenter"):
        return False
    for inner in function.module.facts.functions:
        if inner.parent == function.index and f" {name} " in f" {inner.names} ":
            parts = parts_of(event[1] for event in inner.events)
            if any(part[:2] == ("name", name) for part in parts):
                return False
    return True


def _needed(function: Function) -> frozenset[str]:
    """Return the names whose values serve for something else than such questions."""
    facts = function.facts
    tests = [event[1] for event in facts.events if event[0] == "test"]
    read = [event[1] for event in facts.events if event[0] != "test"]
    read += [value for values in facts.bindings.values() for _, _, value in values]
    read += [value for _, _, value in facts.stores]
    read += [test for test in tests if unwrapped(test)[0] != "name"]
    found: set[str] = set()
    seen: set[int] = set()
    while read:
        part = read.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if part[0] == "call" and part[1][:2] in (("name", "len"), ("name", "bool")) and len(part[2]) == 1:
            read += children(part[2][0])
        elif part[0] == "not" or (part[0] == "sub" and part[2] == ("const", 0)):
            read += children(part[1])
        elif part[0] == "name":
            found.add(part[1])
        else:
            read += children(part)
    return frozenset(found)
