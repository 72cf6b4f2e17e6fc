"""Where a client comes from: the call that makes it, or the name, attribute or function that holds it."""

from __future__ import annotations

import ast

from fastlint.fixes.module import FunctionNode
from fastlint.fixes.text import NoFix
from fastlint.migration.client_classes import client_among, make, maker_of
from fastlint.migration.plan import AttributeHolds, NameHolds, ParameterHolds, Plan, ResultHolds
from fastlint.migration.sources import Sources
from fastlint.project.program import Function
from fastlint.project.values import FunctionValue, ModuleValue


def client_of(path: str, call: ast.Call, sources: Sources) -> tuple[ast.expr, str] | None:
    """Return the expression of the client that a call is a method of, and its class; None if there is none."""
    found = sources.expression(path, call)
    if found is None:
        return None
    frame, expr = found
    node: ast.expr = call.func
    expr = expr[1]
    client = None
    while expr[0] in ("attr", "call") and isinstance(node, ast.Attribute | ast.Call):
        expr = expr[1]
        node = node.value if isinstance(node, ast.Attribute) else node.func
        cls = client_among(sources.application.inference.values(expr, frame), sources)
        if cls is not None:
            client = node, cls
    return client


def trace(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> None:
    """Follow an expression that gives a client to where the client is made and held."""
    where = f"{path}:{node.lineno}"
    if isinstance(node, ast.Constant) and node.value is None:
        return
    if isinstance(node, ast.Call) and maker_of(path, node, sources) is not None:
        make(path, node, plan, sources)
        return
    origin = _made_from(path, node, sources)
    if origin is not None:
        trace(path, *origin, plan, sources)
        return
    if isinstance(node, ast.Call):
        found = _called_function(path, node, sources)
        if found is None:
            raise NoFix(f"the client in {where} comes from a call that cannot be followed")
        plan.add(ResultHolds(found, client))
        return
    if isinstance(node, ast.Name):
        scope = sources.scopes(path).binder(node.id, node)
        if scope is sources.module(path).tree:
            plan.add(_global(path, node.id, client, sources))
            return
        if isinstance(scope, FunctionNode):
            is_parameter = any(isinstance(p, ast.arg) and p.arg == node.id for p in ast.walk(scope.args))
            holds = ParameterHolds if is_parameter else NameHolds
            plan.add(holds(path, scope, node.id, client))
            return
    if isinstance(node, ast.Attribute):
        cls = sources.own_class(path, node)
        if cls is not None:
            plan.add(AttributeHolds(path, cls, node.attr, client))
            return
        for value in sources.base_values(path, node):
            if isinstance(value, ModuleValue):
                plan.add(_global(value.module.path, node.attr, client, sources))
                return
    raise NoFix(f"the client in {where} is held in a way that cannot be followed")


def _made_from(path: str, node: ast.expr, sources: Sources) -> tuple[ast.expr, str] | None:
    """Return the client that another object is a part of or given by, as a collection is by a database."""
    base: ast.expr | None = None
    if isinstance(node, ast.Subscript | ast.Attribute):
        base = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        base = node.func.value
    found = sources.expression(path, node)
    if base is None or found is None:
        return None
    frame, expr = found
    inner = expr[1][1] if expr[0] == "call" else expr[1]
    client = client_among(sources.application.inference.values(inner, frame), sources)
    return (base, client) if client is not None else None


def _called_function(path: str, call: ast.Call, sources: Sources) -> Function | None:
    found = sources.expression(path, call)
    if found is None:
        return None
    values = sources.application.inference.values(found[1][1], found[0])
    functions = {value.function for value in values if isinstance(value, FunctionValue)}
    return next(iter(functions)) if len(functions) == 1 and len(values) == 1 else None


def _global(path: str, name: str, client: str, sources: Sources) -> NameHolds:
    """Return the name of a module that holds a client, in the file that makes it and not in one that imports it."""
    seen = set()
    current = (path, name)
    while current not in seen:
        seen.add(current)
        project = sources.project_module(current[0])
        bindings = project.facts.functions[0].bindings.get(current[1], [])
        imports = [value for _, _, value in bindings if value[0] == "import" and value[3]]
        if not imports:
            break
        target = sources.application.program.find_module(project, imports[0][1], imports[0][2])
        if target is None:
            current = (path, name)
            break
        current = (target.path, imports[0][3])
    return NameHolds(current[0], sources.module(current[0]).tree, current[1], client)
