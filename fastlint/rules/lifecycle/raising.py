"""The fix of handlers that keep an exception to themselves: they raise it again."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Region
from fastlint.fixes.blocks import ended, is_last, lines_of
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function


def raise_again(function: Function, handler: Region) -> FixMaker:
    """Return what ends a handler with `raise`."""

    def make(files: Files) -> Fix:
        module = files.python(function.module.path)
        around = module.function(function.facts.span)
        node = _handler(module, around, handler)
        if not is_last(module, around, module.statement(module.parent(node))):
            raise NoFix("what stands below the `try` would be skipped")
        last = node.body[-1]
        if any(
            isinstance(part, ast.Return | ast.Break | ast.Continue)
            for part in ast.walk(node)
            if part is not last
        ):
            raise NoFix("it leaves the handler in other ways")
        if isinstance(last, ast.Pass) or (isinstance(last, ast.Return) and last.value is None):
            edit = module.replace_node(last, "raise")
        elif isinstance(last, ast.Return | ast.Break | ast.Continue):
            raise NoFix("it leaves the handler in other ways")
        else:
            start, end = lines_of(module, last)
            line = f"{module.indentation(start)}raise{module.newline}"
            lines = module.text[start:end]
            edit = module.insert(end, line if ended(module, lines) == lines else module.newline + line)
        return Fix("Raise the exception again", Applicability.UNSAFE, (edit,))

    return make


def _handler(module: Module, function: ast.AST, region: Region) -> ast.ExceptHandler:
    for node in ast.walk(function):
        if isinstance(node, ast.ExceptHandler) and span_of(node.body[0])[:2] == region[1][:2]:
            return node
    raise NoFix("the handler cannot be found in the file again")
