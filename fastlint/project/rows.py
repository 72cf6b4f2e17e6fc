"""Which values hold rows of a query: all of them, each in turn, or one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastlint.facts.model import Expr
from fastlint.facts.structure import unwrapped
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.queries import ALL, EACH, FETCHES_ONE, ONE, SAME_ROWS, Queries, Query, iterated
from fastlint.project.statements import Statement
from fastlint.project.tracing import Call
from fastlint.project.values import ClassValue, FunctionValue, LibraryName

PASSES_ROWS = frozenset({
    "all", "fetchall", "scalars", "unique", "to_list", "tuples", "yield_per", "columns", "execution_options",
})  # fmt: skip
"""Methods of a result that leave it as many rows as before."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a value holds of a query: all its rows, each of them in turn, or one."""

    query: Query
    entity: ProjectClass | None
    shape: str
    index: int = -1
    """Which of several selected things; -1 while that does not matter."""

    def each(self) -> Rows:
        """Return what a loop over it gives."""
        return replace(self, shape=EACH) if self.shape == ALL else self


class RowsOfQueries:
    """Finds the queries whose rows values hold; answers are remembered."""

    def __init__(self, queries: Queries) -> None:
        self.inference = queries.inference
        self.queries = queries
        self.tracing = queries.statements.tracing
        self._known: dict[object, tuple[Rows, ...]] = {}

    def of(self, expr: Expr, frame: Frame, within: Call | None = None) -> tuple[Rows, ...]:
        """Return the queries whose rows a value holds."""
        key = (id(expr), frame, within)
        known = self._known.get(key)
        if known is None:
            self._known[key] = ()
            known = self._known[key] = tuple(self._find_rows(expr, frame, within))
        return known

    def _find_rows(self, expr: Expr, frame: Frame, within: Call | None) -> Iterator[Rows]:
        expr = unwrapped(expr)
        tag = expr[0]
        if tag == "any":
            for part in expr[1]:
                yield from self.of(part, frame, within)
        elif tag == "name":
            for value, scope, outer in self.tracing.bound(expr, frame, within):
                yield from self.of(value, scope, outer)
        elif tag in ("elem", "aelem"):
            yield from self._elements(expr[1], frame, within)
        elif tag == "star":
            yield from self.of(expr[1], frame, within)
        elif tag == "item":
            yield from self._unpacked(expr, frame, within)
        elif tag == "sub":
            for found in self.of(expr[1], frame, within):
                if found.shape == ALL:
                    yield replace(found, shape=ONE)
                elif found.index < 0 and expr[2][0] == "const" and isinstance(expr[2][1], int):
                    yield self._chosen(found, expr[2][1])
        elif tag in ("list", "tuple", "set"):
            for part in expr[1]:
                if part[0] == "star" and part[1][0] == "list":  # a comprehension: [row for row in rows]
                    for inner in part[1][1]:
                        for found in self.of(inner, frame, within):
                            yield replace(found, shape=ALL) if found.shape == EACH else found
        elif tag == "call":
            yield from self._rows_of_call(expr, frame, within)

    def _elements(self, source: Expr, frame: Frame, within: Call | None) -> Iterator[Rows]:
        rows = self.of(source, frame, within)
        for found in rows:
            yield found.each()
        if not rows:
            for statement in self.queries.statements.of(source, frame, within):
                if statement.kind == "query":
                    yield self._whole(iterated(statement, source, frame), EACH)

    def _unpacked(self, expr: Expr, frame: Frame, within: Call | None) -> Iterator[Rows]:
        inner = expr[1]
        if (
            inner[0] in ("elem", "aelem")
            and inner[1][0] == "call"
            and inner[1][1][:2] == ("name", "enumerate")
        ):
            if expr[2] == 1 and inner[1][2]:
                yield from self._elements(inner[1][2][0], frame, within)
            return
        for found in self.of(inner, frame, within):
            if found.index < 0:
                yield self._chosen(found, expr[2])

    def _chosen(self, found: Rows, index: int) -> Rows:
        """Return one of the things that each row of a query consists of."""
        statement = found.query.statement
        selected = statement.selected() if statement is not None else ()
        entity = None
        if statement is not None and 0 <= index < len(selected) and len(selected) > 1:
            entity = self.entity(selected[index], statement.frame)
        elif index == 0 and len(selected) == 1 and found.query.method in ("execute", "stream"):
            entity = found.entity
        return replace(found, index=index, entity=entity)

    def _rows_of_call(self, call: Expr, frame: Frame, within: Call | None) -> Iterator[Rows]:
        sent = False
        for query in self.queries.sent(call, frame, within):
            sent = True
            if query.method in FETCHES_ONE - {"count", "exists"}:
                yield self._whole(query, ONE)
            elif query.method not in FETCHES_ONE:
                yield self._whole(query, ALL)
        if sent:
            return
        for statement in self.queries.statements.of(call, frame, within):
            if statement.kind == "find" and self._is_of_tortoise(statement):
                yield self._whole(iterated(statement, call, frame), ALL)
                return
        base = call[1]
        if base[0] == "name" and base[1] in SAME_ROWS and call[2]:
            yield from self.of(call[2][0], frame, within)
            return
        callees = self.inference.values(base, frame)
        if any(isinstance(v, FunctionValue) for v in callees):
            for value, scope, inner in self.tracing.returned(call, frame, within):
                yield from self.of(value, scope, inner)
        elif base[0] == "attr" and base[2] in PASSES_ROWS | FETCHES_ONE | {"fetchmany"}:
            for found in self.of(base[1], frame, within):
                if base[2] == "scalars" and call[2]:
                    continue
                yield replace(found, shape=ONE) if base[2] in FETCHES_ONE else found

    def _is_of_tortoise(self, statement: Statement) -> bool:
        """Tell whether awaiting the query itself gives its rows."""
        callees = self.inference.values(statement.start[1], statement.frame)
        return any(isinstance(v, LibraryName) and v.name.startswith("tortoise.") for v in callees)

    def _whole(self, query: Query, shape: str) -> Rows:
        entity = None
        if query.statement is not None:
            selected = query.statement.selected()
            entity = self.entity(selected[0], query.statement.frame) if len(selected) == 1 else None
        elif query.call[2]:
            entity = self.entity(query.call[2][0], query.frame)
        return Rows(query, entity, shape)

    def entity(self, expr: Expr, frame: Frame) -> ProjectClass | None:
        """Return the class of the program that an expression names, `User` in `select(User)`."""
        values = self.inference.values(expr, frame)
        found = [v.cls for v in values if isinstance(v, ClassValue) and isinstance(v.cls, ProjectClass)]
        return found[0] if len(found) == 1 else None
