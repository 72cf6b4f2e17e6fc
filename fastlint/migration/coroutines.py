"""Functions that become coroutine functions, and the calls of them that have to be awaited."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from fastlint.application.model import THREAD
from fastlint.application.pausing import LOCK_WORDS
from fastlint.application.references import REGISTERING
from fastlint.catalog.model import Effect
from fastlint.fixes.module import FunctionNode, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.plan import Await, Become, Block, Follow, Plan
from fastlint.migration.sources import AnyPlace, Place, Sources
from fastlint.project import members
from fastlint.project.program import Frame, Function
from fastlint.project.values import FunctionValue

EITHER_KIND = frozenset(
    {"route", "websocket", "dependency", "background task", "exception handler", "startup handler"}
)
"""Entry points that may be coroutine functions as well as plain ones."""
IN_THREAD = frozenset({
    "asyncio.to_thread", "fastapi.concurrency.run_in_threadpool", "starlette.concurrency.run_in_threadpool",
})  # fmt: skip
PASSIVE_DECORATORS = frozenset({
    "abc.abstractmethod", "builtins.classmethod", "builtins.staticmethod", "typing.final", "typing.override",
    "typing_extensions.override",
})  # fmt: skip


def await_call(task: Await, plan: Plan, sources: Sources) -> None:
    """Await a call where it stands, in a function that is or becomes a coroutine function."""
    module, node = sources.module(task.path), task.node
    if module.expression(span_of(node)) is not node:
        raise NoFix("the call cannot be found in the file again")
    parent = module.parent(node)
    if isinstance(parent, ast.Await):
        return
    function = module.require_await(node, will_be_async=True)
    _require_no_lock(task, sources, function)
    if module.awaiting(node, "").startswith("("):
        plan.insert_around(module, node, "(await ", ")")
    else:
        plan.insert_around(module, node, "await ")
    if isinstance(function, ast.FunctionDef):
        plan.add(Become(sources.function(task.path, function)))


def _require_no_lock(task: Await, sources: Sources, function: FunctionNode) -> None:
    """Raise `NoFix` inside the `with` of a lock: awaiting there lets another request stop the loop for good."""
    module = sources.module(task.path)
    for _, whole in module.around(task.node):
        if whole is function:
            return
        if isinstance(whole, ast.With):
            text = " ".join(module.code(item.context_expr) for item in whole.items).lower()
            if any(word in text for word in LOCK_WORDS):
                raise NoFix("a lock is held there, and awaiting would hold it while other requests run")


def become_async(task: Become, plan: Plan, sources: Sources) -> None:
    """Make a function a coroutine function, with all that calls it."""
    function = task.function
    if function.facts.is_async or function in plan.becoming:
        return
    plan.becoming.add(function)
    node = sources.node(function)
    module = sources.module(function.module.path)
    _require_fit(function, node, sources)
    start, _ = module.async_keyword(node)
    plan.replace(module, start, start, "async ")
    for relative in _relatives(function, sources):
        plan.add(Become(relative))
    for place in uses(function, sources):
        _use(function, place, plan, sources)
    for entry in sources.entries(function):
        if entry.runs_on == THREAD:
            _leave_thread(entry.frame, plan, sources)


def _require_fit(function: Function, node: FunctionNode, sources: Sources) -> None:
    """Raise `NoFix` if a function cannot become a coroutine function."""
    facts, name = function.facts, function.facts.name
    kinds = {entry.kind for entry in sources.entries(function)}
    if name.startswith("__") and name.endswith("__"):
        raise NoFix(f"`{facts.qualname}` is called by Python itself and cannot be a coroutine function")
    if not kinds <= EITHER_KIND:
        [kind, *_] = sorted(kinds - EITHER_KIND)
        raise NoFix(f"`{facts.qualname}` is a {kind}, which cannot be a coroutine function")
    if facts.is_generator and kinds != {"dependency"}:
        raise NoFix(f"`{facts.qualname}` is a generator, and what consumes it would have to use `async for`")
    for decorator, code in zip(facts.decorators, node.decorator_list, strict=True):
        if not _is_passive(function, decorator, sources):
            text = sources.module(function.module.path).code(code)
            raise NoFix(f"`{facts.qualname}` has the decorator `{text}`, which may need a plain function")
    if function.owner is None and function.parent is None:
        scopes = sources.scopes(function.module.path)
        if scopes.times_bound(name, scopes.module.tree) > 1:
            raise NoFix(f"`{name}` is defined more than once in {function.module.path}")
    if function.owner is not None:
        inference = sources.application.inference
        for base in inference.mro(function.owner):
            if isinstance(base, str) and not _is_passive_base(base):
                raise NoFix(f"`{facts.qualname}` belongs to a class of `{base}`, which may call it")


def _is_passive(function: Function, decorator: tuple[object, ...], sources: Sources) -> bool:
    inference = sources.application.inference
    frame = inference.defining_frame(function)
    target = decorator[1] if decorator[0] == "call" else decorator
    names = [getattr(value, "name", "") for value in inference.values(target, frame)]  # type: ignore[arg-type]
    classes = [getattr(value, "cls", "") for value in inference.values(target, frame)]  # type: ignore[arg-type]
    if [*names, *classes] and all(
        (name or cls) in PASSIVE_DECORATORS for name, cls in zip(names, classes, strict=True)
    ):
        return True
    if names and all(
        name.startswith(("fastapi.", "starlette.")) and name.endswith(".on_event") for name in names
    ):
        return True
    effect = [sources.application.program.catalog.decorators.get(name) for name in names]
    if any(found is not None for found in effect):
        return False
    return sources.application.computing.leaves_alone(decorator, frame) and all(
        name.startswith(("fastapi.", "starlette.")) for name in names
    )


def _is_passive_base(name: str) -> bool:
    return name.partition(".")[0] in (
        "builtins", "abc", "typing", "typing_extensions", "enum", "pydantic", "pydantic_settings", "sqlalchemy",
        "sqlmodel",
    )  # fmt: skip


def _relatives(function: Function, sources: Sources) -> Iterator[Function]:
    """Yield the methods that a method overrides or that override it."""
    if function.owner is None:
        return
    for cls in sources.family(function.owner):
        for method in cls.methods():
            if method.facts.name == function.facts.name and method is not function:
                yield method


# Who uses a function


def uses(function: Function, sources: Sources) -> Iterator[AnyPlace]:
    """Yield the places that name a function. Raises `NoFix` where one may name it and nobody knows."""
    path, name = function.module.path, function.facts.name
    if function.owner is not None:
        yield from _uses_of_method(function, sources)
    elif function.parent is not None:
        parent = sources.node(function.parent)
        for node in sources.scopes(path).names(name, parent):
            yield Place(path, node)
    else:
        found = list(sources.uses_of_global(path, name))
        yield from found
        known = {(place.path, span_of(place.node)) for place in found}
        for reference in sources.application.references.of(function):
            span = reference.expr[1][-1] if reference.expr[0] == "call" else reference.expr[-1]
            named = reference.expr[1] if reference.expr[0] == "call" else reference.expr
            if named[0] == "attr" and (reference.frame.function.module.path, span) not in known:
                raise NoFix(
                    f"`{name}` is reached through an object in {reference.frame.function.module.path}"
                )


def _uses_of_method(function: Function, sources: Sources) -> Iterator[AnyPlace]:
    name = function.facts.name
    family = sources.family(function.owner)  # type: ignore[arg-type]
    inference = sources.application.inference
    for place in sources.attributes(name):
        node = place.node
        called = [v for v in sources.values(place.path, node) if isinstance(v, FunctionValue)]
        if any(
            target.function.owner in family
            for value in called
            for target in (value, *members.implementations(inference, value))
        ):
            if any(value.function.owner not in family for value in called):
                raise NoFix(f"`{name}` in {sources.where(place)} may be a method of several classes")
            yield place
        elif not called and not sources.base_values(place.path, node):
            if sources.project_module(place.path).is_test or _is_other(place, sources):
                continue
            raise NoFix(
                f"`{sources.module(place.path).code(node)}` in {sources.where(place)} may be a use of it"
            )
    for use in _bare_uses(function, sources):
        raise NoFix(f"`{name}` is used by name in {sources.where(use)}")


def _is_other(place: AnyPlace, sources: Sources) -> bool:
    """Tell whether an attribute of an unknown object is that of a library's, by the import it begins with."""
    return bool(sources.library_name(place.path, place.node))


def _bare_uses(function: Function, sources: Sources) -> Iterator[AnyPlace]:
    """Yield uses of a method by its bare name, in the body of its class."""
    scopes = sources.scopes(function.module.path)
    node = sources.node(function)
    owner = scopes.module.parent(node)
    for name in scopes.names(function.facts.name, owner):
        if isinstance(name.ctx, ast.Load):
            yield Place(function.module.path, name)


def _use(function: Function, place: AnyPlace, plan: Plan, sources: Sources) -> None:
    """Let a place that names a function follow the change."""
    module, node = sources.module(place.path), place.node
    parent = module.parent(node)
    name = function.facts.name
    if sources.project_module(place.path).is_test:
        plan.notes[f"{sources.where(place)} uses `{name}`, which is a coroutine function now"] = None
        return
    if isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        raise NoFix(f"`{name}` is bound again in {sources.where(place)}")
    if isinstance(parent, ast.Call) and parent.func is node:
        _call(function, place, parent, plan, sources)
        return
    holder = module.parent(parent) if isinstance(parent, ast.keyword) else parent
    if isinstance(holder, ast.Call):
        if sources.library_name(place.path, holder.func) in IN_THREAD and holder.args[:1] == [node]:
            _call_instead_of_thread(function, place, holder, plan, sources)
            return
        if _called_name(holder) in REGISTERING:
            return
    raise NoFix(
        f"`{name}` is handed on in {sources.where(place)}, to code that may call it as a plain function"
    )


def _call(function: Function, place: AnyPlace, call: ast.Call, plan: Plan, sources: Sources) -> None:
    try:
        await_call(Await(place.path, call), plan, sources)
    except NoFix as reason:
        raise NoFix(
            f"`{function.facts.name}` cannot be awaited in {sources.where(place)}: {reason}"
        ) from None
    if function in plan.results:
        plan.add(Follow(place.path, call, plan.results[function]))


def _call_instead_of_thread(
    function: Function, place: AnyPlace, call: ast.Call, plan: Plan, sources: Sources
) -> None:
    """Write `await f(x)` for `await run_in_threadpool(f, x)`."""
    module = sources.module(place.path)
    if not isinstance(module.parent(call), ast.Await):
        raise NoFix(f"the call in {sources.where(place)} is not awaited where it is handed to a thread")
    start, end = module.bounds(span_of(call))
    behind = module.bounds(span_of(place.node))[1]
    if len(call.args) + len(call.keywords) == 1:
        behind = end - 1
    else:
        comma = re.match(r"\s*,[ \t]*", module.text[behind:end])
        if comma is None:
            raise NoFix(f"the call in {sources.where(place)} is written in a way that is not understood")
        behind += comma.end()
    plan.replace(module, start, behind, f"{module.code(place.node)}(")
    _leave_thread(sources.application.program.generic_frame(function), plan, sources)
    if function in plan.results:
        plan.add(Follow(place.path, call, plan.results[function]))


def follow_returned(function: Function, result: str, plan: Plan, sources: Sources) -> None:
    """Note that a function returns the result of a library call, and follow it to the callers."""
    if plan.results.get(function) == result:
        return
    plan.results[function] = result
    for place in uses(function, sources):
        module = sources.module(place.path)
        parent = module.parent(place.node)
        if sources.project_module(place.path).is_test:
            continue
        if isinstance(parent, ast.Call) and parent.func is place.node:
            plan.add(Follow(place.path, parent, result))
        else:
            raise NoFix(f"what `{function.facts.name}` returns cannot be followed in {sources.where(place)}")


def _called_name(call: ast.Call) -> str:
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


# From the thread pool to the event loop


def _leave_thread(frame: Frame, plan: Plan, sources: Sources) -> None:
    """Demand that nothing below a function blocks, as it runs on the event loop from now on."""
    seen: set[Frame] = set()
    pending = [frame]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        for site in sources.application.resolver.sites(current):
            pending += site.runs
            for sink in site.sinks:
                if is_worth_a_thread(sink.effect):
                    plan.add(Block(current, site, sink))


def is_worth_a_thread(effect: Effect) -> bool:
    """Tell whether a call takes so long that it must not run on the event loop."""
    return effect.rank > 0
