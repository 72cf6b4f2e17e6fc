"""What a function is said to return, when it yields instead or becomes a coroutine function."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Edit
from fastlint.fixes.imports import Named, beside, name_of
from fastlint.fixes.module import FunctionNode, Module
from fastlint.fixes.text import NoFix

ASYNC_FORMS = {"Generator": "AsyncGenerator", "Iterator": "AsyncIterator", "Iterable": "AsyncIterable"}
HOMES = ("collections.abc", "typing", "typing_extensions")


def asynchronous(module: Module, function: FunctionNode) -> tuple[Edit, ...]:
    """Return the edits that let a generator's annotation speak of an asynchronous one.

    Raises `NoFix` if the annotation is not one of those that generators have.
    """
    returns = function.returns
    if returns is None:
        return ()
    form = returns.value if isinstance(returns, ast.Subscript) else returns
    name = form.id if isinstance(form, ast.Name) else form.attr if isinstance(form, ast.Attribute) else ""
    wanted = ASYNC_FORMS.get(name)
    if wanted is None:
        raise NoFix("the annotation of what it yields is unusual")
    edits = [*_dropped_return(module, returns, name)]
    if isinstance(form, ast.Attribute):
        end = module.offset(form.end_lineno or 0, form.end_col_offset or 0)
        return (*edits, module.replace(end - len(name), end, wanted))
    named = _imported(module, wanted)
    return (*edits, module.replace_node(form, named.code), *named.edits)


def yielding(module: Module, function: FunctionNode, *, is_async: bool) -> tuple[Edit, ...]:
    """Return the edits that make the annotation of what a function returns say that it yields that."""
    if function.returns is None:
        return ()
    wanted = "AsyncIterator" if is_async else "Iterator"
    named = _imported(module, wanted)
    code = module.code(function.returns)
    return (module.replace_node(function.returns, f"{named.code}[{code}]"), *named.edits)


def _dropped_return(module: Module, returns: ast.expr, name: str) -> list[Edit]:
    """Return the edit that takes out what a generator returns, which an asynchronous one has not."""
    if (
        name != "Generator"
        or not isinstance(returns, ast.Subscript)
        or not isinstance(returns.slice, ast.Tuple)
    ):
        return []
    parts = returns.slice.elts
    if len(parts) != 3:
        return []
    start = module.offset(parts[1].end_lineno or 0, parts[1].end_col_offset or 0)
    end = module.offset(parts[2].end_lineno or 0, parts[2].end_col_offset or 0)
    return [module.replace(start, end, "")]


def _imported(module: Module, name: str) -> Named:
    """Return how to write a type of generators in a file, from where the file has others of them."""
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module in HOMES:
            names = {alias.name for alias in statement.names if alias.asname is None}
            known = names & {*ASYNC_FORMS, *ASYNC_FORMS.values()}
            if name in names:
                return Named(name)
            if known:
                return Named(name, beside(module, min(known), name))
    return name_of(module, HOMES[0], name, also=HOMES[1:])
