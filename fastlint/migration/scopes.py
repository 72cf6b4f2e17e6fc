"""Which scope of a file a name belongs to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.fixes.module import COMPREHENSIONS, FunctionNode, Module

Scope = ast.AST
"""A module, function, lambda, class or comprehension."""


class Scopes:
    """Answers for one file where names are bound."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._bound: dict[ast.AST, tuple[frozenset[str], frozenset[str]]] = {}

    def binder(self, name: str, node: ast.AST) -> Scope:
        """Return the scope that a name belongs to where a node stands; the module where no other binds it."""
        in_function = False
        for part, whole in self.module.around(node):
            if isinstance(whole, FunctionNode) and part not in whole.body and part is not whole.args:
                continue
            if isinstance(whole, FunctionNode | ast.Lambda):
                if part is whole.args and not isinstance(node, ast.arg):
                    continue
                bound, declared = self._names(whole)
                if name in declared:
                    return self._declared(name, whole)
                if name in bound:
                    return whole
                in_function = True
            elif isinstance(whole, ast.ClassDef):
                if part in whole.body and not in_function and name in self._names(whole)[0]:
                    return whole
            elif isinstance(whole, COMPREHENSIONS):
                targets = {
                    target.id
                    for generator in whole.generators
                    for target in ast.walk(generator.target)
                    if isinstance(target, ast.Name)
                }
                if name in targets:
                    return whole
        return self.module.tree

    def _declared(self, name: str, function: ast.AST) -> Scope:
        """Return the scope of a name that a function declares global or nonlocal."""
        for node in ast.walk(function):
            if isinstance(node, ast.Global) and name in node.names:
                return self.module.tree
        for part, whole in self.module.around(function):
            if isinstance(whole, FunctionNode) and part in whole.body and name in self._names(whole)[0]:
                return whole
        return self.module.tree

    def names(self, name: str, scope: Scope) -> Iterator[ast.Name]:
        """Yield the places that read or set a name of a scope."""
        for node in ast.walk(scope):
            if isinstance(node, ast.Name) and node.id == name and self.binder(name, node) is scope:
                yield node

    def times_bound(self, name: str, scope: Scope) -> int:
        """Return how many places of a scope bind a name, by whatever statement."""
        return sum(1 for node in own_nodes(scope) for bound in _binds(node) if bound == name)

    def _names(self, scope: Scope) -> tuple[frozenset[str], frozenset[str]]:
        """Return the names that a scope binds, and those that it declares to be others'."""
        if scope not in self._bound:
            bound: set[str] = set()
            declared: set[str] = set()
            for node in own_nodes(scope):
                if isinstance(node, ast.Global | ast.Nonlocal):
                    declared.update(node.names)
                bound.update(_binds(node))
            self._bound[scope] = frozenset(bound - declared), frozenset(declared)
        return self._bound[scope]


def own_nodes(scope: Scope) -> Iterator[ast.AST]:
    """Yield the nodes that belong to a scope itself; of scopes inside it only what they are named."""
    pending: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.comprehension):
            pending += [node.iter, *node.ifs]
        else:
            pending += ast.iter_child_nodes(node)


def _binds(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, FunctionNode | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        if node.name:
            yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
