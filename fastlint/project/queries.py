"""What a query selects, what was done to it, which session sends it, and which values hold its rows.

A query is built in steps (`select(Post)`, `.where(...)`, `.limit(...)`), through variables and helpers, and
sent by a call (`session.execute(statement)`, `query.all()`). `Queries.sent_by` reads it from that call,
`Queries.rows` from a value that came of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import events_in, is_inside, unwrapped, walk
from fastlint.project.bindings import call_argument
from fastlint.project.calls import Site
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue, LibraryName

ASYNC_SESSIONS = ("sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.async_scoped_session")
SYNC_SESSIONS = ("sqlalchemy.orm.Session", "sqlalchemy.orm.scoped_session")
SESSIONS = ASYNC_SESSIONS + SYNC_SESSIONS

SELECTS = frozenset({"sqlalchemy.select", "sqlmodel.select"})
TEXTS = frozenset({"sqlalchemy.text"})
FINDS = frozenset({
    "beanie.Document.find", "beanie.Document.find_all", "beanie.Document.find_many", "beanie.Document.all",
    "motor.motor_asyncio.AsyncIOMotorCollection.find", "pymongo.asynchronous.collection.AsyncCollection.find",
    "pymongo.collection.Collection.find", "tortoise.models.Model.all", "tortoise.models.Model.filter",
    "tortoise.models.Model.exclude", "mongoengine.QuerySet.all", "mongoengine.QuerySet.filter",
})  # fmt: skip
"""Calls of other libraries that begin a query for many rows."""

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
PASSES_ROWS = frozenset({
    "all", "fetchall", "scalars", "unique", "to_list", "tuples", "yield_per", "columns", "execution_options",
})  # fmt: skip
"""Methods of a result that leave it as many rows as before."""
BOUNDS = frozenset(
    {"limit", "slice", "fetch", "paginate", "first", "one", "__getitem__", "yield_per", "batch_size"}
)
"""Steps of a query after which it gives no more rows than somebody chose."""
EAGER = frozenset({
    "joinedload", "selectinload", "subqueryload", "contains_eager", "immediateload", "raiseload", "noload",
    "load_only", "defaultload", "lazyload", "with_expression",
})  # fmt: skip
SAME_ROWS = frozenset({"list", "tuple", "sorted", "set", "reversed", "iter"})

ALL, EACH, ONE = "all", "each", "one"
DEEPEST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A method that was applied to a query on its way."""

    name: str
    call: Expr
    frame: Frame


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Which call of a function is being looked into, so that its parameters are those arguments."""

    function: Function
    call: Expr
    skip: int
    """How many parameters come before the first argument: one for methods."""
    frame: Frame
    above: Call | None
    depth: int


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

    def names(self) -> set[str]:
        """Return the names of the methods that were applied."""
        return {step.name for step in self.steps}

    def selected(self) -> tuple[Expr, ...]:
        """Return what it asks for: classes, columns, functions."""
        for step in reversed(self.steps):
            if step.name in ("with_only_columns", "with_entities"):
                return tuple(step.call[2])
        return tuple(self.start[2]) if self.start[0] == "call" and self.kind in ("select", "query") else ()


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


class Queries:
    """Answers questions about queries; answers are remembered."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._statements: dict[object, tuple[Statement, ...]] = {}
        self._rows: dict[object, tuple[Rows, ...]] = {}
        self._consumers: dict[Function, list[tuple[Expr, str]]] = {}
        self._origins_of_names: dict[int, frozenset[int]] = {}
        self._calls: dict[object, Call] = {}

    # Statements

    def statements(self, expr: Expr, frame: Frame, within: Call | None = None) -> tuple[Statement, ...]:
        """Return the queries that an expression can be, one for each place where one begins."""
        key = (id(expr), frame, within)
        known = self._statements.get(key)
        if known is None:
            self._statements[key] = ()
            known = self._statements[key] = _merged(self._build(expr, frame, within))
        return known

    def _build(self, expr: Expr, frame: Frame, within: Call | None) -> Iterator[Statement]:
        expr = unwrapped(expr)
        tag = expr[0]
        if tag == "any":
            for part in expr[1]:
                yield from self.statements(part, frame, within)
        elif tag == "name":
            for value, scope, outer in self.bound(expr, frame, within):
                yield from self.statements(value, scope, outer)
        elif tag == "sub":
            for found in self.statements(expr[1], frame, within):
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
            for found in self.statements(call[2][0], frame, within):
                yield replace(found, start=call)
        elif names & FINDS:
            yield Statement(call, frame, "find")
        elif (
            call[1][0] == "attr" and call[1][2] == "query" and any(n.endswith("ession.query") for n in names)
        ):
            yield Statement(call, frame, "query")
        elif any(isinstance(v, FunctionValue) for v in callees):
            for value, scope, inner in self.returned(call, frame, within):
                yield from self.statements(value, scope, inner)
        elif call[1][0] == "attr":
            for found in self.statements(call[1][1], frame, within):
                yield _with(found, Step(call[1][2], call, frame))

    # Where values come from

    def bound(
        self, name: Expr, frame: Frame, within: Call | None
    ) -> Iterator[tuple[Expr, Frame, Call | None]]:
        """Yield the expressions that a name stands for at its place: assigned, or passed by callers."""
        facts = frame.function.facts
        if name[1] in facts.bindings and name[1] not in facts.outer_names:
            values, dominated = frame.function.flow.reaching(name[1], name[2], name[3])
            for value in values:
                yield value, frame, within
            if dominated:
                return
        parameter = frame.function.parameters.get(name[1])
        if parameter is not None:
            yield from self.passed(frame, parameter.name, within)

    def passed(
        self, frame: Frame, name: str, within: Call | None
    ) -> Iterator[tuple[Expr, Frame, Call | None]]:
        """Yield what callers pass for a parameter: the one that is being looked into, or all there are."""
        function = frame.function
        position = [parameter.name for parameter in function.facts.parameters].index(name)
        if within is not None and within.function is function:
            if position < within.skip:
                if within.call[1][0] == "attr":
                    yield within.call[1][1], within.frame, within.above
                return
            argument = call_argument(within.call, position - within.skip, name)
            if argument is not None:
                yield argument, within.frame, within.above
            return
        is_method = function.owner is not None and frame.receiver is not None
        for caller, call in self.inference.call_sites.named(function)[:40]:
            scope = self.inference.program.generic_frame(caller)
            callees = self.inference.values(call[1], scope)
            known = [v for v in callees if isinstance(v, FunctionValue)]
            if known and not any(v.function is function for v in known):
                continue
            skip = int(is_method)
            if position < skip:
                if call[1][0] == "attr" and not any(v.receiver == call[1][1] for v in known):
                    yield call[1][1], scope, None
                continue
            if not known:
                continue
            argument = call_argument(call, position - skip, name)
            if argument is not None:
                yield argument, scope, None

    def returned(
        self, call: Expr, frame: Frame, within: Call | None
    ) -> Iterator[tuple[Expr, Frame, Call | None]]:
        """Yield what the functions of the program that a call runs return."""
        depth = within.depth + 1 if within is not None else 0
        if depth > DEEPEST:
            return
        from fastlint.project import members

        for callee in self.inference.values(call[1], frame):
            if not isinstance(callee, FunctionValue):
                continue
            for target in members.implementations(self.inference, callee):
                entered = self.inference.enter(target, call, frame)
                skip = int(target.receiver is not None and "static" not in target.marks)
                inner = self._called(target.function, call, skip, frame, within, depth)
                for value in target.function.facts.returns:
                    yield value, entered, inner

    def _called(
        self, function: Function, call: Expr, skip: int, frame: Frame, within: Call | None, depth: int
    ) -> Call:
        key = ("call", function, id(call), frame, within)
        known = self._calls.get(key)
        if known is None:
            known = self._calls[key] = Call(function, call, skip, frame, within, depth)
        return known

    # Sending

    def sent_by(self, site: Site) -> list[Query]:
        """Return the queries that a place sends itself (an act "query" of the catalog)."""
        if not any("query" in words for _, words in site.acts):
            return []
        expr = site.event[1]
        if site.event[0] in ("iter", "aiter"):
            return [
                Query(found, expr, site.frame, self._session_of(found), "__iter__")
                for found in self.statements(expr, site.frame)
            ]
        if expr[0] != "call":
            return []
        sent = list(self.sent(expr, site.frame))
        return sent or [
            self._awaited(found, expr, site.frame)
            for found in self.statements(expr, site.frame)
            if found.kind == "find" and any(name.endswith(".__await__") for name, _ in site.acts)
        ]

    def _awaited(self, statement: Statement, call: Expr, frame: Frame) -> Query:
        """Return the query that an `await` sends, without a method that does: `await User.all()`."""
        return Query(statement, call, frame, self._session_of(statement), "__iter__")

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
                for found in self.statements(statement, frame, within):
                    yield Query(found, call, frame, holder, method)
                return
        if method in ("get", "get_one") and self.session_kind(holder, frame):
            yield Query(None, call, frame, holder, method)
        elif method in FETCHES_ONE or method in FETCHES_MANY:
            for found in self.statements(holder, frame, within):
                if found.kind in ("query", "find"):
                    yield Query(found, call, frame, self._session_of(found), method)

    def _session_of(self, statement: Statement) -> Expr | None:
        start = statement.start
        return start[1][1] if statement.kind == "query" and start[1][0] == "attr" else None

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

    # Rows

    def rows(self, expr: Expr, frame: Frame, within: Call | None = None) -> tuple[Rows, ...]:
        """Return the queries whose rows a value holds."""
        key = (id(expr), frame, within)
        known = self._rows.get(key)
        if known is None:
            self._rows[key] = ()
            known = self._rows[key] = tuple(self._find_rows(expr, frame, within))
        return known

    def _find_rows(self, expr: Expr, frame: Frame, within: Call | None) -> Iterator[Rows]:
        expr = unwrapped(expr)
        tag = expr[0]
        if tag == "any":
            for part in expr[1]:
                yield from self.rows(part, frame, within)
        elif tag == "name":
            for value, scope, outer in self.bound(expr, frame, within):
                yield from self.rows(value, scope, outer)
        elif tag in ("elem", "aelem"):
            yield from self._elements(expr[1], frame, within)
        elif tag == "star":
            yield from self.rows(expr[1], frame, within)
        elif tag == "item":
            yield from self._unpacked(expr, frame, within)
        elif tag == "sub":
            for found in self.rows(expr[1], frame, within):
                if found.shape == ALL:
                    yield replace(found, shape=ONE)
                elif found.index < 0 and expr[2][0] == "const" and isinstance(expr[2][1], int):
                    yield self._chosen(found, expr[2][1])
        elif tag in ("list", "tuple", "set"):
            for part in expr[1]:
                if part[0] == "star" and part[1][0] == "list":  # a comprehension: [row for row in rows]
                    for inner in part[1][1]:
                        for found in self.rows(inner, frame, within):
                            yield replace(found, shape=ALL) if found.shape == EACH else found
        elif tag == "call":
            yield from self._rows_of_call(expr, frame, within)

    def _elements(self, source: Expr, frame: Frame, within: Call | None) -> Iterator[Rows]:
        for found in self.rows(source, frame, within):
            yield found.each()
        if not any(True for _ in self.rows(source, frame, within)):
            for statement in self.statements(source, frame, within):
                if statement.kind == "query":
                    query = Query(statement, source, frame, self._session_of(statement), "__iter__")
                    yield self._whole(query, EACH)

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
        for found in self.rows(inner, frame, within):
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
        for query in self.sent(call, frame, within):
            sent = True
            if query.method in FETCHES_ONE - {"count", "exists"}:
                yield self._whole(query, ONE)
            elif query.method not in FETCHES_ONE:
                yield self._whole(query, ALL)
        if sent:
            return
        for statement in self.statements(call, frame, within):
            if statement.kind == "find" and self._is_of_tortoise(statement):
                yield self._whole(self._awaited(statement, call, frame), ALL)
                return
        base = call[1]
        if base[0] == "name" and base[1] in SAME_ROWS and call[2]:
            yield from self.rows(call[2][0], frame, within)
            return
        callees = self.inference.values(base, frame)
        if any(isinstance(v, FunctionValue) for v in callees):
            for value, scope, inner in self.returned(call, frame, within):
                yield from self.rows(value, scope, inner)
        elif base[0] == "attr" and base[2] in PASSES_ROWS | FETCHES_ONE | {"fetchmany"}:
            for found in self.rows(base[1], frame, within):
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

    # What limits a query

    def is_bounded(self, statement: Statement) -> bool:
        """Tell whether on some way a query is given a limit, or is of a kind that needs none."""
        if statement.names() & BOUNDS:
            return True
        options = [step.call for step in statement.steps if step.name == "execution_options"]
        if any(name in ("yield_per", "stream_results") for call in options for name, _ in call[3]):
            return True
        if statement.kind == "text":
            return bool(
                re.search(r"\b(limit|top|fetch\s+(first|next)|group\s+by)\b", statement.text, re.I)
                or re.search(
                    r"\bselect\s+(not\s+)?(exists|count|sum|avg|min|max|bool_or|bool_and|any_value)\s*\(",
                    statement.text,
                    re.I,
                )
            )
        if statement.kind == "find":
            return call_argument(statement.start, None, "limit") is not None
        return False

    def is_aggregate(self, statement: Statement) -> bool:
        """Tell whether a query computes something of its rows: `func.count()`, `group_by`, `exists`."""
        if statement.names() & {
            "group_by",
            "exists",
            "count",
            "distinct",
            "having",
            "aggregate",
            "avg",
            "sum",
        }:
            return True
        for selected in statement.selected():
            for part in walk(selected):
                if part[0] == "call" and part[1][0] == "attr" and part[1][1][:2] == ("name", "func"):
                    return True
                if part[0] == "call" and part[1][:2] in (("name", "exists"), ("name", "literal")):
                    return True
        return False

    def options(self, statement: Statement) -> tuple[set[str], bool]:
        """Return the attributes that loader options of a query name, and whether all options are understood."""
        named: set[str] = set()
        clear = True
        for step in statement.steps:
            if step.name != "options":
                continue
            for argument in step.call[2]:
                clear &= self._read_option(argument, step.frame, named, 0)
        return named, clear

    def _read_option(self, expr: Expr, frame: Frame, named: set[str], depth: int) -> bool:
        if depth > 6:
            return False
        expr = unwrapped(expr)
        if expr[0] == "star":
            return self._read_option(expr[1], frame, named, depth + 1)
        if expr[0] in ("list", "tuple", "any"):
            return all(self._read_option(part, frame, named, depth + 1) for part in expr[1])
        if expr[0] == "call":
            last = expr[1][2] if expr[1][0] == "attr" else expr[1][1] if expr[1][0] == "name" else ""
            if last in EAGER or last in ("options", "of_type", "undefer", "defer"):
                for part in walk(expr):
                    if part[0] == "attr":
                        named.add(part[2])
                    elif part[0] == "const" and isinstance(part[1], str):
                        named.update(part[1].split("."))
                return True
            results = list(self.returned(expr, frame, None))
            return bool(results) and all(self._read_option(v, s, named, depth + 1) for v, s, _ in results)
        if expr[0] == "name":
            found = list(self.bound(expr, frame, None))
            if not found:
                module = frame.function.module
                bindings = module.facts.functions[0].bindings.get(expr[1], ())
                found = [(value, module.frame, None) for _, _, value in bindings if value[0] != "import"]
            return bool(found) and all(self._read_option(v, s, named, depth + 1) for v, s, _ in found)
        return False


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


def conditions(statement: Statement, *, always: bool = False) -> Iterator[tuple[str, Expr, Expr, Step]]:
    """Yield (operator, left, right, step) of the comparisons by which a query is filtered.

    Operators are those of the syntax tree ("Eq", "Gt"); `in_`, `like` and other methods are named as they
    are written, keyword filters are "Eq". With `always`, only filters that no branch leaves out.
    """
    for step in statement.steps:
        if step.name not in ("where", "filter", "filter_by", "having", "find", "join", "get"):
            continue
        if always and id(step.call) not in statement.always:
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


def _is_argument(expr: Expr, call: Expr) -> bool:
    """Tell whether an expression stands behind the dot of the method that is called."""
    span, callee = expr[-1], call[1]
    if not isinstance(span, tuple) or callee[0] != "attr":
        return False
    return is_inside(span, call[4]) and span[:2] >= callee[3][2:]
