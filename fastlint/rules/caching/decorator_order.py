"""The fix of a decorator that stands above a route: the decorators that register the route go to the top."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.structure import called_name
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function
from fastlint.project.values import FunctionValue, LibraryName, Value

KEEPS_PARAMETERS = frozenset({
    "fastapi_cache.decorator.cache", "slowapi.Limiter.limit", "slowapi.Limiter.shared_limit", "tenacity.retry",
    "backoff.on_exception", "backoff.on_predicate", "stamina.retry", "aiocache.cached", "aiocache.cached_stampede",
    "cashews.cache",
})  # fmt: skip
"""Decorators of libraries that leave the parameters of a route as FastAPI has to see them."""


def register_last(
    endpoint: Function, registering: Sequence[int], wrapping: dict[int, list[Value]]
) -> FixMaker:
    """Return what moves the decorators that register a route above those that wrap it.

    Decorators are given by their position, those that wrap with the functions that put something around the route.
    """

    def make(files: Files) -> Fix:
        first = min(wrapping)
        lower = [position for position in registering if position > first]
        facts = endpoint.facts
        for position in range(first, lower[-1]):
            if position not in wrapping and position not in registering:
                name = called_name(facts.decorators[position]) or "a decorator"
                raise NoFix(f"`@{name}` stands between, and nobody knows whether it may wrap the route")
        for values in wrapping.values():
            for value in values:
                _require_same_parameters(value, endpoint)
        module = files.python(endpoint.module.path)
        node = module.function(facts.span)
        lines = [_lines(module, node, position) for position in lower]
        top = _lines(module, node, first)[0]
        moved = "".join(module.text[start:end] for start, end in lines)
        return Fix(
            "Move the decorator of the route to the top",
            Applicability.UNSAFE,
            (module.insert(top, moved), *(module.replace(start, end, "") for start, end in lines)),
        )

    return make


def _require_same_parameters(wrapper: Value, endpoint: Function) -> None:
    """Raise `NoFix` unless FastAPI can call what wraps a route as it calls the route itself."""
    if isinstance(wrapper, LibraryName):
        if wrapper.name not in KEEPS_PARAMETERS:
            raise NoFix(f"`{wrapper.name}` may hide the parameters of the route")
        return
    if not isinstance(wrapper, FunctionValue):
        raise NoFix("what the decorator returns is not known")
    facts = wrapper.function.facts
    if not any(called_name(decorator) == "wraps" for decorator in facts.decorators):
        raise NoFix(f"`{facts.name}` has no `@wraps`, so FastAPI would not see the parameters of the route")
    if facts.is_async != endpoint.facts.is_async:
        raise NoFix(f"one of `{facts.name}` and `{endpoint.facts.name}` is `async def`, and the other is not")
    known = {parameter.name for parameter in endpoint.facts.parameters}
    missing = [
        parameter.name
        for parameter in facts.parameters
        if parameter.kind in ("positional", "keyword")
        and parameter.default is None
        and parameter.name not in known
    ]
    if missing or not any(parameter.kind == "kwargs" for parameter in facts.parameters):
        raise NoFix(f"`{facts.name}` has other parameters than the route")


def _lines(module: Module, node: FunctionNode, position: int) -> tuple[int, int]:
    """Return where the lines of a decorator begin and end."""
    decorator: ast.expr = node.decorator_list[position]
    start, end = module.bounds(span_of(decorator))
    start = module.text.rindex("@", 0, start)
    first, last = module.line_start(start), module.line_end(end)
    rest = module.text[end:last].strip()
    if module.text[first:start].strip() or (rest and not rest.startswith("#")):
        raise NoFix("a decorator shares its line with something else")
    return first, last
