"""The fix of a commit in each round of a loop: one commit after the loop."""

from __future__ import annotations

import ast

from fastlint.application.contexts import Application
from fastlint.application.loops import Repeated
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.lines import block_of, lines_of
from fastlint.fixes.module import COMPREHENSIONS, SCOPES, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.performs import Step

EFFECTS = {
    "request": "asks another service", "task": "starts a task", "sleep": "waits", "rollback": "rolls back",
}  # fmt: skip
"""What a round may not do besides, in words of the catalog, and how to say so."""
OUTSIDE = frozenset({"http", "network", "sdk", "subprocess", "sleep", "file"})
"""Kinds of blocking calls that a rollback does not undo."""
READY = frozenset({
    "append", "add", "add_all", "update", "extend", "refresh", "flush", "debug", "info", "warning", "print", "len",
    "str", "int", "float", "dict", "list", "set", "isoformat", "now", "uuid4", "format", "join",
})  # fmt: skip
"""Calls that may come between a flush and the commit."""


def commit_once(application: Application, repeated: Repeated, way: list[Step]) -> FixMaker:
    """Return what moves a commit behind its loop; where rounds go on after it, they flush instead."""

    def make(files: Files) -> Fix:
        if way[0].callee is not None:
            raise NoFix("the commit stands in a function that others may call as well")
        _require_rows_alone(application, repeated)
        module = files.python(repeated.site.frame.function.module.path)
        call = module.expression(repeated.site.event[5])
        commit = _statement(module, call)
        loop = _loop(module, commit)
        _require_plain(module, loop, call)
        if commit.end_lineno == loop.end_lineno:
            edits = _dedented(module, commit, loop)
        else:
            rest = _rest(module, commit, loop)
            again = [other for other in rest if ast.dump(other) == ast.dump(commit)]
            _require_flush(application, repeated, rest, again)
            edits = _flushing(module, call, commit, loop, again)
        return Fix("Commit once, after the loop", Applicability.UNSAFE, edits)

    return make


def _require_rows_alone(application: Application, repeated: Repeated) -> None:
    """Raise `NoFix` if a round does what the database cannot take back."""
    for site in application.resolver.sites(repeated.site.frame):
        if not repeated.loop.holds(site.event[3]):
            continue
        for word, effect in EFFECTS.items():
            if application.performs.at(site, word):
                raise NoFix(f"a round {effect} as well, and its rows may have to be there by then")
        if any(sink.effect.kind in OUTSIDE for sink in site.sinks):
            raise NoFix("a round does more than to write rows, and a rollback would not undo it")


def _statement(module: Module, call: ast.expr) -> ast.stmt:
    statement = module.statement(call)
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Await):
        value = value.value
    if value is not call or not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        raise NoFix("the commit is not a statement of its own")
    if call.args or call.keywords or statement.lineno != statement.end_lineno:
        raise NoFix("the commit is not written plainly")
    return statement


def _loop(module: Module, commit: ast.stmt) -> ast.For | ast.AsyncFor:
    """Return the loop that a commit is part of, directly or under conditions."""
    if len(block_of(module, commit)) == 1:
        raise NoFix("nothing else stands beside the commit")
    for _, whole in module.around(commit):
        if isinstance(whole, ast.For | ast.AsyncFor):
            return whole
        if isinstance(whole, (*SCOPES, *COMPREHENSIONS)) or not isinstance(whole, ast.If):
            break
    raise NoFix("a `with` or `try` stands between the loop and the commit")


def _require_plain(module: Module, loop: ast.For | ast.AsyncFor, call: ast.expr) -> None:
    """Raise `NoFix` if a loop can be left without what comes after it, or gives each round its session."""
    if loop.orelse:
        raise NoFix("the loop has an `else`")
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    root = call.func.value
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        raise NoFix("the session has no name")
    for part in ast.walk(loop):
        if isinstance(part, ast.Return | ast.Yield | ast.YieldFrom):
            raise NoFix("the function can end, or hand something out, within the loop")
        if isinstance(part, ast.Name) and part.id == root.id and not isinstance(part.ctx, ast.Load):
            raise NoFix("each round has a session of its own")
        if isinstance(part, ast.Attribute) and part.attr in ("begin", "begin_nested", "rollback"):
            raise NoFix("the loop has transactions of its own")
        if isinstance(part, ast.Try):
            raise NoFix("a round handles errors, for which its rows may have to be there")


def _dedented(module: Module, commit: ast.stmt, loop: ast.stmt) -> tuple[Edit, ...]:
    """Return the edits that take the last statement of a loop out of it, with the comments above it."""
    start, _ = lines_of(module, commit)
    inner = module.indentation(start)
    outer = module.indentation(module.bounds(span_of(loop))[0])
    starts = [start]
    while start > 0:
        start = module.line_start(start - 1)
        if not module.text[start:].startswith(f"{inner}#"):
            break
        starts.append(start)
    return tuple(module.replace(at, at + len(inner), outer) for at in starts)


def _rest(module: Module, commit: ast.stmt, loop: ast.stmt) -> list[ast.stmt]:
    """Return what comes after a commit in the same round."""
    found: list[ast.stmt] = []
    statement: ast.AST = commit
    while statement is not loop and isinstance(statement, ast.stmt):
        block = block_of(module, statement)
        found += block[block.index(statement) + 1 :]
        statement = module.parent(statement)
    return found


def _require_flush(
    application: Application, repeated: Repeated, rest: list[ast.stmt], again: list[ast.stmt]
) -> None:
    """Raise `NoFix` unless a flush does for the rest of a round what the commit did."""
    holder = repeated.site.event[1][1][1]
    if not application.queries.session_kind(holder, repeated.site.frame):
        raise NoFix("the rest of the round may need what was committed")
    for statement in rest:
        for part in ast.walk(statement):
            if statement in again or not isinstance(part, ast.Call):
                continue
            name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if name not in READY and not name[:1].isupper():
                raise NoFix(f"`{name}` comes after the commit in the same round, and may need it")


def _flushing(
    module: Module, call: ast.expr, commit: ast.stmt, loop: ast.stmt, again: list[ast.stmt]
) -> tuple[Edit, ...]:
    """Return the edits that turn a commit into a flush, and commit behind the loop unless the round does so again."""
    assert isinstance(call, ast.Call)
    end = module.bounds(span_of(call.func))[1]
    flush = module.replace(end - len("commit"), end, "flush")
    if again:
        return (flush,)
    outer = module.indentation(module.bounds(span_of(loop))[0])
    after = lines_of(module, loop)[1]
    return (flush, module.insert(after, f"{outer}{module.code(commit)}{module.newline}"))
