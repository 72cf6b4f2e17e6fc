"""Queries that are sent: by which call, with which session, and how many of their rows are fetched.

A query is sent by a call (`session.execute(statement)`, `query.all()`), or where it is iterated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import unwrapped
from fastlint.project.bindings import call_argument
from fastlint.project.calls import Site
from fastlint.project.program import Frame, Function
from fastlint.project.statements import Statement, Statements
from fastlint.project.tracing import Call
from fastlint.project.values import LibraryName

ASYNC_SESSIONS = ("sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.async_scoped_session")
SYNC_SESSIONS = ("sqlalchemy.orm.Session", "sqlalchemy.orm.scoped_session")

TAKES_STATEMENT = frozenset({
    "execute", "scalar", "scalars", "exec", "stream", "stream_scalars", "fetch_all", "fetch_one", "fetch_val",
    "iterate", "fetch", "fetchrow", "fetchval", "exec_driver_sql",
})  # fmt: skip
"""Methods whose first argument is the statement that they send."""

FETCHES_ONE = frozenset({
    "first", "one", "one_or_none", "scalar", "scalar_one", "scalar_one_or_none", "fetchone", "fetch_one",
    "fetchrow", "fetchval", "fetch_val", "get", "get_one", "get_or_none", "first_or_none", "count", "exists",
    "find_one", "rowcount", "one_or_404", "first_or_404", "last", "latest", "earliest",
})  # fmt: skip
FETCHES_MANY = frozenset({"all", "fetchall", "fetch_all", "fetch", "to_list", "iterate", "partitions"})
SAME_ROWS = frozenset({"list", "tuple", "sorted", "set", "reversed", "iter"})

ALL, EACH, ONE = "all", "each", "one"
"""How many rows of a query: all, each in turn, one."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A query that is sent: by which call, with which session."""

    statement: Statement | None
    """None where only the sending is known, as for `session.get(Post, key)`."""
    call: Expr
    """What sends it; a call, or what is iterated."""
    frame: Frame
    session: Expr | None
    method: str

    @property
    def place(self) -> tuple[Frame, Expr]:
        """Where it stands: what sends it, or where a query begins that is iterated by its name."""
        if self.call[0] in ("call", "attr", "sub") or self.statement is None:
            return self.frame, self.call
        return self.statement.frame, self.statement.start


class Queries:
    """Answers which queries are sent where; answers are remembered."""

    def __init__(self, statements: Statements) -> None:
        self.inference = statements.inference
        self.statements = statements
        self._consumers: dict[Function, list[tuple[Expr, str]]] = {}
        self._origins_of_names: dict[int, frozenset[int]] = {}

    def sent_by(self, site: Site) -> list[Query]:
        """Return the queries that a place sends itself (an act "query" of the catalog)."""
        if not any("query" in words for _, words in site.acts):
            return []
        expr = site.event[1]
        if site.event[0] in ("iter", "aiter"):
            return [iterated(found, expr, site.frame) for found in self.statements.of(expr, site.frame)]
        if expr[0] != "call":
            return []
        sent = list(self.sent(expr, site.frame))
        return sent or [
            iterated(found, expr, site.frame)
            for found in self.statements.of(expr, site.frame)
            if found.kind == "find" and any(name.endswith(".__await__") for name, _ in site.acts)
        ]

    def sent(self, call: Expr, frame: Frame, within: Call | None = None) -> Iterator[Query]:
        """Yield the queries that a call sends, if it is one that does."""
        if call[1][0] != "attr":
            return
        method, holder = call[1][2], call[1][1]
        if method in TAKES_STATEMENT:
            statement = call[2][0] if call[2] else call_argument(call, None, "statement")
            callees = self.inference.values(call[1], frame)
            if statement is not None and any(
                isinstance(v, LibraryName) and "query" in self.inference.catalog.acts_of(v.name)
                for v in callees
            ):
                for found in self.statements.of(statement, frame, within):
                    yield Query(found, call, frame, holder, method)
                return
        if method in ("get", "get_one") and self.session_kind(holder, frame):
            yield Query(None, call, frame, holder, method)
        elif method in FETCHES_ONE or method in FETCHES_MANY:
            for found in self.statements.of(holder, frame, within):
                if found.kind in ("query", "find"):
                    yield Query(found, call, frame, found.session, method)

    def session_kind(self, session: Expr | None, frame: Frame) -> str:
        """Return "async" or "sync" for a session of SQLAlchemy or SQLModel, "" for anything else."""
        values = self.inference.values(session, frame) if session is not None else ()
        if any(self.inference.is_subclass(v, name) for v in values for name in ASYNC_SESSIONS):
            return "async"
        if any(self.inference.is_subclass(v, name) for v in values for name in SYNC_SESSIONS):
            return "sync"
        return ""

    def kind_of(self, query: Query) -> str:
        """Return "async" or "sync" for the session that sends a query, "" if it is unknown."""
        frame = query.frame
        if query.statement is not None and query.statement.kind == "query":
            frame = query.statement.frame
        return self.session_kind(query.session, frame)

    def fetches(self, query: Query) -> str:
        """Return how many rows are fetched: ALL, ONE, or "" where the code does not show it."""
        if query.method in FETCHES_ONE:
            return ONE
        if query.method in FETCHES_MANY or query.method == "__iter__":
            return ALL
        consumers = set(self._consumed(query))
        if consumers & (FETCHES_ONE | {"fetchmany"}):
            return ONE
        if consumers & (FETCHES_MANY | {"__iter__"}):
            return ALL
        return ""

    def _consumed(self, query: Query) -> Iterator[str]:
        """Yield the methods that are called on the result of a query, and "__iter__" where it is iterated."""
        function = query.frame.function
        consumers = self._consumers.get(function)
        if consumers is None:
            consumers = self._consumers[function] = list(_consumers(function.facts))
        for holder, method in consumers:
            if id(query.call) in self._origins(holder, function):
                yield method

    def _origins(self, expr: Expr, function: Function) -> frozenset[int]:
        """Return the calls, by identity, that the value of an expression can come from within its function."""
        calls = set()
        expr = unwrapped(expr)
        while expr[0] == "call" and expr[1][0] == "attr":
            calls.add(id(expr))
            expr = unwrapped(expr[1][1])
        calls.add(id(expr))
        if expr[0] != "name" or expr[1] not in function.facts.bindings:
            return frozenset(calls)
        known = self._origins_of_names.get(id(expr))
        if known is None:
            self._origins_of_names[id(expr)] = frozenset()  # a name that is bound to what it was
            values, _ = function.flow.reaching(expr[1], expr[2], expr[3])
            known = frozenset().union(*(self._origins(value, function) for value in values))
            self._origins_of_names[id(expr)] = known
        return known | calls


def iterated(statement: Statement, expr: Expr, frame: Frame) -> Query:
    """Return the query that is sent by iterating or awaiting it: `for user in query`, `await User.all()`."""
    return Query(statement, expr, frame, statement.session, "__iter__")


def _consumers(facts: FunctionFacts) -> Iterator[tuple[Expr, str]]:
    """Yield (what, method) for each method call of a function, and for what loops and `list()` iterate."""
    for kind, expr, *_ in facts.events:
        if kind in ("call", "drop"):
            if expr[1][0] == "attr":
                yield expr[1][1], expr[1][2]
            elif expr[1][0] == "name" and expr[1][1] in SAME_ROWS and expr[2]:
                yield expr[2][0], "__iter__"
        elif kind in ("iter", "aiter"):
            yield expr, "__iter__"
        elif kind == "attr" and expr[2] == "rowcount":
            yield expr[1], "rowcount"
