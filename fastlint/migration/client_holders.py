"""What holds a client, and everything that sets or reads that: names, attributes, functions, parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.fixes.module import span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.client_classes import retype
from fastlint.migration.client_origins import trace
from fastlint.migration.client_uses import enter, use
from fastlint.migration.coroutines import uses
from fastlint.migration.injection import injected_parameter, provider_of
from fastlint.migration.plan import AttributeHolds, Hold, NameHolds, ParameterHolds, Plan, ResultHolds
from fastlint.migration.sources import AnyPlace, Place, Sources, classes_of
from fastlint.project.program import ProjectClass


def hold(task: Hold, plan: Plan, sources: Sources) -> None:
    """Follow everything that sets or reads what holds a client."""
    match task:
        case NameHolds():
            _hold_in(task, _places_of_name(task, sources), plan, sources)
        case AttributeHolds():
            _hold_in(task, _places_of_attribute(task, sources), plan, sources)
        case ResultHolds():
            _hold_result(task, plan, sources)
        case ParameterHolds():
            _hold_parameter(task, plan, sources)


def _hold_in(
    task: NameHolds | AttributeHolds, places: Iterator[AnyPlace], plan: Plan, sources: Sources
) -> None:
    """Follow what is set and read at places."""
    is_made = False
    for place in places:
        if sources.project_module(place.path).is_test:
            plan.notes[f"{sources.where(place)} uses `{task.name}`, which is asynchronous now"] = None
            continue
        node = place.node
        if isinstance(node.ctx, ast.Load):
            use(place.path, node, task.client, plan, sources)
        else:
            is_made = _set(place.path, node, task.client, plan, sources) or is_made
    if not is_made:
        raise NoFix(f"nothing is found that makes the client in `{task.name}` of {task.path}")


def _places_of_name(task: NameHolds, sources: Sources) -> Iterator[AnyPlace]:
    scopes = sources.scopes(task.path)
    names = list(scopes.names(task.name, task.scope))
    if task.scope is not scopes.module.tree:
        for name in names:
            yield Place(task.path, name)
        return
    stores = sum(not isinstance(name.ctx, ast.Load) for name in names)
    if scopes.times_bound(task.name, task.scope) > stores:
        raise NoFix(f"`{task.name}` is something else as well in {task.path}")
    yield from sources.uses_of_global(task.path, task.name)


def _places_of_attribute(task: AttributeHolds, sources: Sources) -> Iterator[AnyPlace]:
    family = sources.family(task.cls)
    yield from _class_attributes(task.name, family, sources)
    for place in sources.attributes(task.name):
        node = place.node
        values = sources.base_values(place.path, node)
        classes = {*classes_of(values)} or {sources.own_class(place.path, node)} - {None}
        if not family.isdisjoint(classes):
            yield place
        elif not classes and not values and not sources.library_name(place.path, node):
            raise NoFix(
                f"`{sources.module(place.path).code(node)}` in {sources.where(place)} may be the same client"
            )


def _class_attributes(name: str, family: set[ProjectClass], sources: Sources) -> Iterator[AnyPlace]:
    """Yield where the bodies of classes set and read a name."""
    for cls in family:
        if not cls.own(name):
            continue
        scopes = sources.scopes(cls.module.path)
        for node in ast.walk(scopes.module.tree):
            if isinstance(node, ast.ClassDef) and span_of(node) == cls.facts.span:
                for found in scopes.names(name, node):
                    yield Place(cls.module.path, found)


def _set(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> bool:
    """Follow what is bound to a holder; tell whether that is more than a declaration or None."""
    parent = sources.module(path).parent(node)
    if isinstance(parent, ast.withitem):
        enter(path, parent, plan, sources)
        trace(path, parent.context_expr, client, plan, sources)
        return True
    if not isinstance(parent, ast.AnnAssign | ast.Assign | ast.NamedExpr):
        raise NoFix(f"what holds the client is bound to something else in {path}:{node.lineno}")
    if isinstance(parent, ast.AnnAssign):
        retype(path, parent.annotation, client, plan, sources)
    if parent.value is None:
        return False
    trace(path, parent.value, client, plan, sources)
    return not (isinstance(parent.value, ast.Constant) and parent.value.value is None)


def _hold_result(task: ResultHolds, plan: Plan, sources: Sources) -> None:
    """Follow what a function returns, and the calls of the function."""
    function, name = task.function, task.function.facts.name
    node = sources.node(function)
    path = function.module.path
    if function.facts.is_async or function.facts.is_generator:
        raise NoFix(f"`{name}` gives the client in a way that cannot be followed")
    decorated = sources.application.resolver.decorator_names(function)
    decorators = sources.application.program.catalog.decorators
    if len(decorated) < len(function.facts.decorators) or any(
        decorator not in decorators or decorators[decorator].effect != "memoises" for decorator in decorated
    ):
        raise NoFix(f"`{name}` gives the client and has decorators")
    retype(path, node.returns, task.client, plan, sources)
    module = sources.module(path)
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Return)
            and inner.value is not None
            and module.enclosing_function(inner) is node
        ):
            trace(path, inner.value, task.client, plan, sources)
    for place in uses(function, sources):
        where = sources.where(place)
        if sources.project_module(place.path).is_test:
            plan.notes[f"{where} uses `{name}`, which gives an asynchronous client now"] = None
            continue
        parent = sources.module(place.path).parent(place.node)
        if isinstance(parent, ast.Call) and parent.func is place.node:
            use(place.path, parent, task.client, plan, sources)
            continue
        injected = injected_parameter(place, sources)
        if injected is None:
            raise NoFix(f"`{name}` is handed on in {where}")
        plan.add(ParameterHolds(place.path, injected[0], injected[1].arg, task.client))


def _hold_parameter(task: ParameterHolds, plan: Plan, sources: Sources) -> None:
    """Follow a parameter that FastAPI fills with a client."""
    path, node = task.path, task.function
    function = sources.function(path, node)
    called = f"the client is a parameter of `{function.facts.qualname}`, which the program calls"
    if not sources.entries(function):
        raise NoFix(called)
    for place in uses(function, sources) if function.owner is None else ():
        parent = sources.module(place.path).parent(place.node)
        if isinstance(parent, ast.Call) and parent.func is place.node:
            raise NoFix(called)
    parameter = next(p for p in ast.walk(node.args) if isinstance(p, ast.arg) and p.arg == task.name)
    retype(path, parameter.annotation, task.client, plan, sources)
    provider = provider_of(path, node, task.name, sources)
    if provider is None:
        raise NoFix(f"the client is a parameter of `{function.facts.qualname}`, and who gives it is unknown")
    plan.add(ResultHolds(provider, task.client))
    for name in sources.scopes(path).names(task.name, node):
        if isinstance(name.ctx, ast.Load):
            use(path, name, task.client, plan, sources)
        else:
            _set(path, name, task.client, plan, sources)
