"""The fix of calls that block the event loop: await a twin, make the function plain, or use the thread pool."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from fastlint.application.connection_waits import SQLALCHEMY
from fastlint.application.model import POOLED, REQUEST
from fastlint.application.references import REGISTERED
from fastlint.application.threads import THREADS_OWN, is_bound
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, walk
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import FunctionNode, Module
from fastlint.fixes.rewriting import handed_over, with_callee
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.project.sessions import RETURNING, TAKING
from fastlint.project.values import Instance, Suspended, Value
from fastlint.rules.base import Suspect, Verdict
from fastlint.rules.rendering import render

POOL = ("fastapi.concurrency", "run_in_threadpool")
SAME_POOL = ("starlette.concurrency",)
TWINS = {"time.sleep": ("asyncio", "sleep")}
"""Blocking functions, and the coroutine functions that take the same arguments and return the same."""
STARTING = frozenset({"create_task", "ensure_future", "gather", "start_soon", "run_coroutine_threadsafe"})
"""Calls that let coroutines run beside the one that makes them."""


def off_loop(verdict: Verdict) -> FixMaker:
    """Return what takes the suspects of a verdict off the event loop, by the least that helps."""

    def make(files: Files) -> Fix:
        suspect = verdict.suspect
        if suspect.phase != REQUEST:
            raise NoFix("it runs before there are requests")
        module = files.python(suspect.frame.function.module.path)
        try:
            return _twin(suspect, module)
        except NoFix:
            pass
        try:
            return plain_function(suspect, module)
        except NoFix as reason:
            whole = str(reason)  # the exception itself would keep this call alive, and the file
        try:
            return _in_thread_pool((suspect, *verdict.others), module)
        except NoFix as reason:
            raise NoFix(
                str(reason) if suspect.frame.function.facts.has_await else f"{whole}; {reason}"
            ) from None

    return make


# A twin that can be awaited


def _twin(suspect: Suspect, module: Module) -> Fix:
    package, attribute = TWINS.get(suspect.target, ("", ""))
    if not (suspect.is_direct and package and suspect.site.event[0] in ("call", "drop")):
        raise NoFix("there is no coroutine function that does the same")
    node = module.expression(suspect.site.event[5])
    function = module.require_await(node)
    _require_no_lock(suspect)
    named = name_of(module, package, attribute)
    code = module.awaiting(node, with_callee(module.code(node), named.code))
    return Fix(
        f"Await `{package}.{attribute}`",
        _trust(suspect),
        (module.replace_node(node, code), *named.edits),
        (module.guard_async(function),),
    )


# The thread pool, by making the function plain


def plain_function(suspect: Suspect, module: Module) -> Fix:
    """Return the fix that makes a function that FastAPI calls a `def`.

    Raises `NoFix` if the function awaits, needs the loop, is called by the program, or is called by something
    that wants a coroutine function.
    """
    application, frame = suspect.application, suspect.frame
    function, facts = frame.function, frame.function.facts
    kinds = suspect.entry_kinds
    if not kinds or not kinds <= POOLED:
        raise NoFix("the function is awaited by other code")
    if facts.has_await:
        raise NoFix("the function awaits")
    if function.owner is not None or function.parent is not None:
        raise NoFix("the function is no function of a module")
    node = _function_alone(suspect, module).function(facts.span)
    if isinstance(node, ast.FunctionDef) or _needs_coroutine(node):
        raise NoFix("the function awaits")
    if facts.is_generator and kinds != {"dependency"}:
        raise NoFix("the function is an async generator")
    if not all(application.computing.leaves_alone(decorator, frame) for decorator in facts.decorators):
        raise NoFix("a decorator may need a coroutine function")
    references = application.references.of(function)
    if any(reference.how != REGISTERED for reference in references):
        raise NoFix("other code of the project calls the function")
    _require_no_async_session(suspect)
    reason = application.threads.unfit(frame)
    if reason:
        raise NoFix(reason)
    _require_databases_for_threads(suspect, [frame])
    private = (
        application.program.is_whole
        and application.sharing.is_private(frame)
        and not application.pausing.is_given_shared(frame)
        and not application.local_files.read_and_write(frame)
        and not application.threads.lets_stop_iteration_out(frame)
        and not application.transactions.spans_rows(frame)
        and not application.connection_waits.are_possible(frame)
    )
    return Fix(
        f"Make `{facts.name}` a `def`, which FastAPI runs in the thread pool",
        Applicability.SAFE if private else Applicability.UNSAFE,
        (module.replace(*module.async_keyword(node), ""),),
    )


def _needs_coroutine(function: FunctionNode) -> bool:
    return any(
        isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
        or (isinstance(node, ast.comprehension) and node.is_async)
        for node in ast.walk(function)
    )


def _require_no_async_session(suspect: Suspect) -> None:
    """Raise `NoFix` if something that belongs to the event loop is a parameter."""
    inference = suspect.application.inference
    for parameter in suspect.frame.function.facts.parameters:
        if any(_is_of_loop(value) for value in inference.parameter(suspect.frame, parameter)):
            raise NoFix(f"`{parameter.name}` belongs to the event loop")


def _is_of_loop(value: Value) -> bool:
    """Tell whether an object may only be used by code that runs on the event loop."""
    if isinstance(value, Suspended):
        return True
    name = value.cls if isinstance(value, Instance) else None
    word = name.rpartition(".")[2] if isinstance(name, str) else ""
    return word.startswith("Async") or word == "WebSocket"


# The thread pool, for one call


def _in_thread_pool(suspects: Iterable[Suspect], module: Module) -> Fix:
    edits: list[Edit] = []
    guards: list[Edit] = []
    titles: list[str] = []
    trust, reasons = Applicability.SAFE, []
    for suspect in suspects:
        try:
            piece = _call_in_thread_pool(suspect, module)
        except NoFix as reason:
            reasons.append(str(reason))
            continue
        edits += piece.edits
        guards += piece.guards
        titles.append(piece.title)
        if piece.applicability is Applicability.UNSAFE:
            trust = Applicability.UNSAFE
    if not edits:
        raise NoFix(reasons[0])
    title = titles[0] if len(titles) == 1 else f"Run {len(titles)} calls in the thread pool"
    return Fix(title, trust, tuple(dict.fromkeys(edits)), tuple(dict.fromkeys(guards)))


def _call_in_thread_pool(suspect: Suspect, module: Module) -> Fix:
    kind, expr = suspect.site.event[0], suspect.site.event[1]
    if kind == "iter":
        raise NoFix("the loop would have to collect everything first")
    if kind == "enter":
        raise NoFix("the `with` block has to move into a function as a whole")
    if kind not in ("call", "drop") or expr[0] != "call":
        raise NoFix("it is not a call that could be handed to a thread")
    alone = _function_alone(suspect, module)
    if suspect.site.is_awaited and isinstance(
        alone.parent(alone.expression(suspect.site.event[5])), ast.Await
    ):
        raise NoFix("the call is awaited already")
    if expr[1][:2] == ("name", "next"):
        raise NoFix("`StopIteration` cannot leave a thread")
    if suspect.is_direct and _gives_iterator(suspect):
        raise NoFix("it gives an iterator, and what it reads would still be read on the event loop")
    if suspect.effect.kind == "wait":
        raise NoFix("a lock or a queue is not to be waited for in a thread")
    if suspect.effect.kind == "cpu" and "run_in_threadpool" not in suspect.effect.instead:
        raise NoFix("a thread that computes competes with the event loop; it needs a process")
    _require_no_bound_object(suspect)
    application = suspect.application
    if suspect.effect.kind == "database":
        _require_no_shared_session(suspect)
    node = alone.expression(suspect.site.event[5])
    function = alone.require_await(node)
    _require_no_lock(suspect)
    callees = [suspect.way.callee] if suspect.way.callee is not None else []
    callees = list(dict.fromkeys((*callees, *suspect.site.runs)))
    _require_databases_for_threads(suspect, callees)
    for callee in callees:
        reason = application.threads.unfit(callee)
        if reason:
            raise NoFix(f"`{callee.function.facts.name}` has to stay on the event loop: {reason}")
    named = name_of(module, *POOL, also=SAME_POOL)
    code = alone.awaiting(node, handed_over(module.code(node), named.code))
    return Fix(
        f"Run `{render(expr[1])}` in the thread pool",
        Applicability.UNSAFE if application.connection_waits.are_possible(suspect.frame) else _trust(suspect),
        (module.replace_node(node, code), *named.edits),
        (module.guard_async(function),),
    )


def _function_alone(suspect: Suspect, module: Module) -> Module:
    """Return the file as far as the function of a suspect goes."""
    function = suspect.frame.function
    is_def = function.index > 0 and function.facts.name != "<lambda>"
    return module.excerpt(function.facts.span) if is_def else module


def _gives_iterator(suspect: Suspect) -> bool:
    """Tell whether a library function only prepares to read: `Path.glob`, `Redis.scan_iter`."""
    given = suspect.application.inference.catalog.return_type(suspect.target)
    return given is not None and given[0] == "iterator"


def _require_databases_for_threads(suspect: Suspect, moved: Iterable[Frame]) -> None:
    """Raise `NoFix` if what moves uses a database of SQLite that is another one, or an error, in other threads."""
    application = suspect.application
    steps = (application.performs.step(frame, word) for frame in moved for word in (*TAKING, *RETURNING))
    names = [suspect.target, *(step.name for step in steps if step is not None)]
    if not any(name.startswith(SQLALCHEMY) for name in names):
        return
    if application.engines.keeps_database_in_memory:
        raise NoFix("each thread would have a database of its own in memory")
    if application.engines.belongs_to_threads:
        raise NoFix("a connection of SQLite may only be used in the thread that made it, before SQLAlchemy 2")


def _require_no_bound_object(suspect: Suspect) -> None:
    """Raise `NoFix` if an object would change threads that may only be used in the one that made it, or in the loop's."""
    if suspect.target.startswith(THREADS_OWN):
        raise NoFix("each thread has a connection of its own")
    call, inference = suspect.site.event[1], suspect.application.inference
    receiver = call[1][1:2] if call[1][0] == "attr" else ()
    for part in (call, *receiver, *call[2], *(value for _, value in call[3])):
        for value in inference.values(part, suspect.frame):
            if is_bound(value):
                raise NoFix("the object may only be used in the thread that made it")
            if part is not call and _is_of_loop(value):
                raise NoFix("an argument belongs to the event loop")


def _require_no_lock(suspect: Suspect) -> None:
    """Raise `NoFix` while a lock of threads is held: awaiting there lets another request stop the loop for good."""
    if suspect.application.pausing.holds_lock(suspect.site):
        raise NoFix("a lock is held here, and awaiting would hold it while other requests run")


def _trust(suspect: Suspect) -> Applicability:
    """Return whether nobody can notice that the call now lets other requests run meanwhile.

    docs/fixes.md has the definition.
    """
    return Applicability.SAFE if _is_unnoticed(suspect) else Applicability.UNSAFE


def _is_unnoticed(suspect: Suspect) -> bool:
    if not suspect.application.pausing.is_unnoticed(suspect.site):
        return False
    call = suspect.site.event[1]
    if suspect.target in TWINS and suspect.is_direct:
        return len(call[2]) == 1 and call[2][0][0] in ("const", "lit")
    if suspect.site.runs:
        return not any(map(suspect.application.threads.lets_stop_iteration_out, suspect.site.runs))
    return _is_for_one_request(suspect)


def _require_no_shared_session(suspect: Suspect) -> None:
    """Raise `NoFix` if a database call works on an object that a task may use at the same time."""
    call, facts = suspect.site.event[1], suspect.frame.function.facts
    used = {
        part[1]
        for argument in (call[1], *call[2], *(value for _, value in call[3]))
        for part in walk(argument)
        if part[0] == "name"
    }
    handed_on = {
        part[1]
        for event in facts.events
        if event[0] in ("call", "drop") and called_name(event[1]) in STARTING
        for part in walk(event[1])
        if part[0] == "name"
    }
    given = used & suspect.frame.function.parameters.keys()
    beside = bool(given) and suspect.application.pausing.is_beside_others(suspect.frame)
    if beside or used & handed_on - {"asyncio", "loop"}:
        raise NoFix("the same session may be in use in another task at that time")


def _is_for_one_request(suspect: Suspect) -> bool:
    """Tell whether a library call works on nothing that other requests use at the same time."""
    inference, frame = suspect.application.inference, suspect.frame
    callee: Expr = suspect.site.event[1][1]
    root = callee
    while root[0] in ("attr", "call", "sub"):
        root = root[1]
    values = inference.values(root, frame)
    if root[0] != "name" or not values:
        return False
    facts = frame.function.facts
    if not any(isinstance(value, Instance) for value in values):
        return True
    is_local = root[1] in frame.function.parameters or (
        root[1] in facts.bindings and root[1] not in facts.outer_names
    )
    return is_local and root[1] not in ("self", "cls")
