"""Where a dependency is asked for, in the syntax of the files."""

from __future__ import annotations

import ast
from collections import Counter

from fastlint.application.contexts import Application
from fastlint.application.references import REGISTERED
from fastlint.fixes.blocks import bindings_of, binds
from fastlint.fixes.files import Files
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function

MARKS = ("Depends", "Security")

Asked = tuple[Module, ast.Call, ast.Name | ast.Attribute]
"""A file, a `Depends(...)` in it, and the name of the dependency there."""


def asking(application: Application, function: Function, files: Files) -> list[Asked]:
    """Return every `Depends(...)` of the program that names a function.

    Raises `NoFix` where the program names it in other calls of FastAPI as well, or it is not clear which it means.
    """
    found: list[Asked] = []
    references = application.references.of(function)
    counts = Counter(ref.frame.function.module for ref in references if ref.how == REGISTERED)
    for place, count in counts.items():
        module = files.python(place.path)
        here = _calls(module, application.references.names_of(function))
        if len(here) != count and not all(_means_one_thing(*asked) for asked in here):
            raise NoFix(f"it is not clear which `Depends` in {place.path} ask for it")
        found += here
    return found


def _calls(module: Module, names: frozenset[str]) -> list[Asked]:
    found: list[Asked] = []
    for node in module.nodes:
        if isinstance(node, ast.Call) and _last(node.func) in MARKS:
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "dependency")]
            target = given[0] if given else None
            if isinstance(target, ast.Name | ast.Attribute) and _last(target) in names:
                found.append((module, node, target))
    return found


def made_in_depends(module: Module, names: frozenset[str]) -> bool:
    """Tell whether every call of one of the names stands in a `Depends(...)` itself."""
    calls = [n for n in ast.walk(module.tree) if isinstance(n, ast.Call) and _last(n.func) in names]
    return all(
        isinstance(around := module.parent(call), ast.Call)
        and _last(around.func) in MARKS
        and call in around.args
        for call in calls
    )


def _means_one_thing(module: Module, _: ast.Call, target: ast.Name | ast.Attribute) -> bool:
    """Tell whether a name has one meaning in all of a file: it is bound once, at the top."""
    return (
        isinstance(target, ast.Name)
        and bindings_of(module.tree, target.id) == 1
        and any(binds(statement, target.id) for statement in module.tree.body)
    )


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
