"""Recognise code that runs once: behind `if _client is None`, or after `if key in cache: return`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence


def memo_targets(test: ast.expr, global_names: set[str], local_names: set[str]) -> set[str]:
    """Return what must be missing for the test to hold: `x is None`, `not x`, `key not in x`.

    Only what outlives the function counts: attributes, subscripts, names declared global, and
    containers that are not local.
    """
    match test:
        case ast.BoolOp(op=operator, values=values):
            parts = [memo_targets(v, global_names, local_names) for v in values]
            if isinstance(operator, ast.Or) and not all(parts):
                return set()  # `x is None or expired(x)` holds again and again
            return set().union(*parts)
        case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
            return _lasting(left, global_names, local_names) | _lasting(right, global_names, local_names)
        case ast.Compare(ops=[ast.NotIn()], comparators=[ast.Name(id=name)]):
            return {name} - local_names
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
            return _lasting(left, global_names, local_names)
        case ast.Compare(ops=[ast.NotIn()], comparators=[container]):
            return _lasting(container, global_names, local_names)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[ast.In()], comparators=[container])):
            return _lasting(container, global_names, local_names)
        case ast.UnaryOp(
            op=ast.Not(),
            operand=ast.Call(func=ast.Name(id="hasattr"), args=[base, ast.Constant(value=str(name))]),
        ):
            return {f"{ast.unparse(base)}.{name}"} if _outlives(base, local_names) else set()
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _lasting(operand, global_names, local_names)
    return set()


def present_targets(
    test: ast.expr, global_names: set[str], local_names: set[str], before: Sequence[ast.stmt]
) -> set[str]:
    """Return what is already there when the test holds: `x is not None`, `x`, `key in x`, `isinstance(x, C)`.

    A local name counts as the container that an earlier statement looked it up in
    (`hit = CACHE.get(key)`).
    """
    match test:
        case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(value=None)]):
            return _lasting(left, global_names, local_names) | _looked_up(left, local_names, before)
        case ast.Compare(ops=[ast.In()], comparators=[container]):
            return _lasting(container, global_names, local_names)
        case ast.BoolOp(op=ast.And(), values=values):
            return set().union(*(present_targets(v, global_names, local_names, before) for v in values))
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return _lasting(test, global_names, local_names) | _looked_up(test, local_names, before)
        case ast.NamedExpr(value=value):
            return _container(value, local_names)
        case ast.Call(func=ast.Name(id="isinstance"), args=[tested, _]):
            return present_targets(tested, global_names, local_names, before)
    return set()


def filled_names(targets: set[str], body: Sequence[ast.stmt]) -> set[str]:
    """Return the last names of what a called function may fill: `if not self._data: self.reload()`."""
    calls_only = all(isinstance(n, ast.Expr) and isinstance(n.value, (ast.Call, ast.Await)) for n in body)
    return {target.rpartition(".")[2] for target in targets} if calls_only else set()


def assigned_targets(statements: Iterable[ast.stmt]) -> set[str]:
    """Return the names, attributes and containers that the statements set, by their source."""
    found: set[str] = set()
    for statement in statements:
        for node in ast.walk(statement):
            for target in _targets(node):
                found.add(ast.unparse(target))
                if isinstance(target, ast.Subscript):
                    found.add(ast.unparse(target.value))
    return found


def loop_state(test: ast.expr) -> tuple[bool, bool]:
    """Return whether a test holds only while an event loop runs, and whether only while none runs."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        running, idle = loop_state(test.operand)
        return idle, running
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        states = [loop_state(value) for value in test.values]
        return any(running for running, _ in states), any(idle for _, idle in states)
    is_running = isinstance(test, ast.Call) and ast.unparse(test.func).endswith(".is_running")
    return is_running, False


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Assign(targets=targets):
            for target in targets:
                yield from target.elts if isinstance(target, ast.Tuple) else [target]
        case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
            yield target
        case ast.Call(
            func=ast.Attribute(value=base, attr="append" | "add" | "update" | "setdefault" | "set")
        ):
            yield base
        case ast.Call(func=ast.Name(id="setattr"), args=[base, ast.Constant(value=str(name)), _]) if (
            name.isidentifier()
        ):
            yield ast.Attribute(base, name, ast.Store())


def _lasting(node: ast.expr, global_names: set[str], local_names: set[str]) -> set[str]:
    """Return the source of what is tested, if it outlives the call."""
    if isinstance(node, ast.Name) and node.id not in global_names and not node.id.isupper():
        return set()
    if isinstance(node, ast.NamedExpr):
        node = node.value
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        return {ast.unparse(node)} if _outlives(node, local_names) else set()
    return _container(node, local_names)


def _outlives(node: ast.expr, local_names: set[str]) -> bool:
    """Tell whether an object is kept longer than a call: on `self`, in a module, on the application.

    What hangs on other parameters and locals (`user.seen`, `request.state.x`) is made for one request.
    """
    attributes = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute):
            attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    return node.id in ("self", "cls") or node.id not in local_names or "app" in (*attributes, node.id)


def _looked_up(node: ast.expr, local_names: set[str], before: Sequence[ast.stmt]) -> set[str]:
    """Return the containers that a local name was read from."""
    if isinstance(node, ast.NamedExpr):
        return _container(node.value, local_names)
    if not isinstance(node, ast.Name):
        return set()
    found: set[str] = set()
    for statement in before:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == node.id:
                found |= _container(value, local_names)
    return found


def _container(value: ast.expr, local_names: set[str]) -> set[str]:
    """Return the container that an expression looks something up in, if it outlives the call."""
    match value:
        case ast.Call(func=ast.Attribute(value=container, attr="get")) | ast.Subscript(value=container):
            return {ast.unparse(container)} if _outlives(container, local_names) else set()
        case ast.Call(func=ast.Name(id="getattr"), args=[base, ast.Constant(value=str(name)), *_]):
            return {f"{ast.unparse(base)}.{name}"} if _outlives(base, local_names) else set()
    return set()
