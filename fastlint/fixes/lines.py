"""Statements as the lines that they take up."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Edit
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix


def lines_of(module: Module, statement: ast.stmt) -> tuple[int, int]:
    """Return where the lines of a statement begin and end, its decorators and its line end included.

    Raises `NoFix` if it shares a line with another statement, or if the file ends without a line end.
    """
    start, end = module.bounds(span_of(statement))
    for decorator in getattr(statement, "decorator_list", ()):
        start = min(start, module.text.rindex("@", 0, module.bounds(span_of(decorator))[0]))
    first, last = module.line_start(start), module.line_end(end)
    rest = module.text[end:last].strip()
    if module.text[first:start].strip(" \t\f\ufeff") or (rest and not rest.startswith("#")):
        raise NoFix("it shares a line with another statement")
    if last == len(module.text) and not module.text.endswith(("\n", "\r")):
        raise NoFix("the file ends without a line end")
    return first, last


def delete(module: Module, statement: ast.stmt) -> Edit:
    """Return the edit that deletes a statement with its lines; another one has to be left in its block."""
    return module.replace(*lines_of(module, statement), "")


def top_statement(module: Module, node: ast.AST) -> ast.stmt:
    """Return the statement of the module that a node is part of."""
    for part, whole in ((node, module.parent(node)), *module.around(node)):
        if isinstance(whole, ast.Module) and isinstance(part, ast.stmt):
            return part
    raise NoFix("it is not part of a statement")


def block_of(module: Module, statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements among which one stands."""
    parent = module.parent(statement)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return block
    raise NoFix("it is not part of a block")
