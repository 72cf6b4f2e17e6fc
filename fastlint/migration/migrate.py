"""Take the blocking calls of routes one by one, and make each chain asynchronous, whole or not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastlint.application.contexts import Application
from fastlint.fixes.files import Files
from fastlint.fixes.module import span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.blocking import named, unblock
from fastlint.migration.client_holders import hold
from fastlint.migration.coroutines import await_call, become_async, is_worth_a_thread
from fastlint.migration.exceptions import catch_instead, guarding
from fastlint.migration.plan import Await, Become, Block, Follow, Plan
from fastlint.migration.results import follow
from fastlint.migration.sources import Sources
from fastlint.migration.texts import texts_of
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
                reason = str(error).replace(named(block), "it")
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
                unblock(task, plan, sources, is_first=number == 0)
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
    plan = plan.copy()
    for attempt in guarding(plan, sources):
        catch_instead(attempt, plan, sources)
    _do_tasks(plan, sources)
    return texts_of(plan, sources)
