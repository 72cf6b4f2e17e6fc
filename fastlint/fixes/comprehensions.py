"""List comprehensions whose elements a fix replaces by the items themselves."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Edit
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix


def without_call(module: Module, call: ast.Call) -> Edit:
    """Return the edit that leaves of `x.method(...)` the `x`, and of `[x.method(...) for x in xs]` the `list(xs)`."""
    if not isinstance(call.func, ast.Attribute):
        raise NoFix("it is not written as a method call")
    given = call.func.value
    if "#" in module.code(call).removeprefix(module.code(given)):
        raise NoFix("there is a comment in the call")
    whole = module.parent(call)
    if isinstance(whole, ast.ListComp) and whole.elt is call and len(whole.generators) == 1:
        loop = whole.generators[0]
        is_same = (
            isinstance(given, ast.Name) and isinstance(loop.target, ast.Name) and given.id == loop.target.id
        )
        if is_same and not loop.ifs and not loop.is_async and "#" not in module.code(whole):
            return module.replace_node(whole, _as_list(module, loop.iter))
    return module.replace_node(call, module.code(given))


def _as_list(module: Module, iterated: ast.expr) -> str:
    code = module.code(iterated)
    function = module.enclosing_function(iterated)
    if isinstance(iterated, ast.ListComp | ast.List):
        return code
    if isinstance(iterated, ast.Name) and function is not None:
        bound = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Name | ast.arg)
            and iterated.id == (node.arg if isinstance(node, ast.arg) else node.id)
            and not isinstance(getattr(node, "ctx", None), ast.Load)
        ]
        statement = module.parent(bound[0]) if len(bound) == 1 else None
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.ListComp | ast.List):
            return code
    return f"list({code})"
