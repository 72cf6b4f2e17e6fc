"""The fix of work for the event loop's own pool: the pool of AnyIO."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.arguments import call_at
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.rules.event_loop.awaited_instead import without_loop

POOL = ("fastapi.concurrency", "run_in_threadpool")
SAME_POOL = ("starlette.concurrency",)


def into_larger_pool(places: Iterable[tuple[Frame, Expr]]) -> FixMaker:
    """Return what makes `run_in_threadpool(f, ...)` of `asyncio.to_thread(f, ...)`, at all places.

    It is unsafe, as the work then shares its pool with plain routes.
    """

    def make(files: Files) -> Fix:
        edits = [
            edit for frame, call in places for edit in _moved(files.python(frame.function.module.path), call)
        ]
        return Fix("Use `run_in_threadpool`", Applicability.UNSAFE, tuple(dict.fromkeys(edits)))

    return make


def _moved(module: Module, call: Expr) -> Iterator[Edit]:
    node = call_at(module, call[-1])
    named = name_of(module, *POOL, also=SAME_POOL)
    is_executor = isinstance(node.func, ast.Attribute) and node.func.attr == "run_in_executor"
    if is_executor:
        if not isinstance(module.parent(node), ast.Await):
            raise NoFix("one of the calls is not awaited where it stands")
        if len(node.args) == 1 or any(isinstance(argument, ast.Starred) for argument in node.args[:2]):
            raise NoFix("one of the calls names its function in another way")
        start, end = module.bounds(span_of(node.args[0]))[0], module.bounds(span_of(node.args[1]))[0]
        if "#" in module.text[start:end]:
            raise NoFix("there is a comment among the arguments")
        yield module.replace(start, end, "")
        function = module.enclosing_function(node)
        if function is not None:
            yield from without_loop(module, node, function)
    yield module.replace_node(node.func, named.code)
    yield from named.edits
