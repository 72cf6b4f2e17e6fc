"""The fix of a cache without a limit: give it a size."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function

SIZE = "1000"
WITH_SIZE = {"functools.cache": "lru_cache", "functools.lru_cache": "", "async_lru.alru_cache": ""}
"""Decorators that take a size, and what replaces the one that does not."""


def give_size(function: Function, decorator: Expr, name: str) -> FixMaker:
    """Return what gives the cache decorator of a function a size; it is called by its dotted name."""

    def make(files: Files) -> Fix:
        if name not in WITH_SIZE:
            raise NoFix("how long an answer stays true is not known")
        module = files.python(function.module.path)
        position = next(i for i, found in enumerate(function.facts.decorators) if found is decorator)
        node = module.function(function.facts.span).decorator_list[position]
        if name == "functools.cache":
            named = name_of(module, "functools", "lru_cache")
            edits = (module.replace_node(node, f"{named.code}(maxsize={SIZE})"), *named.edits)
        else:
            edits = (module.replace_node(_size(node), SIZE),)
        return Fix(f"Keep {SIZE} answers at most", Applicability.UNSAFE, edits)

    return make


def _size(decorator: ast.expr) -> ast.expr:
    """Return the argument that says that there is no size."""
    given = decorator.args[:1] if isinstance(decorator, ast.Call) else []
    if isinstance(decorator, ast.Call) and not given:
        given = [keyword.value for keyword in decorator.keywords if keyword.arg == "maxsize"]
    if len(given) != 1 or not isinstance(given[0], ast.Constant) or given[0].value is not None:
        raise NoFix("the size is not written in the decorator")
    return given[0]
