"""The fix of a pool of threads that no route uses: the limit of the pool that routes use."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Span
from fastlint.fixes.arguments import call_at
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function
from fastlint.rules.event_loop.awaited_instead import without_loop

LIMITER = ("anyio.to_thread", "current_default_thread_limiter")


def limited_threads(function: Function, span: Span) -> FixMaker:
    """Return what sets the number of AnyIO's threads where `set_default_executor` set that of another pool."""

    def make(files: Files) -> Fix:
        module = files.python(function.module.path)
        call = call_at(module, span)
        statement = module.parent(call)
        around = module.enclosing_function(call)
        if not isinstance(statement, ast.Expr) or not isinstance(around, ast.AsyncFunctionDef):
            raise NoFix("it is not a statement of a coroutine function")
        pool = call.args[0] if len(call.args) == 1 else None
        if not isinstance(pool, ast.Call) or "ThreadPoolExecutor" not in module.code(pool.func):
            raise NoFix("the pool is not made in the call")
        given = [*pool.args, *(keyword.value for keyword in pool.keywords)]
        if len(given) != 1 or any(keyword.arg != "max_workers" for keyword in pool.keywords):
            raise NoFix("the pool is given more than a number of threads")
        named = name_of(module, *LIMITER)
        return Fix(
            "Set the number of AnyIO's threads",
            Applicability.UNSAFE,
            (
                module.replace_node(statement, f"{named.code}().total_tokens = {module.code(given[0])}"),
                *named.edits,
                *without_loop(module, call, around),
            ),
        )

    return make
