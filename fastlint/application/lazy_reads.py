"""Reads of relationships that a query has not loaded: a query more for each object, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr
from fastlint.project.loader_options import loader_options
from fastlint.project.models import Models, Relationship
from fastlint.project.program import Frame
from fastlint.project.queries import EACH
from fastlint.project.rows import Rows, RowsOfQueries


@dataclass(frozen=True, slots=True, eq=False)
class LazyRead:
    """A relationship that is read of the rows of a query which left it out."""

    rows: Rows
    relationship: Relationship
    session: str
    """"async" or "sync"."""

    @property
    def is_per_row(self) -> bool:
        """Whether it is read of each of many rows."""
        return self.rows.shape == EACH


class LazyReads:
    """Answers which reads of attributes load a relationship of a row."""

    def __init__(self, rows: RowsOfQueries, models: Models) -> None:
        self._rows = rows
        self._models = models
        self._known: dict[tuple[Frame, int], list[LazyRead]] = {}

    def at(self, frame: Frame, expr: Expr) -> list[LazyRead]:
        """Return what reading an attribute, `("attr", base, name, ...)`, loads."""
        key = (frame, id(expr))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = []
            for rows in self._rows.of(expr[1], frame):
                if self._is_own(rows, expr[1], frame):
                    found += self.of(rows, expr[2])
            if _is_passed(frame, expr[1]):
                # Which caller passes what, and what it did before, is uncertain: too little for an error.
                found[:] = [read for read in found if read.session != "async"]
            if found and self._is_loaded_here(frame, expr):
                found.clear()
        return found

    def of(self, rows: Rows, name: str) -> Iterator[LazyRead]:
        """Yield the load of a relationship, by its name, that rows of a query come without."""
        mapped = self._models.of(rows.entity)
        relationship = mapped.relationships.get(name) if mapped is not None else None
        session = self._rows.queries.kind_of(rows.query)
        if relationship is None or not relationship.is_lazy or not session:
            return
        statement = rows.query.statement
        if statement is None:
            if len(rows.query.call[2]) > 2 or rows.query.call[3]:
                return  # options of `session.get`
        else:
            named, clear = loader_options(statement, self._rows.tracing)
            if not clear or name in named or "*" in named or "from_statement" in statement.names():
                return
            if self._is_same_parent(rows, relationship):
                return
        yield LazyRead(rows, relationship, session)

    def _is_own(self, rows: Rows, base: Expr, frame: Frame) -> bool:
        """Tell whether a method that reads of `self` belongs to the class of the row."""
        owner = frame.function.owner
        parameters = frame.function.facts.parameters
        if owner is None or not parameters or base[:2] != ("name", parameters[0].name):
            return True
        return rows.entity is not None and owner in self._rows.inference.mro(rows.entity)

    def _is_same_parent(self, rows: Rows, relationship: Relationship) -> bool:
        """Tell whether all rows have the same other side, so that one query loads it for all of them."""
        statement = rows.query.statement
        names = (relationship.name, relationship.target.lower() or relationship.name)
        for operator, left, _, _ in statement.conditions() if statement is not None else ():
            if operator == "Eq" and left[0] == "attr" and str(left[2]).startswith(names):
                return True
        return False

    def _is_loaded_here(self, frame: Frame, expr: Expr) -> bool:
        """Tell whether the function itself sets the attribute, or refreshes the object with it."""
        for kind, event, *_ in frame.function.facts.events:
            if kind == "set" and event[2] == expr[2]:
                return True
            if (
                kind == "attr"
                and event[2] == expr[2]
                and event[1][0] == "attr"
                and event[1][2] == "awaitable_attrs"
            ):
                return True
            is_call = kind in ("call", "drop") and event[1][0] == "attr"
            if (
                is_call
                and event[1][2] in ("refresh", "set_committed_value")
                and _mentions_text(event, expr[2])
            ):
                return True
        return False


def _is_passed(frame: Frame, base: Expr) -> bool:
    """Tell whether an object is a parameter of the function."""
    return base[0] == "name" and base[1] in frame.function.parameters


def _mentions_text(call: Expr, name: str) -> bool:
    parts = [*call[2], *(value for _, value in call[3])]
    for part in parts:
        elements = part[1] if part[0] in ("list", "tuple", "set") else (part,)
        if ("const", name) in elements or any(e[0] == "attr" and e[2] == name for e in elements):
            return True
    return False
