"""Take the blocking calls of routes one by one, and make each chain asynchronous, whole or not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastlint.application.contexts import Application
from fastlint.catalog.model import Twin
from fastlint.facts.model import Expr
from fastlint.fixes.applying import splice
from fastlint.fixes.files import Files
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.fixes.unused import without_names
from fastlint.migration.arguments import rename_arguments
from fastlint.migration.client_classes import client_among
from fastlint.migration.client_holders import hold
from fastlint.migration.client_origins import client_of, trace
from fastlint.migration.client_uses import use
from fastlint.migration.coroutines import await_call, become_async, is_worth_a_thread
from fastlint.migration.exceptions import catch_instead, guarding
from fastlint.migration.plan import Await, Become, Block, Follow, Plan, spliced
from fastlint.migration.results import follow
from fastlint.migration.shared import use_shared_client
from fastlint.migration.sources import Sources
from fastlint.project.program import Frame

MOST_TASKS = 2000
"""More tasks than this are no chain any more."""


@dataclass(frozen=True)
class Chain:
    """A blocking call that routes end in."""

    path: str
    row: int
    call: str
    """The dotted name of the blocking call."""
    reason: str = ""
    """Why it stays, as the end of a sentence; nothing if it was made asynchronous."""


@dataclass
class Migration:
    """What was made asynchronous, what was not, and the texts of the files that change."""

    chains: list[Chain] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def migrate(application: Application, frames: Iterable[Frame], files: Files) -> Migration:
    """Make the chains below frames asynchronous."""
    sources = Sources(application, files)
    plan, migration = Plan(), Migration()
    for block in _blocks(application, frames):
        path, span = block.frame.function.module.path, block.site.event[5]
        reason = ""
        if (path, span) not in plan.converted:
            attempt = plan.copy()
            attempt.add(block)
            try:
                _work_off(attempt, sources)
                _texts(attempt, sources)
                plan = attempt
            except NoFix as error:
                reason = str(error).replace(_called(block), "it")
        migration.chains.append(Chain(path, span[0], block.sink.name, reason))
    migration.texts = _texts(plan, sources)
    migration.notes = list(plan.notes)
    for distribution in sorted(plan.needed):
        if not sources.is_imported(distribution):
            migration.notes.append(f"`{distribution}` has to be installed, if it is not yet")
    return migration


def _blocks(application: Application, frames: Iterable[Frame]) -> Iterator[Block]:
    """Yield the blocking calls below frames, each place once, the nearest first."""
    pending, seen = list(frames), set[Frame]()
    places = set[object]()
    for frame in pending:
        if frame in seen:
            continue
        seen.add(frame)
        for site in application.resolver.sites(frame):
            pending += [*site.runs, *site.starts]
            for sink in site.sinks:
                place = (frame.function, site.event[5])
                if place not in places and is_worth_a_thread(sink.effect):
                    places.add(place)
                    yield Block(frame, site, sink)


def _work_off(plan: Plan, sources: Sources) -> None:
    """Do what there is to do until the chain is whole. Raises `NoFix` if it cannot be."""
    _do_tasks(plan, sources)
    while _add_required(plan, sources) or _add_guarded(plan, sources):
        _do_tasks(plan, sources)
    _require_swaps(plan, sources)
    _require_one_loop(plan, sources)


def _do_tasks(plan: Plan, sources: Sources) -> None:
    for number in range(MOST_TASKS):
        if not plan.tasks:
            break
        task = plan.tasks.popleft()
        match task:
            case Block():
                _unblock(task, plan, sources, is_first=number == 0)
            case Await():
                await_call(task, plan, sources)
            case Become():
                become_async(task, plan, sources)
            case Follow():
                follow(task, plan, sources)
            case _:
                hold(task, plan, sources)
    else:
        raise NoFix("too much of the program would have to change")


def _require_one_loop(plan: Plan, sources: Sources) -> None:
    """Raise `NoFix` if a client would have to serve several event loops, such as those of `asyncio.run`."""
    seen: set[Frame] = set()
    pending = [frame for _, frame in sources.application.resolver.detached]
    while pending and plan.loops:
        frame = pending.pop()
        if frame in seen:
            continue
        seen.add(frame)
        if frame.function in plan.loops:
            name = frame.function.facts.qualname
            raise NoFix(f"`{name}` also runs on an event loop of its own, which a shared client cannot serve")
        for site in sources.application.resolver.sites(frame):
            pending += [*site.runs, *site.starts]


def _add_guarded(plan: Plan, sources: Sources) -> bool:
    """Add the calls that the same `try` guards; tell whether there are any."""
    for attempt in guarding(plan, sources):
        for block in attempt.left:
            plan.add(block)
    return bool(plan.tasks)


def _add_required(plan: Plan, sources: Sources) -> bool:
    """Add the calls that have to follow as their results go by the same name; tell whether there are any."""
    for path, node in plan.required:
        if (path, span_of(node)) in plan.converted or ("required", path, node) in plan.done:
            continue
        plan.done.add(("required", path, node))
        block = _block_at(path, node, sources)
        if block is not None:
            plan.add(block)
        elif not any(_gives_result(path, node, plan, sources)):
            raise NoFix(f"the name of the response is bound to something else in {path}:{node.lineno}")
    return bool(plan.tasks)


def _gives_result(path: str, node: ast.expr, plan: Plan, sources: Sources) -> Iterator[bool]:
    found = sources.expression(path, node)
    if found is not None and found[1][0] == "call":
        for value in sources.application.inference.values(found[1][1], found[0]):
            yield getattr(value, "function", None) in plan.results


def _block_at(path: str, node: ast.expr, sources: Sources) -> Block | None:
    module = sources.module(path)
    function = module.enclosing_function(node)
    if function is None:
        return None
    frame = sources.application.program.generic_frame(sources.function(path, function))
    for site in sources.application.resolver.sites(frame):
        if site.event[5] == span_of(node):
            for sink in site.sinks:
                return Block(frame, site, sink)
    return None


def _called(block: Block) -> str:
    """Return what a message calls a blocking call."""
    return f"`{block.sink.name}` in {block.frame.function.module.path}:{block.site.event[5][0]}"


def _unblock(task: Block, plan: Plan, sources: Sources, *, is_first: bool) -> None:
    """Put the asynchronous counterpart in place of a blocking call."""
    if (task.frame.function.module.path, task.site.event[5]) in plan.converted:
        return
    try:
        _convert(task, plan, sources)
    except NoFix as reason:
        more = "" if is_first else ", and the chain cannot leave it behind on the event loop"
        raise NoFix(f"{reason}{more}") from None


def _convert(task: Block, plan: Plan, sources: Sources) -> None:
    path, span, place = task.frame.function.module.path, task.site.event[5], _called(task)
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
    _require_one_sink(task, place)
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
        raise NoFix(f"{_called(task)} has no asynchronous counterpart that fastlint can write")
    trace(path, node, client, plan, sources)
    if (path, task.site.event[5]) not in plan.converted:
        use(path, node, client, plan, sources)


def _require_one_sink(task: Block, place: str) -> None:
    if task.site.runs:
        raise NoFix(f"{place} may also be a function of the program")


def _require_swaps(plan: Plan, sources: Sources) -> None:
    """Raise `NoFix` if an imported name would have to mean two classes."""
    for (path, name, _), spans in plan.swapped.items():
        scopes = sources.scopes(path)
        for node in scopes.names(name, scopes.module.tree):
            if span_of(node) not in spans:
                raise NoFix(f"`{name}` in {path}:{node.lineno} has to stay the synchronous class")
        if any(True for _ in sources.importers(path, name)):
            raise NoFix(f"`{name}` is imported from {path} by other files")


def _texts(plan: Plan, sources: Sources) -> dict[str, str]:
    """Return the texts that a plan makes of files. Raises `NoFix` if one of them would be broken."""
    texts = {}
    plan = plan.copy()
    for attempt in guarding(plan, sources):
        catch_instead(attempt, plan, sources)
    _do_tasks(plan, sources)
    for path, pieces in plan.pieces.items():
        text = spliced(sources.module(path).text, pieces)
        for other, name, package in plan.swapped:
            if other == path:
                text = _swapped(path, text, name, package)
        for package, attribute, whole in sorted(plan.imports.get(path, ()), key=lambda i: (i.whole, i)):
            module = Module(path, text)
            edits = name_of(module, package, attribute or "*", whole=whole or None).edits
            text = splice(
                text, [(module.offset_of(e.start), module.offset_of(e.end), e.content) for e in edits]
            )
        try:
            compile(text, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise NoFix(f"{path} would not compile any more ({error})") from None
        texts[path] = text
    return texts


def _swapped(path: str, text: str, name: str, package: str) -> str:
    """Return a text that imports a name from another package."""
    module = Module(path, text)
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom) and any(
            a.name == name and not a.asname for a in statement.names
        ):
            start, _ = module.bounds(span_of(statement))
            if len(statement.names) == 1:
                place = module.text.index(statement.module or "", start)
                return splice(text, [(place, place + len(statement.module or ""), package)])
            edits = without_names(module, statement, frozenset({name}))
            text = splice(
                text, [(module.offset_of(e.start), module.offset_of(e.end), e.content) for e in edits]
            )
            module = Module(path, text)
            edits = list(name_of(module, package, name).edits)
            return splice(
                text, [(module.offset_of(e.start), module.offset_of(e.end), e.content) for e in edits]
            )
    raise NoFix(f"`{name}` is imported in {path} in a way that cannot be changed")
