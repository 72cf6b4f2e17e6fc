"""The class of a client, written anew where it stands: in calls that make one, and in annotations."""

from __future__ import annotations

import ast

from fastlint.catalog.model import Twin
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.arguments import rename_arguments
from fastlint.migration.plan import Plan
from fastlint.migration.sources import Sources
from fastlint.project.values import Instance, Values


def twin_of(name: str, sources: Sources) -> Twin | None:
    """Return the twin of a class of clients, or of a function that makes them; None for anything else."""
    twin = sources.application.program.catalog.twins.get(name)
    return twin if twin is not None and twin.how == "client" else None


def client_among(values: Values, sources: Sources) -> str | None:
    """Return the dotted name of the class of a client that an expression can be, or None."""
    for value in values:
        if isinstance(value, Instance) and isinstance(value.cls, str) and twin_of(value.cls, sources):
            return value.cls
    return None


def derived_client(member: str, cls: str, sources: Sources) -> str | None:
    """Return the class of what a member of a client gives, if that changes with the client."""
    kind = sources.application.program.catalog.return_type(member)
    name = cls if kind == ("self",) else kind[1] if kind is not None and kind[0] == "class" else ""
    return name if twin_of(name, sources) else None


def maker_of(path: str, call: ast.Call, sources: Sources) -> tuple[str, Twin] | None:
    """Return the library's name of a call that makes a client, and its twin."""
    name = sources.library_name(path, call.func)
    twin = twin_of(name, sources)
    return (name, twin) if twin is not None else None


def make(path: str, call: ast.Call, plan: Plan, sources: Sources) -> None:
    """Make a client of the asynchronous class, once. Raises `NoFix` if the call makes none that is known."""
    key = ("made", path, span_of(call))
    if key in plan.done:
        return
    plan.done.add(key)
    found = maker_of(path, call, sources)
    if found is None:
        raise NoFix(f"the client in {path}:{call.lineno} is made in a way that is not known")
    name, twin = found
    plan.need(twin, sources.application.versions)
    module = sources.module(path)
    if any(keyword.arg is None for keyword in call.keywords) and twin.unlike_arguments:
        raise NoFix(f"some arguments of the client in {path}:{call.lineno} come from a dictionary")
    rename_arguments(path, call, twin, plan, sources)
    if twin.made_with:
        if call.args or call.keywords:
            raise NoFix(f"the client in {path}:{call.lineno} is made with arguments")
        end = module.bounds(span_of(call))[1]
        plan.replace(module, end - 1, end - 1, twin.made_with)
    _rename_class(module, call.func, name, twin, plan)


def retype(path: str, annotation: ast.expr | None, client: str, plan: Plan, sources: Sources) -> None:
    """Write the new class where an annotation has the old one."""
    if annotation is None:
        return
    twin = sources.application.program.catalog.twins[client]
    module = sources.module(path)
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name | ast.Attribute) and sources.library_name(path, node) == client:
            _rename_class(module, node, client, twin, plan)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            last = client.rpartition(".")[2]
            if last in node.value:
                raise NoFix(f"the type of the client is written as a string in {path}:{annotation.lineno}")


def _rename_class(module: Module, node: ast.expr, name: str, twin: Twin, plan: Plan) -> None:
    """Write the twin where the name of a class or function of the library stands."""
    if twin.gives and name.startswith(f"{twin.gives}.") and isinstance(node, ast.Attribute):
        node = node.value
    package, _, attribute = twin.name.rpartition(".")
    whole = isinstance(node, ast.Attribute) and "." not in package
    if _imports_namesake(module, name, attribute):
        _swap_import(module, node, attribute, package, plan)
        return
    plan.replace_node(module, node, plan.name(module, package, attribute, whole=whole))


def _imports_namesake(module: Module, name: str, attribute: str) -> bool:
    """Tell whether a file imports the old class under the name that the new one has as well."""
    return any(
        isinstance(statement, ast.ImportFrom)
        and (statement.module or "").partition(".")[0] == name.partition(".")[0]
        and any(alias.name == attribute and alias.asname in (None, attribute) for alias in statement.names)
        for statement in module.tree.body
    )


def _swap_import(module: Module, node: ast.expr, attribute: str, package: str, plan: Plan) -> None:
    """Note that a name has to be imported from another package: `from redis.asyncio import Redis`."""
    key = (module.path, attribute, package)
    plan.swapped[key] = plan.swapped.get(key, frozenset()) | {span_of(node)}
    if isinstance(node, ast.Attribute):
        plan.replace_node(module, node, attribute)
