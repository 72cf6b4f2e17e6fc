"""The texts that a plan makes of files."""

from __future__ import annotations

import ast

from fastlint.fixes.applying import edited, splice
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.fixes.unused import without_names
from fastlint.migration.plan import Plan, spliced
from fastlint.migration.sources import Sources


def texts_of(plan: Plan, sources: Sources) -> dict[str, str]:
    """Return the texts that a plan makes of files. Raises `NoFix` if one of them would be broken."""
    texts = {}
    for path, pieces in plan.pieces.items():
        text = spliced(sources.module(path).text, pieces)
        for other, name, package in plan.swapped:
            if other == path:
                text = _swapped(path, text, name, package)
        for package, attribute, whole in sorted(plan.imports.get(path, ()), key=lambda i: (i.whole, i)):
            module = Module(path, text)
            text = edited(module, name_of(module, package, attribute or "*", whole=whole or None).edits)
        try:
            compile(text, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise NoFix(f"{path} would not compile any more ({error})") from None
        texts[path] = text
    return texts


def _swapped(path: str, text: str, name: str, package: str) -> str:
    """Return a text that imports a name from another package."""
    module = Module(path, text)
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom) and any(
            a.name == name and not a.asname for a in statement.names
        ):
            start, _ = module.bounds(span_of(statement))
            if len(statement.names) == 1:
                place = module.text.index(statement.module or "", start)
                return splice(text, [(place, place + len(statement.module or ""), package)])
            module = Module(path, edited(module, without_names(module, statement, frozenset({name}))))
            return edited(module, name_of(module, package, name).edits)
    raise NoFix(f"`{name}` is imported in {path} in a way that cannot be changed")
