"""Client objects that are made of another class: where they are made, what holds them, how they are used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from fastlint.catalog.model import Twin
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.arguments import rename_arguments
from fastlint.migration.coroutines import uses
from fastlint.migration.iteration import iterate
from fastlint.migration.plan import Await, Become, Follow, Hold, Plan
from fastlint.migration.sources import Place, Sources, classes_of
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import FunctionValue, Instance, ModuleValue


class Holder(NamedTuple):
    """The expression of a client and the class that it is of."""

    node: ast.expr
    client: str


def holder_of(path: str, call: ast.Call, sources: Sources) -> Holder | None:
    """Return the expression of the client that a call is a method of, or None."""
    catalog = sources.application.program.catalog
    inference = sources.application.inference
    found = sources.expression(path, call)
    if found is None:
        return None
    frame, expr = found
    node: ast.expr = call.func
    expr = expr[1]
    holder = None
    while expr[0] in ("attr", "call") and isinstance(node, ast.Attribute | ast.Call):
        expr = expr[1]
        node = node.value if isinstance(node, ast.Attribute) else node.func
        for value in inference.values(expr, frame):
            if isinstance(value, Instance) and isinstance(value.cls, str):
                twin = catalog.twins.get(value.cls)
                if twin is not None and twin.how == "client":
                    holder = Holder(node, value.cls)
    return holder


def trace(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> None:
    """Follow an expression that gives a client to where the client is made and held."""
    module = sources.module(path)
    where = f"{path}:{node.lineno}"
    if isinstance(node, ast.Constant) and node.value is None:
        return
    if isinstance(node, ast.Call) and maker_of(path, node, sources) is not None:
        make(path, node, plan, sources)
        return
    origin_of = _made_from(path, node, sources)
    if origin_of is not None:
        trace(path, *origin_of, plan, sources)
        return
    if isinstance(node, ast.Call):
        found = _called_function(path, node, sources)
        if found is None:
            raise NoFix(f"the client in {where} comes from a call that cannot be followed")
        plan.add(Hold("result", found.module.path, found.facts.name, found, client))
        return
    if isinstance(node, ast.Name):
        scopes = sources.scopes(path)
        scope = scopes.binder(node.id, node)
        if scope is module.tree:
            origin = _origin(path, node.id, sources)
            if origin is not None:
                plan.add(Hold("name", origin[0], origin[1], sources.module(origin[0]).tree, client))
                return
            plan.add(Hold("name", path, node.id, scope, client))
            return
        if isinstance(scope, FunctionNode):
            if any(isinstance(part, ast.arg) and part.arg == node.id for part in ast.walk(scope.args)):
                plan.add(Hold("parameter", path, node.id, scope, client))
            else:
                plan.add(Hold("name", path, node.id, scope, client))
            return
    if isinstance(node, ast.Attribute):
        base = node.value
        function = module.enclosing_function(node)
        if (
            isinstance(base, ast.Name)
            and function is not None
            and isinstance(module.parent(function), ast.ClassDef)
        ):
            first = (*function.args.posonlyargs, *function.args.args)[:1]
            if first and first[0].arg == base.id:
                owner = sources.function(path, function).owner
                plan.add(Hold("attribute", path, node.attr, owner, client))
                return
        for value in sources.base_values(path, node):
            if isinstance(value, ModuleValue):
                place = _origin(value.module.path, node.attr, sources) or (value.module.path, node.attr)
                plan.add(Hold("name", *place, sources.module(place[0]).tree, client))
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
    for value in sources.application.inference.values(inner, frame):
        if isinstance(value, Instance) and isinstance(value.cls, str):
            twin = sources.application.program.catalog.twins.get(value.cls)
            if twin is not None and twin.how == "client":
                return base, value.cls
    return None


def _derived(member: str, cls: str, sources: Sources) -> str | None:
    """Return the class of what a member of a client gives, if that changes with the client."""
    catalog = sources.application.program.catalog
    kind = catalog.return_type(member)
    name = cls if kind == ("self",) else kind[1] if kind is not None and kind[0] == "class" else ""
    twin = catalog.twins.get(name)
    return name if twin is not None and twin.how == "client" else None


def _origin(path: str, name: str, sources: Sources) -> tuple[str, str] | None:
    """Return the file and name that an imported name of a module has where it is made."""
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
            return None
        current = (target.path, imports[0][3])
    return current if current != (path, name) else None


def _called_function(path: str, call: ast.Call, sources: Sources) -> Function | None:
    found = sources.expression(path, call)
    if found is None:
        return None
    values = sources.application.inference.values(found[1][1], found[0])
    functions = {value.function for value in values if isinstance(value, FunctionValue)}
    return next(iter(functions)) if len(functions) == 1 and len(values) == 1 else None


# Where it is made


def maker_of(path: str, call: ast.Call, sources: Sources) -> tuple[str, Twin] | None:
    """Return the library's name of a call that makes a client, and its twin."""
    name = sources.library_name(path, call.func)
    twin = sources.application.program.catalog.twins.get(name)
    return (name, twin) if twin is not None and twin.how == "client" else None


def make(path: str, call: ast.Call, plan: Plan, sources: Sources) -> None:
    """Make a client of the asynchronous class, once."""
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


def _rename_class(module: Module, node: ast.expr, name: str, twin: Twin, plan: Plan) -> None:
    """Write the twin where the name of a class or function of the library stands."""
    if twin.gives and name.startswith(f"{twin.gives}.") and isinstance(node, ast.Attribute):
        node = node.value
    package, _, attribute = twin.name.rpartition(".")
    whole = isinstance(node, ast.Attribute) and "." not in package
    if _imports_namesake(module, name if twin.how == "client" else "", attribute):
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


# What holds it


def hold(task: Hold, plan: Plan, sources: Sources) -> None:
    """Follow everything that sets or reads what holds a client."""
    if task.kind == "result":
        _hold_result(task, plan, sources)
        return
    if task.kind == "parameter":
        _hold_parameter(task, plan, sources)
        return
    is_made = False
    for place in _places(task, sources):
        if sources.project_module(place.path).is_test:
            plan.notes[f"{sources.where(place)} uses `{task.name}`, which is asynchronous now"] = None
            continue
        node: ast.Name | ast.Attribute = place.node  # type: ignore[assignment]
        if isinstance(node.ctx, ast.Load):
            use(place.path, node, task.client, plan, sources)
        else:
            is_made = _set(place.path, node, task.client, plan, sources) or is_made
    if not is_made:
        raise NoFix(f"nothing is found that makes the client in `{task.name}` of {task.path}")


def _places(task: Hold, sources: Sources) -> Iterator[Place]:
    scopes = sources.scopes(task.path)
    if task.kind == "name" and task.owner is scopes.module.tree:
        names = list(scopes.names(task.name, scopes.module.tree))
        stores = sum(not isinstance(name.ctx, ast.Load) for name in names)
        if scopes.times_bound(task.name, scopes.module.tree) > stores:
            raise NoFix(f"`{task.name}` is something else as well in {task.path}")
        yield from sources.uses_of_global(task.path, task.name)
    elif task.kind == "name":
        names = list(scopes.names(task.name, task.owner))  # type: ignore[arg-type]
        for name in names:
            yield Place(task.path, name)
    else:
        family = sources.family(task.owner)  # type: ignore[arg-type]
        yield from _class_attributes(task.name, family, sources)
        for place in sources.attributes(task.name):
            values = sources.base_values(place.path, place.node)  # type: ignore[arg-type]
            classes = [*classes_of(values)] or [cls for cls in _class_around(place, sources) if cls]
            if any(cls in family for cls in classes):
                yield place
            elif not classes and not values and not sources.library_name(place.path, place.node):
                raise NoFix(
                    f"`{sources.module(place.path).code(place.node)}` in {sources.where(place)} may be the same client"
                )


def _class_attributes(name: str, family: set[ProjectClass], sources: Sources) -> Iterator[Place]:
    """Yield where the bodies of classes set and read a name."""
    for cls in family:
        if not cls.own(name):
            continue
        scopes = sources.scopes(cls.module.path)
        for node in ast.walk(scopes.module.tree):
            if isinstance(node, ast.ClassDef) and span_of(node) == cls.facts.span:
                for found in scopes.names(name, node):
                    yield Place(cls.module.path, found)


def _class_around(place: Place, sources: Sources) -> Iterator[ProjectClass | None]:
    """Yield the class of the method whose `self` an attribute is read from or set on."""
    module = sources.module(place.path)
    node: ast.Attribute = place.node  # type: ignore[assignment]
    function = module.enclosing_function(node)
    if (
        isinstance(node.value, ast.Name)
        and function is not None
        and isinstance(module.parent(function), ast.ClassDef)
    ):
        first = (*function.args.posonlyargs, *function.args.args)[:1]
        if first and first[0].arg == node.value.id:
            yield sources.function(place.path, function).owner


def _set(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> bool:
    """Follow what is bound to a holder; tell whether that is more than a declaration or None."""
    module = sources.module(path)
    parent = module.parent(node)
    if isinstance(parent, ast.AnnAssign):
        retype(path, parent.annotation, client, plan, sources)
        if parent.value is not None:
            trace(path, parent.value, client, plan, sources)
        return parent.value is not None and not _is_none(parent.value)
    if isinstance(parent, ast.Assign | ast.NamedExpr):
        trace(path, parent.value, client, plan, sources)
        return not _is_none(parent.value)
    if isinstance(parent, ast.withitem):
        _enter(path, parent, client, plan, sources)
        return True
    raise NoFix(f"what holds the client is bound to something else in {path}:{node.lineno}")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _enter(path: str, item: ast.withitem, client: str, plan: Plan, sources: Sources) -> None:
    """Write `async with` for the `with` of a client."""
    module = sources.module(path)
    statement = module.parent(item)
    if isinstance(statement, ast.AsyncWith):
        raise NoFix(f"the client in {path}:{statement.lineno} is entered asynchronously")
    if not isinstance(statement, ast.With) or len(statement.items) > 1:
        raise NoFix(f"the `with` in {path}:{item.context_expr.lineno} has other context managers")
    function = module.enclosing_function(statement)
    if function is None:
        raise NoFix(f"the `with` in {path}:{statement.lineno} is in no function")
    start = module.offset(statement.lineno, statement.col_offset)
    plan.replace(module, start, start, "async ")
    if isinstance(function, ast.FunctionDef):
        plan.add(Become(sources.function(path, function)))
    trace(path, item.context_expr, client, plan, sources)


def _hold_result(task: Hold, plan: Plan, sources: Sources) -> None:
    """Follow what a function returns, and the calls of the function."""
    function: Function = task.owner  # type: ignore[assignment]
    node = sources.node(function)
    path = function.module.path
    if function.facts.is_async or function.facts.is_generator:
        raise NoFix(f"`{task.name}` gives the client in a way that cannot be followed")
    names = sources.application.resolver.decorator_names(function)
    decorators = sources.application.program.catalog.decorators
    if len(names) < len(function.facts.decorators) or any(
        name not in decorators or decorators[name].effect != "memoises" for name in names
    ):
        raise NoFix(f"`{task.name}` gives the client and has decorators")
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
        if sources.project_module(place.path).is_test:
            plan.notes[
                f"{sources.where(place)} uses `{task.name}`, which gives an asynchronous client now"
            ] = None
            continue
        where = sources.module(place.path)
        parent = where.parent(place.node)
        if isinstance(parent, ast.Call) and parent.func is place.node:
            use(place.path, parent, task.client, plan, sources)
            continue
        injected = _injected_parameter(place, sources)
        if injected is None:
            raise NoFix(f"`{task.name}` is handed on in {sources.where(place)}")
        plan.add(Hold("parameter", place.path, injected[1].arg, injected[0], task.client))


def _injected_parameter(place: Place, sources: Sources) -> tuple[FunctionNode, ast.arg] | None:
    """Return the function and parameter that a provider in `Depends(...)` is for."""
    module = sources.module(place.path)
    call = module.parent(place.node)
    if not isinstance(call, ast.Call) or sources.library_name(place.path, call.func) not in (
        "fastapi.Depends", "fastapi.params.Depends",
    ):  # fmt: skip
        return None
    for _, whole in module.around(call):
        if isinstance(whole, ast.arg):
            for _, function in module.around(whole):
                if isinstance(function, FunctionNode):
                    return function, whole
        if isinstance(whole, ast.arguments):
            function = module.parent(whole)
            positional = [*whole.posonlyargs, *whole.args]
            pairs = [
                *zip(reversed(positional), reversed(whole.defaults), strict=False),
                *zip(whole.kwonlyargs, whole.kw_defaults, strict=True),
            ]
            for parameter, default in pairs:
                if default is call and isinstance(function, FunctionNode):
                    return function, parameter
            return None
    return None


def _hold_parameter(task: Hold, plan: Plan, sources: Sources) -> None:
    """Follow a parameter that FastAPI fills with a client."""
    node: FunctionNode = task.owner  # type: ignore[assignment]
    path = task.path
    function = sources.function(path, node)
    if not sources.entries(function):
        raise NoFix(f"the client is a parameter of `{function.facts.qualname}`, which the program calls")
    for place in uses(function, sources) if function.owner is None else ():
        parent = sources.module(place.path).parent(place.node)
        if isinstance(parent, ast.Call) and parent.func is place.node:
            raise NoFix(f"the client is a parameter of `{function.facts.qualname}`, which the program calls")
    parameter = next(p for p in ast.walk(node.args) if isinstance(p, ast.arg) and p.arg == task.name)
    retype(path, parameter.annotation, task.client, plan, sources)
    provider = _provider(path, node, parameter, sources)
    if provider is None:
        raise NoFix(f"the client is a parameter of `{function.facts.qualname}`, and who gives it is unknown")
    plan.add(Hold("result", provider.module.path, provider.facts.name, provider, task.client))
    for name in sources.scopes(path).names(task.name, node):
        if isinstance(name.ctx, ast.Load):
            use(path, name, task.client, plan, sources)
        else:
            _set(path, name, task.client, plan, sources)


def _provider(path: str, node: FunctionNode, parameter: ast.arg, sources: Sources) -> Function | None:
    """Return the function in the `Depends(...)` of a parameter."""
    function = sources.function(path, node)
    for injection in sources.application.dependencies.all():
        user = injection.user.function if isinstance(injection.user, Frame) else None
        if user is function and injection.need.parameter == parameter.arg:
            return injection.frame.function if injection.frame is not None else None
    return None


# How it is used


def use(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> None:
    """Let the code that reads a client use the asynchronous one."""
    module = sources.module(path)
    parent = module.parent(node)
    where = f"{path}:{node.lineno}"
    catalog = sources.application.program.catalog
    if isinstance(parent, ast.Attribute):
        _member(path, node, client, plan, sources)
    elif isinstance(parent, ast.Subscript) and parent.value is node:
        member = catalog.member(client, "__getitem__")
        derived = _derived(member, client, sources) if catalog.effect(member) is None else None
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
        _enter_held(path, parent, node, plan, sources)
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
        found = sources.function(path, function)
        plan.add(Hold("result", path, found.facts.name, found, client))
    else:
        raise NoFix(f"the client is handed on in {where}, to code that may need the synchronous one")


def _enter_held(path: str, item: ast.withitem, node: ast.expr, plan: Plan, sources: Sources) -> None:
    module = sources.module(path)
    statement = module.parent(item)
    if not isinstance(statement, ast.With) or len(statement.items) > 1:
        raise NoFix(f"the `with` in {path}:{node.lineno} has other context managers")
    function = module.enclosing_function(statement)
    if function is None:
        raise NoFix(f"the `with` in {path}:{node.lineno} is in no function")
    start = module.offset(statement.lineno, statement.col_offset)
    plan.replace(module, start, start, "async ")
    if isinstance(function, ast.FunctionDef):
        plan.add(Become(sources.function(path, function)))


def _member(path: str, node: ast.expr, client: str, plan: Plan, sources: Sources) -> None:
    """Let the use of a member of a client, such as `client.chat.completions.create(...)`, follow the change."""
    catalog = sources.application.program.catalog
    module = sources.module(path)
    twin = catalog.twins[client]
    cls, current = client, node
    where = f"{path}:{node.lineno}"
    while True:
        parent = module.parent(current)
        if not isinstance(parent, ast.Attribute):
            raise NoFix(f"a part of the client is handed on in {where}")
        name, current = parent.attr, parent
        if cls == client and twin.renamed(twin.plain, name) is not None:
            return
        member = catalog.member(cls, name)
        kind = catalog.attribute_type(member)
        if kind is not None and kind[0] == "class":
            cls = kind[1]
            continue
        break
    call = module.parent(current)
    is_called = isinstance(call, ast.Call) and call.func is current
    dynamic = None if is_called else _derived(catalog.member(cls, "__getattr__"), cls, sources)
    if dynamic is not None and member not in catalog.returns and catalog.effect(member) is None:
        if not isinstance(current, ast.Attribute) or not isinstance(current.ctx, ast.Load):
            raise NoFix(f"`{name}` of the client is set in {where}")
        use(path, current, dynamic, plan, sources)
        return
    if not isinstance(call, ast.Call) or call.func is not current:
        raise NoFix(f"`{name}` of the client is used in {where} in a way that cannot be followed")
    if catalog.return_type(member) == ("self",):
        use(path, call, client, plan, sources)
        return
    derived = _derived(member, cls, sources)
    if name in twin.iterated:
        rename_arguments(path, call, twin, plan, sources)
        iterate(path, call, "", plan, sources)
        _note_converted(path, node, call, plan, sources)
        return
    if derived is not None and catalog.effect(member) is None and name not in twin.unlike:
        rename_arguments(path, call, twin, plan, sources)
        use(path, call, derived, plan, sources)
        return
    renamed = twin.renamed(twin.awaited, name)
    effect = catalog.effect(member)
    if (effect is None and renamed is None) or name in twin.unlike:
        raise NoFix(f"`{name}` in {where} has no counterpart that works the same")
    rename_arguments(path, call, twin, plan, sources)
    plan.require_place(module, current)
    if renamed is not None and renamed != name:
        end = module.offset(current.end_lineno or 0, current.end_col_offset or 0)
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
    _note_converted(path, node, call, plan, sources)
    if derived is not None:
        use(path, call, derived, plan, sources)


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
