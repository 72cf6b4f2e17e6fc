"""The asynchronous counterpart in place of a blocking call."""

from __future__ import annotations

import ast

from fastlint.catalog.model import Twin
from fastlint.facts.model import Expr
from fastlint.fixes.text import NoFix
from fastlint.migration.arguments import rename_arguments
from fastlint.migration.client_classes import client_among
from fastlint.migration.client_origins import client_of, trace
from fastlint.migration.client_uses import use
from fastlint.migration.plan import Await, Block, Follow, Plan
from fastlint.migration.shared import use_shared_client
from fastlint.migration.sources import Sources


def named(block: Block) -> str:
    """Return what a message calls a blocking call."""
    return f"`{block.sink.name}` in {block.frame.function.module.path}:{block.site.event[5][0]}"


def unblock(task: Block, plan: Plan, sources: Sources, *, is_first: bool) -> None:
    """Put the asynchronous counterpart in place of a blocking call."""
    if (task.frame.function.module.path, task.site.event[5]) in plan.converted:
        return
    try:
        _convert(task, plan, sources)
    except NoFix as reason:
        more = "" if is_first else ", and the chain cannot leave it behind on the event loop"
        raise NoFix(f"{reason}{more}") from None


def _convert(task: Block, plan: Plan, sources: Sources) -> None:
    path, span, place = task.frame.function.module.path, task.site.event[5], named(task)
    if sources.project_module(path).is_test:
        raise NoFix(f"{place} is part of the tests")
    if task.site.event[0] == "iter":
        _convert_loop(task, sources.module(path).expression(span), task.site.event[1], plan, sources)
        return
    if task.site.event[0] not in ("call", "drop"):
        raise NoFix(f"{place} is no call, but a loop, a `with` or an attribute that blocks")
    module = sources.module(path)
    node = module.expression(span)
    if not isinstance(node, ast.Call):
        raise NoFix(f"{place} is not written as a call")
    if task.site.runs:
        raise NoFix(f"{place} may also be a function of the program")
    if task.sink.name.endswith(".__iter__") and len(node.args) == 1:
        _convert_loop(task, node.args[0], task.site.event[1][2][0], plan, sources)
        return
    twin = sources.application.program.catalog.twins.get(task.sink.name)
    is_spelled_out = sources.library_name(path, node.func) == task.sink.name
    if twin is not None and is_spelled_out and twin.how in ("function", "shared"):
        _convert_function(task, node, twin, plan, sources)
        return
    client = client_of(path, node, sources)
    if client is None:
        above = sources.application.program.catalog.twin_above(task.sink.name)
        if above is not None and above.because:
            raise NoFix(above.because)
        raise NoFix(f"{place} has no asynchronous counterpart that fastlint can write")
    trace(path, *client, plan, sources)
    use(path, *client, plan, sources)
    if (path, span) not in plan.converted:
        raise NoFix(f"{place} is called in a way that cannot be followed")


def _convert_function(task: Block, node: ast.Call, twin: Twin, plan: Plan, sources: Sources) -> None:
    """Put a coroutine function, or a method of a shared client, in place of a function."""
    path, span, name = task.frame.function.module.path, task.site.event[5], task.sink.name
    module = sources.module(path)
    plan.libraries.add(name.partition(".")[0])
    plan.need(twin, sources.application.versions)
    enclosing = module.enclosing_function(node)
    function = sources.function(path, enclosing) if enclosing is not None else None
    if twin.how == "shared":
        use_shared_client(path, node, name, twin, plan, sources)
        if function is not None:
            plan.loops.add(function)
    else:
        rename_arguments(path, node, twin, plan, sources)
        package, _, attribute = twin.name.rpartition(".")
        plan.replace_node(module, node.func, plan.name(module, package, attribute))
    plan.converted[path, span] = function
    plan.add(Await(path, node))
    if twin.gives:
        plan.add(Follow(path, node, twin.gives))


def _convert_loop(task: Block, node: ast.expr, expr: Expr, plan: Plan, sources: Sources) -> None:
    """Let a loop over a part of a client, such as a cursor, wait for each piece."""
    path = task.frame.function.module.path
    client = client_among(sources.application.inference.values(expr, task.frame), sources)
    if client is None:
        raise NoFix(f"{named(task)} has no asynchronous counterpart that fastlint can write")
    trace(path, node, client, plan, sources)
    if (path, task.site.event[5]) not in plan.converted:
        use(path, node, client, plan, sources)
