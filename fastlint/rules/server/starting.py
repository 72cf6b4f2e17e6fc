"""Fixes of the calls in Python that start a server."""

from __future__ import annotations

import ast

from fastlint.application.servers import ServerCall
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.arguments import call_at, keyword_of, with_keyword, without_keyword
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.lines import top_statement
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix


def without_setting(call: ServerCall, name: str, trust: Applicability) -> FixMaker:
    """Return what takes an argument out of a call that starts a server."""

    def make(files: Files) -> Fix:
        module = files.python(call.frame.function.module.path)
        edit = without_keyword(module, call_at(module, call.span), name)
        return Fix(f"Leave out `{name}`", trust, (edit,))

    return make


def with_setting(call: ServerCall, code: str, trust: Applicability) -> FixMaker:
    """Return what adds an argument to a call that starts a server."""

    def make(files: Files) -> Fix:
        module = files.python(call.frame.function.module.path)
        return Fix(f"Pass `{code}`", trust, with_keyword(module, call_at(module, call.span), code))

    return make


def by_name(call: ServerCall) -> FixMaker:
    """Return what gives uvicorn the name of the application in place of the object.

    It is safe where the name is one that Python surely finds: the one by which this file imports it, or that of
    a file that lies in no package.
    """

    def make(files: Files) -> Fix:
        own = call.frame.function.module
        module = files.python(own.path)
        node = call_at(module, call.span)
        given = node.args[0] if node.args else keyword_of(node, "app").value
        if not isinstance(given, ast.Name):
            raise NoFix("the application is not given by the name of a variable")
        name, is_certain = _importable(module, given.id, own.name)
        started = top_statement(module, node)
        others = [
            part for part in ast.walk(started) if isinstance(part, ast.Call) and part not in ast.walk(node)
        ]
        if others or _uses(started, given.id) > 1:
            is_certain = False  # what is done here before does not happen in the other processes
        edits: list[Edit] = [module.replace_node(given, f'"{name}"')]
        return Fix(
            f'Write `"{name}"`', Applicability.SAFE if is_certain else Applicability.UNSAFE, tuple(edits)
        )

    return make


def _uses(node: ast.AST, name: str) -> int:
    """Return how often a name is read in a piece of syntax."""
    return sum(
        isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load)
        for part in ast.walk(node)
    )


def _importable(module: Module, name: str, own: str) -> tuple[str, bool]:
    """Return `module:attribute` for a variable at the top of a file."""
    found: list[tuple[str, bool]] = []
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
            found += [
                (f"{statement.module}:{alias.name}", True)
                if _uses(module.tree, name) == 1
                else (f"{own}:{name}", "." not in own)
                for alias in statement.names
                if (alias.asname or alias.name) == name
            ]
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                found.append((f"{own}:{name}", "." not in own))
    bound = [
        node
        for node in module.nodes
        if (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.arg) and node.arg == name)
    ]
    if len(found) != 1 or len(bound) > 1:
        raise NoFix(f"`{name}` is not made once at the top of the file")
    return found[0]
