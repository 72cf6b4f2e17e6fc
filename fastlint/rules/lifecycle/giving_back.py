"""The fixes of dependencies that do not give back what they acquire, or not after an error."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from fastlint.application.contexts import Application
from fastlint.application.providers import Acquisition, Provider
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Event, Span
from fastlint.facts.structure import unwrapped
from fastlint.fixes.annotations import yielding
from fastlint.fixes.blocks import binds, ended, free_name, is_last, lines_of, moved, step_of
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.lines import block_of
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.values import Instance
from fastlint.rules.lifecycle.acquiring import noun
from fastlint.rules.lifecycle.on_loop import require_only_fastapi

PLAIN_CLOSE = (
    "sqlalchemy.orm.Session", "sqlalchemy.engine.Connection", "psycopg.Connection", "psycopg2.extensions.connection",
    "sqlite3.Connection",
)  # fmt: skip
AWAITED_CLOSE = (
    "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.AsyncConnection", "psycopg.AsyncConnection",
    "aiosqlite.Connection", "aiosqlite.core.Connection",
)  # fmt: skip
POOLS = {
    "asyncpg.Pool.acquire": "await {pool}.release({name})",
    "asyncpg.pool.Pool.acquire": "await {pool}.release({name})",
}
"""What lends a connection, and what takes it back."""


def clean_up_in_finally(provider: Provider, given: Event, call: Event, closing: Sequence[Span]) -> FixMaker:
    """Return what puts the clean-up after a `yield` into the `finally` of a `try` around it.

    `call` is the clean-up that an error skips, `closing` are the places of all calls that clean up.
    """

    def make(files: Files) -> Fix:
        module = files.python(provider.frame.function.module.path)
        function = module.function(provider.facts.span)
        last = module.statement(module.expression(call[5]))
        block = block_of(module, last)
        first = _part_of(module, block, module.expression(given[5]))
        start = block.index(first)
        end = _first_closing(module, block[start + 1 :], closing) + start + 1
        if last not in block[end:]:
            raise NoFix("other work comes after the clean-up")
        bound = {
            node.id
            for s in block[start:end]
            for node in ast.walk(s)
            if isinstance(node, ast.Name) and binds(node, node.id)
        }
        if any(isinstance(node, ast.Name) and node.id in bound for s in block[end:] for node in ast.walk(s)):
            raise NoFix("the clean-up uses what is made after the `yield`")
        trust = Applicability.SAFE if end == start + 1 else Applicability.UNSAFE
        edit = _with_finally(module, function, block, start, end)
        return Fix("Move the clean-up into `finally`", trust, (edit,))

    return make


def close_in_finally(application: Application, provider: Provider, acquisition: Acquisition) -> FixMaker:
    """Return what closes in a `finally` what a generator acquires and never closes."""

    def make(files: Files) -> Fix:
        module = files.python(provider.frame.function.module.path)
        function = module.function(provider.facts.span)
        if len(provider.yields) != 1:
            raise NoFix("it yields in several places")
        acquired = module.statement(module.expression(acquisition.span))
        name = _only_name(acquired)
        if len(provider.facts.bindings.get(name, ())) != 1:
            raise NoFix(f"`{name}` is something else later")
        close = _closing(application, acquisition, module, name, is_async=provider.facts.is_async)
        block = block_of(module, acquired)
        first = _part_of(module, block, module.expression(provider.yields[0][5]))
        start = block.index(first)
        if start <= block.index(acquired):
            raise NoFix("it is acquired in the statement that yields")
        edit = _with_finally(module, function, block, start, len(block), close)
        return Fix(f"Close `{name}` in a `finally`", Applicability.UNSAFE, (edit,))

    return make


def yield_and_close(
    application: Application, provider: Provider, acquisition: Acquisition, place: Span
) -> FixMaker:
    """Return what makes a dependency yield what it returns, and close it afterwards."""

    def make(files: Files) -> Fix:
        module = files.python(provider.frame.function.module.path)
        function = module.function(provider.facts.span)
        require_only_fastapi(application, provider.frame.function)
        if function.decorator_list:
            raise NoFix("a decorator may need a function that returns")
        last = function.body[-1]
        if not isinstance(last, ast.Return) or last.value is None or _returns(module, function) != [last]:
            raise NoFix("it returns in several places, or in a block")
        node = module.expression(acquisition.span)
        before, value = "", module.code(last.value)
        if module.statement(node) is last:
            name = free_name((noun(acquisition), "resource"), function)
            node, value = _named(module, node, last.value, name)
            before = f"{name} = {module.code(node)}"
        else:
            name = _only_name(module.statement(node))
            if len(provider.facts.bindings.get(name, ())) != 1:
                raise NoFix(f"`{name}` is something else later")
        close = _closing(application, acquisition, module, name, is_async=provider.facts.is_async)
        start, end = lines_of(module, last)
        rest = module.text[module.bounds(span_of(last))[1] : end]
        indentation, step, newline = module.indentation(start), step_of(module, function), module.newline
        lines = [indentation + before + newline] if before else []
        lines += [
            f"{indentation}try:{newline}",
            f"{indentation}{step}yield {value}{ended(module, rest)}",
            f"{indentation}finally:{newline}",
            f"{indentation}{step}{close}{newline}",
        ]
        return Fix(
            f"Yield `{name}` and close it in `finally`",
            Applicability.UNSAFE,
            (
                module.replace(start, end, "".join(lines)),
                *yielding(module, function, is_async=provider.facts.is_async),
            ),
        )

    return make


def yield_within(application: Application, provider: Provider, event: Event) -> FixMaker:
    """Return what makes a dependency yield in its `with` what it returns out of it."""

    def make(files: Files) -> Fix:
        module = files.python(provider.frame.function.module.path)
        function = module.function(provider.facts.span)
        if "dependency" not in application.kinds_of(provider.frame):
            raise NoFix("the function is not a dependency, and whoever calls it wants what it returns")
        require_only_fastapi(application, provider.frame.function)
        if function.decorator_list:
            raise NoFix("a decorator may need a function that returns")
        start = module.bounds(event[5])[0]
        returned = [r for r in _returns(module, function) if module.bounds(span_of(r))[0] == start]
        if len(returned) != 1 or len(_returns(module, function)) != 1:
            raise NoFix("it returns in several places")
        _require_end(module, function, returned[0])
        return Fix(
            "Yield within the `with`",
            Applicability.UNSAFE,
            (
                module.replace(start, start + len("return"), "yield"),
                *yielding(module, function, is_async=provider.facts.is_async),
            ),
        )

    return make


def acquire_before_try(acquisition: Acquisition, name: str, *, connects: bool) -> FixMaker:
    """Return what moves an acquisition above the `try` whose `finally` gives it back."""

    def make(files: Files) -> Fix:
        frame = acquisition.frame
        module = files.python(frame.function.module.path)
        function = module.function(frame.function.facts.span)
        acquired = module.statement(module.expression(acquisition.span))
        whole = module.parent(acquired)
        _only_name(acquired)
        if not isinstance(whole, ast.Try) or whole.body[0] is not acquired or len(whole.body) == 1:
            raise NoFix("it is not the first of several statements in the `try`")
        if whole.handlers:
            raise NoFix("the `except` of the `try` would not see any more what the acquisition raises")
        if not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(whole.finalbody[0])):
            raise NoFix("the `finally` does other things first")
        start, end = lines_of(module, acquired)
        top = module.line_start(module.offset(whole.lineno, whole.col_offset))
        below = module.line_end(top)
        while end < len(module.text) and not module.text[end : module.line_end(end)].strip():
            end = module.line_end(end)
        if start < below or end == len(module.text):
            raise NoFix("several statements share a line")
        lines = moved(module, below, end, step_of(module, function), inwards=False)
        trust = Applicability.UNSAFE if connects else Applicability.SAFE
        return Fix(
            f"Acquire `{name}` above the `try`",
            trust,
            (module.replace(top, end, lines.rstrip() + module.newline + module.text[top:below]),),
        )

    return make


def _with_finally(
    module: Module, function: FunctionNode, block: list[ast.stmt], start: int, end: int, close: str = ""
) -> Edit:
    """Return the edit that guards the statements from start to end; what follows them goes into `finally`.

    `close` is code that goes there as well.
    """
    first, step, newline = block[start], step_of(module, function), module.newline
    top, bottom = lines_of(module, first)[0], lines_of(module, block[-1])[1]
    middle = lines_of(module, block[end - 1])[1]
    indentation = module.indentation(top)
    is_try = isinstance(first, ast.Try) and end == start + 1
    guarded = ended(module, module.text[top:middle])
    if not is_try:
        for statement in block[start:]:
            lines_of(module, statement)
        guarded = f"{indentation}try:{newline}" + ended(
            module, moved(module, top, middle, step, inwards=True)
        )
    while middle < bottom and not module.text[middle : module.line_end(middle)].strip():
        middle = module.line_end(middle)
    closing = moved(module, middle, bottom, step, inwards=True)
    if close:
        closing = (ended(module, closing) if closing else "") + f"{indentation}{step}{close}{newline}"
    has_finally = isinstance(first, ast.Try) and is_try and bool(first.finalbody)
    between = "" if has_finally else f"{indentation}finally:{newline}"
    return module.replace(top, bottom, guarded + between + closing)


def _part_of(module: Module, block: list[ast.stmt], node: ast.AST) -> ast.stmt:
    """Return the statement of a block that a node is in."""
    for part in (node, *(whole for _, whole in module.around(node))):
        if isinstance(part, ast.stmt) and part in block:
            return part
    raise NoFix("the `yield` and the clean-up are in different branches")


def _first_closing(module: Module, statements: list[ast.stmt], closing: Iterable[Span]) -> int:
    """Return from where on all statements are calls that close something."""
    places = {module.bounds(span) for span in closing}
    count = len(statements)
    while count:
        statement = statements[count - 1]
        value = statement.value if isinstance(statement, ast.Expr) else None
        call = value.value if isinstance(value, ast.Await) else value
        if call is None or module.bounds(span_of(call)) not in places:
            break
        count -= 1
    return count


def _only_name(statement: ast.stmt) -> str:
    """Return the name that a statement gives to what it acquires."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    raise NoFix("what it acquires has no name of its own")


def _returns(module: Module, function: FunctionNode) -> list[ast.Return]:
    return [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Return) and module.enclosing_function(n) is function
    ]


def _require_end(module: Module, function: FunctionNode, statement: ast.stmt) -> None:
    """Raise `NoFix` if something in a function runs after a statement, or catches what its caller raises."""
    if not is_last(module, function, statement):
        raise NoFix("what stands below would run after the `yield`")
    for _, whole in module.around(statement):
        if whole is function:
            return
        if isinstance(whole, ast.For | ast.AsyncFor | ast.While):
            raise NoFix("it returns out of a loop")
        if isinstance(whole, ast.Try) and (whole.handlers or whole.orelse):
            raise NoFix("the `except` around it would catch the errors of routes")


def _named(module: Module, node: ast.expr, whole: ast.expr, name: str) -> tuple[ast.expr, str]:
    """Return what acquires, with its `await`, and the code of the expression around it with a name instead."""
    parent = module.parent(node)
    if isinstance(parent, ast.Await):
        node = parent
    start, end = module.bounds(span_of(whole))
    first, last = module.bounds(span_of(node))
    return node, module.text[start:first] + name + module.text[last:end]


def _closing(
    application: Application, acquisition: Acquisition, module: Module, name: str, *, is_async: bool
) -> str:
    """Return the code that gives a resource back."""
    inference, frame = application.inference, acquisition.frame
    call = unwrapped(acquisition.expr)
    if acquisition.name in POOLS:
        node = module.expression(acquisition.span)
        callee = node.func if isinstance(node, ast.Call) else None
        if acquisition.way or not isinstance(callee, ast.Attribute) or not is_async:
            raise NoFix("it is not clear which pool takes the connection back")
        return POOLS[acquisition.name].format(pool=module.code(callee.value), name=name)
    values = inference.values(call, frame)
    values = tuple(v for value in values for v in (inference.awaited(value) or (value,)))
    if values and all(isinstance(v, Instance) for v in values):
        if all(any(inference.is_subclass(v, base) for base in PLAIN_CLOSE) for v in values):
            return f"{name}.close()"
        if all(any(inference.is_subclass(v, base) for base in AWAITED_CLOSE) for v in values):
            if not is_async:
                raise NoFix(f"a plain function cannot await `{name}.close()`")
            return f"await {name}.close()"
    raise NoFix(f"how `{name}` is closed is not known for sure")
