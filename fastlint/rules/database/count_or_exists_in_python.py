"""FL206: Rows are loaded only to be counted."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import children, unwrapped, walk
from fastlint.project.program import Frame
from fastlint.project.queries import ALL, Rows, conditions
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

KEYS = frozenset({"id", "uuid", "pk", "_id", "email", "username", "slug", "token"})
"""Columns of which there is one row for each value, where the model does not say so itself."""
COUNT, EXISTS, FIRST = "count", "exists", "first"


class CountOrExistsInPython(ModelRule):
    """Rows are loaded only to be counted."""

    code = "FL206"

    def find(self) -> Iterator[Finding]:
        """Look at `len(rows)`, `if rows` and `rows[0]` of everything that answers requests."""
        for frame in self.application.loops.waited_for:
            for want, value, span in _questions(frame):
                rows = self.application.queries.rows(value, frame)
                if not rows or not all(self._is_whole(found) for found in rows):
                    continue
                if value[0] != "name" or _is_only_asked(value[1], frame):
                    yield self._finding(frame, want, value, span)

    def _is_whole(self, rows: Rows) -> bool:
        """Tell whether these are all rows of a query that can give many."""
        statement = rows.query.statement
        queries = self.application.queries
        if (
            rows.shape != ALL
            or statement is None
            or queries.is_bounded(statement)
            or queries.is_aggregate(statement)
        ):
            return False
        mapped = self.application.models.of(rows.entity)
        equal = [
            left[2]
            for operator, left, _, _ in conditions(statement)
            if operator in ("Eq", "in_") and left[0] == "attr"
        ]
        columns = mapped.columns if mapped is not None else {}
        known = [columns[name] for name in equal if name in columns]
        if any(column.is_primary or column.is_unique for column in known) or KEYS.intersection(equal):
            return False
        joins = [name for name in equal if name.endswith("_id")]
        return len(joins) < 2  # a row that joins two others

    def _finding(self, frame: Frame, want: str, value: Expr, span: Span) -> Finding:
        shown = f"`{render(value)}`" if render(value) != "..." else "a list"
        statements = (rows.query.statement for rows in self.application.queries.rows(value, frame))
        document = any(statement is not None and statement.kind == "find" for statement in statements)
        if want == COUNT:
            why = f"{shown} loads every row, and only their number is used"
            advice = "Let the database count: `select(func.count()).select_from(...)` with the same filters, read with `scalar_one()`"
            if document:
                advice = "Let the database count: `count_documents(...)`, or `.count()` of the query"
        elif want == EXISTS:
            why = f"{shown} loads every row, and only whether there is one is used"
            advice = "Ask for one row: `.limit(1)` and `.first()`, or `select(exists().where(...))`"
            if document:
                advice = "Ask for one document: `find_one(...)`, or `.exists()` of the query"
        else:
            why = f"{shown} loads every row, and only the first is used"
            advice = "Ask for one row: add `.limit(1)` and read it with `.first()`"
        return self.finding(frame, span, f"{why}{self.where(frame)}", advice)


def _questions(frame: Frame) -> Iterator[tuple[str, Expr, Span]]:
    """Yield what a function asks of lists: how many, whether there is one, which is the first."""
    seen: set[object] = set()
    for kind, expr, _, _, _, span in frame.function.facts.events:
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
        key = value[1] if value[0] == "name" else span
        if value[0] in ("name", "call") and key not in seen:
            seen.add(key)
            yield want, value, span


def _is_only_asked(name: str, frame: Frame) -> bool:
    """Tell whether a local name serves for nothing but such questions."""
    function = frame.function
    facts = function.facts
    bindings = facts.bindings.get(name, [])
    if len(bindings) != 1 or name in facts.outer_names or name in function.parameters:
        return False
    if bindings[0][2][0] in ("elem", "aelem", "item", "enter", "aenter"):
        return False
    for inner in function.module.facts.functions:
        if inner.parent == function.index and any(
            part[0] == "name" and part[1] == name for event in inner.events for part in walk(event[1])
        ):
            return False
    tests = [event[1] for event in facts.events if event[0] == "test"]
    read = [event[1] for event in facts.events if event[0] != "test"]
    read += [value for values in facts.bindings.values() for _, _, value in values]
    read += [value for _, _, value in facts.stores]
    return not any(_uses(expr, name) for expr in read) and not any(
        _uses(expr, name) for expr in tests if unwrapped(expr)[0] != "name"
    )


def _uses(expr: Expr, name: str) -> bool:
    """Tell whether an expression needs the rows themselves."""
    pending = [expr]
    while pending:
        part = pending.pop()
        if part[0] == "call" and part[1][:2] in (("name", "len"), ("name", "bool")) and len(part[2]) == 1:
            pending += children(part[2][0])
        elif part[0] == "not" or (part[0] == "sub" and part[2] == ("const", 0)):
            pending += children(part[1])
        elif part[0] == "name" and part[1] == name:
            return True
        else:
            pending += children(part)
    return False
