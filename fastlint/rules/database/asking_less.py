"""The fix of rows that are loaded for one question: ask the database that question."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.application.contexts import Application
from fastlint.application.counted import COUNT, EXISTS, Counted
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.queries import FETCHES_MANY, TAKES_STATEMENT, Query
from fastlint.project.statements import Statement
from fastlint.project.values import Instance, LibraryName
from fastlint.rules.database.eager_loading import step_after

FILTERS = frozenset({"where", "filter", "filter_by"})
"""Steps of a query that leave one row for each object."""
ONE_ANSWER = {
    ("execute", "scalars", "all"): "scalar_one", ("execute", "all"): "scalar_one", ("execute", "fetchall"): "scalar_one",
    ("scalars", "all"): "one", ("exec", "all"): "one",
}  # fmt: skip
"""How all rows are fetched, and what fetches the one number instead."""
TABLES = frozenset({"sqlalchemy.Table", "sqlalchemy.schema.Table", "sqlalchemy.sql.schema.Table"})
LISTENING = frozenset({"listen", "listens_for"})
REWRITES = "do_orm_execute"
"""The event in which a program can change any query before it is sent."""


def ask_less(application: Application, counted: Counted) -> FixMaker:
    """Return what lets the database count, or asks it for no more than one row."""

    def make(files: Files) -> Fix:
        queries = [rows.query for rows in counted.rows]
        query, function = queries[0], counted.frame.function
        if len(queries) > 1 or query.frame.function is not function or query.statement is None:
            raise NoFix("the rows come from a query of another function, or from one of several")
        module = files.python(function.module.path)
        sent = module.expression(query.call[-1]) if query.call[0] == "call" else None
        scope = module.enclosing_function(sent) if sent is not None else None
        if not isinstance(sent, ast.Call) or not isinstance(sent.func, ast.Attribute) or scope is None:
            raise NoFix("the place that sends the query is not known")
        chain = _Chain(module, scope, sent)
        is_name = counted.value[0] == "name"
        held = chain.variable.id if chain.variable is not None else ""
        if (is_name and held != counted.value[1]) or (not is_name and len(chain.uses) > 1):
            raise NoFix("the rows may be used for something else as well")
        if counted.want == COUNT:
            return _count(application, files, module, scope, query, query.statement, chain)
        if any(_asks_number(module, node) for node in chain.uses):
            raise NoFix("the number of rows is used as well")
        asked = sent.args[0] if query.method in TAKES_STATEMENT and sent.args else sent.func.value
        is_read = query.method in TAKES_STATEMENT or query.method in FETCHES_MANY
        is_text = query.statement.kind == "text" or "from_statement" in query.statement.names()
        if not is_read or is_text or not isinstance(asked, ast.Name | ast.Call):
            raise NoFix("a limit cannot be added where the query is sent")
        reads_row = any(isinstance(module.parent(node), ast.Subscript) for node in chain.uses)
        is_locked = "with_for_update" in query.statement.names()
        is_certain = counted.want == EXISTS and not reads_row and not is_locked
        return Fix(
            "Ask for one row",
            Applicability.SAFE if is_certain else Applicability.UNSAFE,
            (step_after(module, asked, ".limit(1)"),),
        )

    return make


class _Chain:
    """What a function does with the result of a query: methods one after the other, through variables."""

    def __init__(self, module: Module, scope: FunctionNode, sent: ast.Call) -> None:
        self.sent = sent
        self.base: ast.expr = sent
        """What the methods are called on."""
        self.methods: list[str] = []
        self.end: ast.expr = sent
        self.variable: ast.Name | None = None
        """The one that holds the rows, if any."""
        self.uses: list[ast.Name] = []
        node: ast.expr = sent
        while True:
            node = self._climb(module, node)
            statement = module.parent(node)
            if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is not node:
                return
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if len(targets) != 1 or not isinstance(targets[0], ast.Name):
                raise NoFix("the rows have several names")
            self.variable = targets[0]
            self.uses = list(_loads(scope, targets[0].id))
            following = module.parent(self.uses[0]) if self.uses else None
            if not isinstance(following, ast.Attribute):
                return
            if len(self.uses) != 1 or self.methods:
                raise NoFix("the result of the query is used for something else as well")
            node = self.base = self.uses[0]

    def _climb(self, module: Module, node: ast.expr) -> ast.expr:
        while True:
            parent = module.parent(node)
            if isinstance(parent, ast.Await):
                node = parent
                if node.value is self.sent:
                    self.base = node
                continue
            called = module.parent(parent)
            if isinstance(parent, ast.Attribute) and isinstance(called, ast.Call) and called.func is parent:
                self.methods.append(parent.attr)
                node = self.end = called
                continue
            return node


def _loads(scope: FunctionNode, name: str) -> Iterator[ast.Name]:
    for part in ast.walk(scope):
        if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load):
            yield part


def _asks_number(module: Module, node: ast.expr) -> bool:
    parent = module.parent(node)
    return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "len"


def _count(
    application: Application,
    files: Files,
    module: Module,
    scope: FunctionNode,
    query: Query,
    statement: Statement,
    chain: _Chain,
) -> Fix:
    numbers = [module.parent(use) for use in chain.uses] if chain.variable else [module.parent(chain.end)]
    asked = chain.uses if chain.variable else [chain.end]
    if not all(_asks_number(module, node) for node in asked):
        raise NoFix("more than the number of rows is used")
    if not statement.names() <= FILTERS | ({"order_by", "options"} if statement.kind == "query" else set()):
        raise NoFix("the query does more than to filter rows, so its count is another query")
    edits = list(_counting(application, module, query, statement, chain))
    edits += _unwrapped(module, scope, chain, numbers)
    is_exact = statement.kind == "select" and not _may_rewrite(application, files)
    trust = Applicability.SAFE if is_exact else Applicability.UNSAFE
    return Fix("Let the database count", trust, tuple(edits))


def _may_rewrite(application: Application, files: Files) -> bool:
    """Tell whether the program listens to the event in which it can change queries."""
    modules = application.inference.program.modules.values()
    listening = [module for module in modules if module.mentions(*LISTENING)]
    return any(REWRITES in files.python(module.path).text for module in listening)


def _counting(
    application: Application, module: Module, query: Query, statement: Statement, chain: _Chain
) -> Iterator[Edit]:
    """Yield the edits that make a query ask for the number of its rows."""
    if statement.kind == "query" and query.method == "all" and not chain.methods:
        assert isinstance(chain.sent.func, ast.Attribute)
        end = module.bounds(span_of(chain.sent.func))[1]
        yield module.replace(end - len("all"), end, "count")
        return
    fetches = ONE_ANSWER.get((query.method, *chain.methods))
    if statement.kind != "select" or fetches is None or len(statement.start[2]) != 1 or statement.start[3]:
        raise NoFix("how the rows are fetched leaves no place for their number")
    if query.method == "exec" and not _is_of_sqlmodel(application, statement):
        raise NoFix("`exec` gives rows for a `select` of SQLAlchemy, and values for one of SQLModel")
    start = module.expression(statement.start[-1])
    whole = start
    while (parent := module.parent(whole)) is not chain.sent:
        if not isinstance(parent, ast.Attribute | ast.Call):
            raise NoFix("the query is not written where it is sent")
        whole = parent
    assert isinstance(start, ast.Call)
    named = name_of(module, "sqlalchemy", "func", also=("sqlmodel",))
    source = module.code(_source(application, statement, start.args[0]))
    code = f"{module.code(start.func)}({named.code}.count()).select_from({source})"
    dot = module.text.index(".", module.bounds(span_of(chain.base))[1])
    yield module.replace_node(start, code)
    yield module.replace(dot, module.bounds(span_of(chain.end))[1], f".{fetches}()")
    yield from named.edits


def _source(application: Application, statement: Statement, selected: ast.expr) -> ast.expr:
    """Return what the rows come from: the mapped class or table that is selected, or whose column is."""
    given = statement.start[2][0]
    if _is_table(application, statement, given):
        return selected
    if given[0] == "attr" and isinstance(selected, ast.Attribute):
        mapped = application.models.of(application.rows.entity(given[1], statement.frame))
        if mapped is not None and given[2] in mapped.columns:
            return selected.value
    raise NoFix("what it selects is neither a mapped class, nor a column of one, nor a table")


def _is_table(application: Application, statement: Statement, given: Expr) -> bool:
    if application.models.of(application.rows.entity(given, statement.frame)) is not None:
        return True
    values = application.inference.values(given, statement.frame)
    return bool(values) and all(isinstance(value, Instance) and value.cls in TABLES for value in values)


def _is_of_sqlmodel(application: Application, statement: Statement) -> bool:
    values = application.inference.values(statement.start[1], statement.frame)
    return bool(values) and all(
        isinstance(value, LibraryName) and value.name.startswith("sqlmodel.") for value in values
    )


def _unwrapped(module: Module, scope: FunctionNode, chain: _Chain, numbers: list[ast.AST]) -> Iterator[Edit]:
    """Yield the edits that put the number where the length of the rows was."""
    if chain.variable is not None:
        if isinstance(module.parent(chain.variable), ast.AnnAssign):
            raise NoFix("the rows are annotated")
        taken = {part.id for part in module.nodes if isinstance(part, ast.Name)}
        taken |= {part.arg for part in ast.walk(scope) if isinstance(part, ast.arg)}
        name = f"{chain.variable.id}_count" if "count" in taken else "count"
        if name in taken:
            raise NoFix("the number has no name")
        yield module.replace_node(chain.variable, name)
        for number in numbers:
            yield module.replace_node(number, name)
        return
    number, (start, end) = numbers[0], module.bounds(span_of(chain.end))
    first, last = module.bounds(span_of(number))
    if "\n" in module.text[first:last] or "\r" in module.text[first:last]:
        yield module.replace(first, first + len("len"), "")
        return
    yield module.replace(first, start, "")
    yield module.replace(end, last, "")
