"""Imports that a fix left behind without a use."""

from __future__ import annotations

import ast
import re

from fastlint.diagnostics import Edit
from fastlint.fixes.applying import edited
from fastlint.fixes.imports import Import
from fastlint.fixes.lines import block_of
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix

ALL = frozenset({"*"})
"""Stands for every name among those that other files need."""


def without_unused(before: str, after: str, *, is_package: bool, needed: frozenset[str] = frozenset()) -> str:
    """Return the text `after` a fix without imports that were used `before` it and are not any more.

    `needed` are names that other files import from this one; of a package's `__init__` every import may be
    one. Imports in `try`, with `noqa`, or in `__all__` stay.
    """
    if is_package or needed >= ALL:
        return after
    module = Module("", after)
    try:
        used_before, used_after = _used(Module("", before).tree), _used(module.tree)
    except NoFix:
        return after
    gone = used_before - used_after - needed
    if not gone:
        return after
    edits = [
        edit
        for node in module.nodes
        if isinstance(node, Import) and _may_go(module, node)
        for edit in without_names(module, node, gone)
    ]
    text = edited(module, edits)
    return text if after[:1] in ("\r", "\n") else text.lstrip("\r\n")


def _used(tree: ast.Module) -> frozenset[str]:
    """Return the names that a file reads, those in annotations written as strings and in `__all__` included."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif _sets_all(node):
            found |= {str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant)}
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and ">>>" in str(node.value.value)
        ):
            found |= set(re.findall(r"[^\W\d]\w*", str(node.value.value)))  # a doctest
        for quoted in _annotations(node):
            found |= _names_in_strings(quoted)
    return frozenset(found)


def _sets_all(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and any(
        isinstance(target, ast.Name) and target.id == "__all__" for target in targets
    )


def _annotations(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node in which a string stands for a type."""
    if isinstance(node, ast.arg | ast.AnnAssign):
        return [node.annotation] if node.annotation else []
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.returns] if node.returns else []
    if isinstance(node, ast.Subscript):
        return [node.slice]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("cast", "TypeVar"):
        return list(node.args)
    return []


def _names_in_strings(node: ast.AST) -> set[str]:
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            try:
                inner = ast.parse(part.value.strip(), mode="eval")
            except (SyntaxError, ValueError):
                continue
            found |= {name.id for name in ast.walk(inner) if isinstance(name, ast.Name)}
    return found


def _may_go(module: Module, statement: Import) -> bool:
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return False
    if any(isinstance(whole, ast.Try) for _, whole in module.around(statement)):
        return False
    start, end = module.bounds(span_of(statement))
    return "noqa" not in module.text[module.line_start(start) : module.line_end(end)].lower()


def without_names(module: Module, statement: Import, gone: frozenset[str]) -> list[Edit]:
    """Return the edits that take names out of an import."""
    kept = [alias for alias in statement.names if _bound(alias) not in gone or alias.asname == alias.name]
    if len(kept) == len(statement.names):
        return []
    if not kept:
        return [_deletion(module, statement)]
    edits = []
    for index, alias in enumerate(statement.names):
        if alias in kept:
            continue
        start, end = module.bounds(span_of(alias))
        if any(other in kept for other in statement.names[index + 1 :]):
            end = module.bounds(span_of(statement.names[index + 1]))[0]
        else:
            start = module.bounds(span_of(statement.names[index - 1]))[1]
        edits.append(module.replace(start, end, ""))
    return edits


def _deletion(module: Module, statement: Import) -> Edit:
    """Return the edit that deletes an import: its lines, or `pass` in its place where a block needs one."""
    start, end = module.bounds(span_of(statement))
    alone = not module.text[module.line_start(start) : start].strip()
    rest = module.text[end : module.line_end(end)].strip()
    at_top = isinstance(module.parent(statement), ast.Module)
    if not at_top and len(block_of(module, statement)) == 1:
        return module.replace(start, end, "pass")
    if alone and (not rest or rest.startswith("#")):
        first, last = module.line_start(start), module.line_end(end)
        if _is_blank(module, first - 1) and _is_blank(module, last):
            last = module.line_end(last)
        return module.replace(first, last, "")
    return module.replace(start, end, "pass")


def _is_blank(module: Module, offset: int) -> bool:
    """Tell whether the line that an offset is in is blank; there is none before the first one."""
    return (
        0 <= offset < len(module.text)
        and not module.text[module.line_start(offset) : module.line_end(offset)].strip()
    )


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]
