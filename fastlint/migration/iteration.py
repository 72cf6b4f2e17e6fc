"""Loops over what arrives piece by piece, which become `async for`."""

from __future__ import annotations

import ast

from fastlint.fixes.module import span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.plan import Become, Plan
from fastlint.migration.sources import Sources

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)


def iterate(path: str, node: ast.expr, listing: str, plan: Plan, sources: Sources) -> None:
    """Let the loop over an expression wait for each piece; `listing` is the method that gives all of them, if any.

    Raises `NoFix` where the expression is used in another way, or where a loop cannot wait.
    """
    module = sources.module(path)
    parent = module.parent(node)
    where = f"{path}:{node.lineno}"
    function = module.enclosing_function(node)
    if function is None:
        raise NoFix(f"the loop in {where} is in no function")
    if isinstance(parent, ast.For) and parent.iter is node:
        start = module.offset(parent.lineno, parent.col_offset)
        plan.replace(module, start, start, "async ")
    elif isinstance(parent, ast.comprehension) and parent.iter is node:
        if not isinstance(module.parent(parent), COMPREHENSIONS):
            raise NoFix(f"the generator expression in {where} would have to be consumed by `async for`")
        target = module.bounds(span_of(parent.target))[0]
        start = module.text.rindex("for", 0, target)
        if module.text[start + 3 : target].strip(" \t(\r\n\\"):
            raise NoFix(f"the comprehension in {where} is written in a way that is not understood")
        plan.replace(module, start, start, "async ")
    elif _is_list_of(parent, node):
        before, after = ("await ", f".{listing}()") if listing else ("[item async for item in ", "]")
        if listing and (path, span_of(node)) in plan.converted:
            before, after = f"{before}(", f"){after}"
        outer = module.parent(parent)
        if listing and isinstance(outer, ast.Attribute | ast.Subscript):
            before, after = f"({before}", f"{after})"
        start, end = module.bounds(span_of(parent))
        inner_start, inner_end = module.bounds(span_of(node))
        if module.text[inner_end : end - 1].strip(" \t\r\n,"):
            raise NoFix(f"the call of `list` in {where} is written in a way that is not understood")
        plan.replace(module, start, inner_start, before)
        plan.replace(module, inner_end, end, after)
        module.require_await(parent, will_be_async=True)  # type: ignore[arg-type]
    else:
        raise NoFix(f"what arrives piece by piece is handed on in {where}")
    if isinstance(function, ast.FunctionDef):
        plan.add(Become(sources.function(path, function)))


def _is_list_of(parent: ast.AST, node: ast.expr) -> bool:
    return (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Name)
        and parent.func.id == "list"
        and parent.args == [node]
        and not parent.keywords
    )
