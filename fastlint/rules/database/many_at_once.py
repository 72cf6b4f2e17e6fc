"""The fix of a loop that writes a row in each round: one statement with the values of all rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.lines import lines_of
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame

DRIVERS = ("sqlite3.", "aiosqlite.")
CURSORS = ("psycopg.", "pymysql.", "MySQLdb.", "mysql.connector.", "oracledb.")
"""Drivers whose cursors take the values of many rows with `executemany`; the first also on connections."""
NOT_IN_COMPREHENSION = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def write_together(frame: Frame, span: tuple[int, int, int, int], name: str) -> FixMaker:
    """Return what sends the statement of a loop once, for a call (by the dotted name of what it calls)."""

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        call = module.expression(span)
        loop = _loop(module, call)
        assert isinstance(call, ast.Call)
        if name.startswith("psycopg2."):
            raise NoFix("`executemany` of psycopg2 sends a statement for each row as well")
        if name.startswith(DRIVERS) or (name.startswith(CURSORS) and "ursor" in name):
            edits = _with_executemany(module, call, loop)
        elif name.startswith(("sqlalchemy.", "sqlmodel.")) and name.endswith(".execute"):
            edits = _with_list(module, call, loop)
        else:
            raise NoFix("the library has no method that takes all rows in this form")
        return Fix("Write all rows with one statement", Applicability.UNSAFE, edits)

    return make


def _loop(module: Module, call: ast.expr) -> ast.For:
    """Return the loop that does nothing but make a call."""
    statement = module.statement(call)
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Await):
        value = value.value
    loop = module.parent(statement)
    if value is not call or not isinstance(loop, ast.For) or loop.body != [statement] or loop.orelse:
        raise NoFix("a round does more than to send the statement")
    if statement.lineno == loop.lineno:
        raise NoFix("the loop is written on one line")
    names = {part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)}
    scope = module.enclosing_function(loop)
    after = (loop.end_lineno or 0, loop.end_col_offset or 0)
    for part in ast.walk(scope) if scope is not None else ():
        if isinstance(part, ast.Name) and part.id in names and (part.lineno, part.col_offset) > after:
            raise NoFix(f"`{part.id}` is used after the loop")
    return loop


def _require_values(values: ast.AST) -> None:
    """Raise `NoFix` if the values of a row cannot be worked out in a comprehension."""
    if any(isinstance(part, NOT_IN_COMPREHENSION) for part in ast.walk(values)):
        raise NoFix("the values of a row are waited for")
    if isinstance(values, ast.Starred | ast.List | ast.ListComp):
        raise NoFix("the values may be those of several rows already")


def _each(module: Module, loop: ast.For) -> str:
    return f"for {module.code(loop.target)} in {module.code(loop.iter)}"


def _same_each_time(loop: ast.For, statement: ast.expr) -> bool:
    names = {part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)}
    return not any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(statement))


def _with_executemany(module: Module, call: ast.Call, loop: ast.For) -> tuple[Edit, ...]:
    """Return the edits that make `for x in xs: execute(statement, values)` an `executemany`."""
    if len(call.args) != 2 or call.keywords or not isinstance(call.func, ast.Attribute):
        raise NoFix("the values are not given besides the statement")
    if call.func.attr != "execute" or not _same_each_time(loop, call.args[0]):
        raise NoFix("each row has a statement of its own")
    body = loop.body[0]
    start = lines_of(module, loop)[0]
    inner, outer = module.bounds(span_of(body))[0], module.bounds(span_of(loop))[0]
    if "#" in module.text[module.bounds(span_of(loop.iter))[1] : inner]:
        raise NoFix("a comment stands in the loop")
    end = module.bounds(span_of(call.func))[1]
    _require_values(call.args[1])
    first, last = module.bounds(span_of(call.args[1]))
    return (
        module.replace(start, inner, module.indentation(outer)),
        module.replace(end - len("execute"), end, "executemany"),
        module.insert(first, "["),
        module.insert(last, f" {_each(module, loop)}]"),
        *_dedented(module, body, loop),
    )


def _dedented(module: Module, body: ast.stmt, loop: ast.For) -> Iterator[Edit]:
    """Yield the edits that move the further lines of a statement as far to the left as its loop."""
    inner, outer = (module.indentation(module.bounds(span_of(node))[0]) for node in (body, loop))
    texts = {
        row
        for part in ast.walk(body)
        if isinstance(part, ast.Constant | ast.JoinedStr)
        for row in range(part.lineno + 1, (part.end_lineno or 0) + 1)
    }
    for row in range(body.lineno + 1, (body.end_lineno or 0) + 1):
        start = module.offset(row, 0)
        if row not in texts and module.text.startswith(inner, start):
            yield module.replace(start + len(outer), start + len(inner), "")


def _with_list(module: Module, call: ast.Call, loop: ast.For) -> tuple[Edit, ...]:
    """Return the edits that execute a statement with a list, if it is not empty: that would be one row of defaults."""
    if "rows" in {part.id for part in module.nodes if isinstance(part, ast.Name)}:
        raise NoFix("`rows` means something else in this file")
    if call.keywords or not call.args:
        raise NoFix("the statement has other arguments")
    statement = call.args[0]
    end = module.bounds(span_of(statement))[1]
    if len(call.args) == 2:
        if not isinstance(call.args[1], ast.Dict):
            raise NoFix("the values may be those of several rows already")
        _require_values(call.args[1])
        values = f"[{module.code(call.args[1])} {_each(module, loop)}]"
        edits = (module.replace_node(call.args[1], "rows"),)
    else:
        built, code = _inserted(module, statement)
        _require_values(statement)
        values = f"[{code} {_each(module, loop)}]"
        edits = (module.replace(module.bounds(span_of(built))[1], end, ", rows"),)
        statement = built
    if not _same_each_time(loop, statement):
        raise NoFix("each row has a statement of its own")
    header, inner = module.bounds(span_of(loop))[0], module.bounds(span_of(loop.iter))[1]
    colon = module.text.index(":", inner)
    return (module.replace(header, colon, f"if rows := {values}"), *edits)


def _inserted(module: Module, statement: ast.expr) -> tuple[ast.expr, str]:
    """Return `insert(Item)` of `insert(Item).values(name=name)`, and the values as the code of a dictionary."""
    if not isinstance(statement, ast.Call) or statement.args or not isinstance(statement.func, ast.Attribute):
        raise NoFix("the statement is not an `insert` with values by name")
    built = statement.func.value
    is_insert = isinstance(built, ast.Call) and len(built.args) == 1 and not built.keywords
    called = getattr(built, "func", None)
    name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    named = [(keyword.arg, module.code(keyword.value)) for keyword in statement.keywords]
    if (
        statement.func.attr != "values"
        or not is_insert
        or name != "insert"
        or any(k is None for k, _ in named)
    ):
        raise NoFix("the statement is not an `insert` with values by name")
    return built, "{" + ", ".join(f'"{key}": {code}' for key, code in named) + "}"
