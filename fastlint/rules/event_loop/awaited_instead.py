"""The fix of a second event loop inside a coroutine function: await the coroutine."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from fastlint.application.model import REQUEST
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.arguments import call_at
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.lines import block_of, delete
from fastlint.fixes.module import FunctionNode, Module
from fastlint.fixes.text import NoFix

if TYPE_CHECKING:
    from fastlint.rules.base import Suspect

RUNNERS = ("run", "run_until_complete")
LOOPS = ("get_event_loop", "get_running_loop")


def awaited_instead(suspect: Suspect) -> FixMaker:
    """Return what makes `await f()` of `asyncio.run(f())` and `loop.run_until_complete(f())`.

    These always fail in a coroutine function, so it is safe, unless something waits for the failure.
    """

    def make(files: Files) -> Fix:
        if suspect.phase != REQUEST:
            raise NoFix("it runs before there are requests")
        if not suspect.is_direct:
            raise NoFix("the function that runs the loop has to become a coroutine function first")
        module = files.python(suspect.frame.function.module.path)
        node = call_at(module, suspect.site.event[5])
        callee = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if callee not in RUNNERS or len(node.args) != 1 or node.keywords:
            raise NoFix("more than a coroutine is given")
        given = node.args[0]
        if not isinstance(given, ast.Call | ast.Name | ast.Attribute) or "#" in module.code(node):
            raise NoFix("the coroutine is not written as a call or a name")
        function = module.require_await(node)
        is_guarded = any(
            isinstance(whole, ast.Try) and part in whole.body for part, whole in module.around(node)
        )
        return Fix(
            "Await the coroutine",
            Applicability.UNSAFE if is_guarded else Applicability.SAFE,
            (
                module.replace_node(node, module.awaiting(node, module.code(given))),
                *without_loop(module, node, function),
            ),
            (module.guard_async(function),),
        )

    return make


def without_loop(module: Module, node: ast.Call, function: FunctionNode) -> list[Edit]:
    """Return the edit that takes out the variable of the loop, if nothing else uses it."""
    loop = node.func.value if isinstance(node.func, ast.Attribute) else None
    if not isinstance(loop, ast.Name):
        return []
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == loop.id and n is not loop]
    statement = module.parent(uses[0]) if len(uses) == 1 else None
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return []
    made = statement.value.func
    if not isinstance(made, ast.Attribute) or made.attr not in LOOPS or len(block_of(module, statement)) == 1:
        return []
    try:
        return [delete(module, statement)]
    except NoFix:
        return []
