"""How a client is used: its members, what they give, and the statements that enter it or go through it."""

from __future__ import annotations

import ast

from fastlint.catalog.model import Twin
from fastlint.fixes.module import FunctionNode, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.arguments import rename_arguments
from fastlint.migration.client_classes import derived_client, maker_of
from fastlint.migration.client_origins import trace
from fastlint.migration.iteration import iterate
from fastlint.migration.plan import Await, Become, Follow, Plan, ResultHolds
from fastlint.migration.sources import Sources


def use(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> None:
    """Let the code that reads a client use the asynchronous one."""
    module = sources.module(path)
    parent = module.parent(node)
    where = f"{path}:{node.lineno}"
    catalog = sources.application.program.catalog
    if isinstance(parent, ast.Attribute):
        _use_member(path, node, client, plan, sources)
    elif isinstance(parent, ast.Subscript) and parent.value is node:
        member = catalog.member(client, "__getitem__")
        derived = derived_client(member, client, sources) if catalog.effect(member) is None else None
        if derived is None or not isinstance(parent.ctx, ast.Load):
            raise NoFix(f"the client is used in {where} in a way that cannot be followed")
        use(path, parent, derived, plan, sources)
    elif catalog.effect(catalog.member(client, "__iter__")) is not None and isinstance(
        parent, ast.For | ast.comprehension | ast.Call
    ):
        listing = "to_list" if catalog.return_type(f"{catalog.twins[client].name}.to_list") else ""
        iterate(path, node, listing, plan, sources)
        function = module.enclosing_function(node)
        plan.converted[path, span_of(node)] = sources.function(path, function) if function else None
        if isinstance(parent, ast.Call):
            plan.converted[path, span_of(parent)] = plan.converted[path, span_of(node)]
    elif isinstance(parent, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.If | ast.IfExp | ast.Expr):
        if isinstance(parent, ast.IfExp) and parent.test is not node:
            raise NoFix(f"the client is chosen in {where} in a way that cannot be followed")
        if isinstance(parent, ast.BoolOp) and not isinstance(module.parent(parent), ast.If):
            raise NoFix(f"the client is chosen in {where} in a way that cannot be followed")
    elif isinstance(parent, ast.withitem):
        enter(path, parent, plan, sources)
        if parent.optional_vars is not None:
            if not isinstance(parent.optional_vars, ast.Name):
                raise NoFix(f"the client in {where} is held in a way that cannot be followed")
            trace(path, parent.optional_vars, client, plan, sources)
    elif isinstance(parent, ast.Assign | ast.AnnAssign):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        for target in targets:
            trace(path, target, client, plan, sources)
    elif isinstance(parent, ast.Return):
        function = module.enclosing_function(parent)
        if function is None:
            raise NoFix(f"the client is returned in {where} by something that is no function")
        plan.add(ResultHolds(sources.function(path, function), client))
    else:
        raise NoFix(f"the client is handed on in {where}, to code that may need the synchronous one")


def enter(path: str, item: ast.withitem, plan: Plan, sources: Sources) -> None:
    """Write `async with` for the `with` of a client."""
    module = sources.module(path)
    statement = module.parent(item)
    where = f"{path}:{item.context_expr.lineno}"
    if isinstance(statement, ast.AsyncWith):
        raise NoFix(f"the client in {where} is entered asynchronously")
    if not isinstance(statement, ast.With) or len(statement.items) > 1:
        raise NoFix(f"the `with` in {where} has other context managers")
    function = module.enclosing_function(statement)
    if function is None:
        raise NoFix(f"the `with` in {where} is in no function")
    start = module.offset(statement.lineno, statement.col_offset)
    plan.replace(module, start, start, "async ")
    if isinstance(function, ast.FunctionDef):
        plan.add(Become(sources.function(path, function)))


def _use_member(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> None:
    """Let the use of a member of a client, such as `client.chat.completions.create(...)`, follow the change."""
    found = _member_of(path, node, client, sources)
    if found is None:
        return
    attribute, cls, member = found
    name = attribute.attr
    catalog = sources.application.program.catalog
    call = sources.module(path).parent(attribute)
    if not isinstance(call, ast.Call) or call.func is not attribute:
        _read_member(path, attribute, cls, member, plan, sources)
        return
    if catalog.return_type(member) == ("self",):
        use(path, call, client, plan, sources)
        return
    twin = catalog.twins[client]
    derived = derived_client(member, cls, sources)
    blocks = catalog.effect(member) is not None
    if name in twin.iterated:
        rename_arguments(path, call, twin, plan, sources)
        iterate(path, call, "", plan, sources)
        _note_converted(path, node, call, plan, sources)
    elif derived is not None and not blocks and name not in twin.unlike:
        rename_arguments(path, call, twin, plan, sources)
        use(path, call, derived, plan, sources)
    elif (blocks or twin.renamed(twin.awaited, name) is not None) and name not in twin.unlike:
        _await_member(path, call, attribute, twin, plan, sources)
        _note_converted(path, node, call, plan, sources)
        if derived is not None:
            use(path, call, derived, plan, sources)
    else:
        raise NoFix(f"`{name}` in {path}:{node.lineno} has no counterpart that works the same")


def _member_of(
    path: str, node: ast.expr, client: str, sources: Sources
) -> tuple[ast.Attribute, str, str] | None:
    """Return the last attribute of a chain such as `client.chat.completions.create`, its class and its dotted name.

    None if the twin has an attribute that is the same.
    """
    catalog = sources.application.program.catalog
    module = sources.module(path)
    twin = catalog.twins[client]
    cls = client
    while True:
        parent = module.parent(node)
        if not isinstance(parent, ast.Attribute):
            raise NoFix(f"a part of the client is handed on in {path}:{node.lineno}")
        if cls == client and twin.renamed(twin.plain, parent.attr) is not None:
            return None
        member = catalog.member(cls, parent.attr)
        kind = catalog.attribute_type(member)
        if kind is None or kind[0] != "class":
            return parent, cls, member
        node, cls = parent, kind[1]


def _read_member(
    path: str, attribute: ast.Attribute, cls: str, member: str, plan: Plan, sources: Sources
) -> None:
    """Follow an attribute whatever its name, as the collections of a database are."""
    catalog = sources.application.program.catalog
    where = f"{path}:{attribute.lineno}"
    derived = derived_client(catalog.member(cls, "__getattr__"), cls, sources)
    if derived is None or member in catalog.returns or catalog.effect(member) is not None:
        raise NoFix(f"`{attribute.attr}` of the client is used in {where} in a way that cannot be followed")
    if not isinstance(attribute.ctx, ast.Load):
        raise NoFix(f"`{attribute.attr}` of the client is set in {where}")
    use(path, attribute, derived, plan, sources)


def _await_member(
    path: str, call: ast.Call, attribute: ast.Attribute, twin: Twin, plan: Plan, sources: Sources
) -> None:
    """Await the call of a method, under the name that it has now."""
    module, name = sources.module(path), attribute.attr
    where = f"{path}:{call.lineno}"
    rename_arguments(path, call, twin, plan, sources)
    plan.require_place(module, attribute)
    renamed = twin.renamed(twin.awaited, name) or name
    if renamed != name:
        end = module.offset(attribute.end_lineno or 0, attribute.end_col_offset or 0)
        plan.replace(module, end - len(name), end, renamed)
    if isinstance(module.parent(call), ast.withitem):
        raise NoFix(f"`{name}` in {where} is entered by a `with`, which would have to be `async with`")
    _require_no_iteration(path, call, sources)
    if twin.result:
        if len(call.args) > (2 if name == "request" else 1):
            raise NoFix(f"the arguments of the call in {where} are given by position")
        plan.libraries.add(twin.result.partition(".")[0])
        plan.add(Follow(path, call, twin.result))
    plan.add(Await(path, call))


def _require_no_iteration(path: str, call: ast.Call, sources: Sources) -> None:
    """Raise `NoFix` where what an SDK streams is iterated, which would have to be `async for`."""
    module = sources.module(path)
    if not any(keyword.arg is None for keyword in call.keywords):
        return
    parent = module.parent(call)
    function = module.enclosing_function(call)
    if function is not None and "stream" in module.code(function):
        raise NoFix(f"the result of the call in {path}:{call.lineno} may be a stream")
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        scopes = sources.scopes(path)
        scope = scopes.binder(parent.targets[0].id, parent.targets[0])
        for name in scopes.names(parent.targets[0].id, scope):
            above = module.parent(name)
            if isinstance(above, ast.For | ast.comprehension) and above.iter is name:
                raise NoFix(f"the result is iterated in {path}:{name.lineno}, and may be a stream")
    elif isinstance(parent, ast.For | ast.comprehension | ast.Return):
        raise NoFix(f"the result of the call in {path}:{call.lineno} may be a stream")


def _note_converted(path: str, node: ast.expr, call: ast.Call, plan: Plan, sources: Sources) -> None:
    function = sources.module(path).enclosing_function(call)
    found = sources.function(path, function) if function is not None else None
    plan.converted[path, span_of(call)] = found
    if found is not None and not _is_local(path, node, sources):
        plan.loops.add(found)


def _is_local(path: str, node: ast.expr, sources: Sources) -> bool:
    """Tell whether a client is made in the function that uses it."""
    if not isinstance(node, ast.Name):
        return False
    scopes = sources.scopes(path)
    scope = scopes.binder(node.id, node)
    if not isinstance(scope, FunctionNode):
        return False
    sets = [name for name in scopes.names(node.id, scope) if isinstance(name.ctx, ast.Store)]
    return bool(sets) and all(_is_set_to_new(path, name, sources) for name in sets)


def _is_set_to_new(path: str, name: ast.Name, sources: Sources) -> bool:
    parent = sources.module(path).parent(name)
    value = parent.context_expr if isinstance(parent, ast.withitem) else getattr(parent, "value", None)
    return isinstance(value, ast.Call) and maker_of(path, value, sources) is not None
