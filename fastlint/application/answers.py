"""What gets into what a function gives back: the way of rows into the answer of a route."""

from __future__ import annotations

from fastlint.facts.model import Expr
from fastlint.facts.rounds import root
from fastlint.facts.structure import children
from fastlint.project.program import Function

ASKING = frozenset({"len", "any", "all", "bool", "sum", "min", "max", "isinstance", "hasattr", "callable"})
"""Functions that give back something about what they are given, not the thing itself."""
CONDITIONS = frozenset({"where", "filter", "filter_by", "in_", "notin_", "not_in", "having"})
"""Methods of queries whose arguments choose rows, and are none."""
COMPARING = frozenset({"In", "NotIn", "Eq", "NotEq", "Lt", "LtE", "Gt", "GtE", "Is", "IsNot"})


class Answers:
    """Answers whether a value is part of what a function returns or yields; answers are remembered."""

    def __init__(self) -> None:
        self._given: dict[Function, set[int]] = {}

    def holds(self, expr: Expr, function: Function) -> bool:
        """Tell whether the value of an expression is, whole or in parts, in what the function gives.

        Followed are names, collections and attributes that are filled, arguments of calls, functions that
        are defined inside; not what is compared or counted.
        """
        known = self._given.get(function)
        if known is None:
            known = self._given[function] = _given(function)
        return id(expr) in known


def _given(function: Function) -> set[int]:
    """Return the identities of the expressions whose values get into what a function returns or yields."""
    found: set[int] = set()
    names: set[tuple[Function, str]] = set()
    pending = [(expr, function) for expr in (*function.facts.returns, *function.facts.yields)]
    while pending:
        expr, scope = pending.pop()
        if id(expr) in found:
            continue
        found.add(id(expr))
        tag = expr[0]
        if tag in ("compare", "not") or (tag == "binop" and expr[1] in COMPARING):
            continue
        if tag == "call" and expr[1][0] == "name" and expr[1][1] in ASKING:
            continue
        if tag == "call" and expr[1][0] == "attr" and expr[1][2] in CONDITIONS:
            pending.append((expr[1], scope))
            continue
        if tag == "name":
            owner = _binder(str(expr[1]), scope, function)
            if (owner, expr[1]) not in names:
                names.add((owner, expr[1]))
                pending += [(value, owner) for value in _made_of(str(expr[1]), owner)]
        elif tag in ("def", "lambda"):
            inner = function.module.functions[expr[1]]
            pending += [(part, inner) for part in (*inner.facts.returns, *inner.facts.yields)]
        pending += [(part, scope) for part in children(expr)]
    return found


def _binder(name: str, scope: Function, outermost: Function) -> Function:
    """Return the function that binds a name, up to the one that is asked about."""
    while name not in scope.facts.bindings and scope is not outermost and scope.parent is not None:
        scope = scope.parent
    return scope


def _made_of(name: str, function: Function) -> list[Expr]:
    """Return what a name is bound to, and what is put into it: `items.append(x)`, `items[key] = x`."""
    values = [value for _, _, value in function.facts.bindings.get(name, ())]
    return values + [value for base, _, value in function.facts.stores if root(base) == name]
