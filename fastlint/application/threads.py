"""Which functions can run in another thread than the one of the event loop."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.below import Below
from fastlint.application.context_variables import ContextVariables
from fastlint.application.outliving import is_local
from fastlint.facts.model import Expr
from fastlint.facts.rounds import dotted
from fastlint.facts.structure import called_name, evaluated, root
from fastlint.project.calls import CallResolver
from fastlint.project.program import Frame, Function
from fastlint.project.values import Instance, LibraryName, Value

LOOP_LIBRARIES = ("asyncio.", "anyio.", "trio.", "sniffio.")
LOOP_FREE = frozenset({
    "asyncio.iscoroutinefunction", "asyncio.iscoroutine", "asyncio.Lock", "asyncio.Event", "asyncio.Queue",
    "asyncio.Semaphore", "asyncio.Condition", "asyncio.run", "asyncio.Lock.locked", "asyncio.Event.is_set",
    "asyncio.Queue.qsize", "asyncio.Queue.empty", "asyncio.Queue.full", "anyio.run", "anyio.Path",
    "anyio.from_thread.run", "anyio.from_thread.run_sync",
})  # fmt: skip
"""What plain code in any thread may call of libraries that are about event loops."""
LOOP_METHODS = frozenset({
    "call_soon", "call_later", "call_at", "create_task", "create_future", "add_done_callback", "run_until_complete",
    "run_forever", "start_soon", "set_result", "set_exception",
})  # fmt: skip
"""Methods that belong to a loop or to its tasks, whatever object they are called on."""
MAIN_THREAD = frozenset({"signal.signal", "signal.setitimer", "signal.alarm", "signal.set_wakeup_fd"})
CONTEXT_BOUND = frozenset({"decimal.setcontext", "decimal.localcontext", "decimal.getcontext"})
THREAD_BOUND = (
    "sqlite3.",
    "playwright.",
    "threading.local",
    "_thread._local",
    "sqlalchemy.orm.scoped_session",
    "sqlalchemy.orm.scoping.",
)
"""Libraries and classes whose objects may only be used in the thread that made them, or mean something else in another."""
THREADS_OWN = ("peewee.", "playhouse.", "pony.")
"""Libraries that keep a connection for each thread."""


class Threads:
    """Answers what keeps a plain function from running in another thread."""

    def __init__(self, resolver: CallResolver, below: Below, context_variables: ContextVariables) -> None:
        self._inference = resolver.inference
        self._below = below
        self._context_variables = context_variables
        self._unfit: dict[Frame, str] = {}
        self._unfit_by_itself: dict[Frame, str] = {}
        self._stopping: dict[Frame, bool] = {}
        self._outer: dict[Function, tuple[Expr, ...]] = {}

    def unfit(self, frame: Frame) -> str:
        """Return why a plain function must not run in another thread, as the end of a sentence, or nothing."""
        if frame not in self._unfit:
            self._unfit[frame] = next(filter(None, map(self._unfit_alone, self._below.of(frame))), "")
            if not self._unfit[frame] and self._context_variables.sets(frame):
                self._unfit[frame] = "it sets a context variable, which a thread would keep to itself"
        return self._unfit[frame]

    def _unfit_alone(self, frame: Frame) -> str:
        """Return why a function must not run in another thread, whatever it runs below."""
        if frame not in self._unfit_by_itself:
            self._unfit_by_itself[frame] = self._unfit_itself(frame)
        return self._unfit_by_itself[frame]

    def _unfit_itself(self, frame: Frame) -> str:
        for event in frame.function.facts.events:
            for name in self._called(event[1], frame) if event[0] in ("call", "drop", "enter") else ():
                if name.startswith(LOOP_LIBRARIES) and name not in LOOP_FREE:
                    return f"it calls `{name}`, which needs the event loop"
                if name.startswith(THREADS_OWN):
                    return f"it calls `{name}`, which has a connection for each thread"
                if name in MAIN_THREAD:
                    return f"it calls `{name}`, which needs the main thread"
                if name in CONTEXT_BOUND:
                    return f"it calls `{name}`, whose context a thread would keep to itself"
            if event[0] in ("call", "drop") and called_name(event[1]) in LOOP_METHODS:
                return f"it calls `{called_name(event[1])}`, which needs the event loop"
        bound = "it works on an object that belongs to the thread that made it"
        return bound if self._uses_bound_object(frame) else ""

    def _called(self, expr: Expr, frame: Frame) -> Iterator[str]:
        if expr[0] == "call":
            for value in self._inference.values(expr[1], frame):
                if isinstance(value, LibraryName):
                    yield value.name

    def _uses_bound_object(self, frame: Frame) -> bool:
        """Tell whether a function uses, gets or gives an object that belongs to a thread."""
        facts = frame.function.facts
        for parameter in facts.parameters:
            if any(is_bound(value) for value in self._inference.parameter(frame, parameter)):
                return True
        for expr in (*facts.returns, *facts.yields):
            if any(is_bound(value) for value in self._inference.values(expr, frame)):
                return True
        return any(
            is_bound(value)
            for part in self._outer_parts(frame.function)
            if not is_local(root(part), frame)
            for value in self._inference.values(part, frame)
        )

    def _outer_parts(self, function: Function) -> tuple[Expr, ...]:
        """Return the names and attributes that a function uses and that do not hang on its variables, each once."""
        if function not in self._outer:
            own = function.facts.bindings.keys() | function.parameters.keys()
            own -= {*function.facts.outer_names, "self", "cls"}
            used = (part for part in evaluated(function.facts) if part[0] in ("name", "attr"))
            found = {dotted(part) or id(part): part for part in used if root(part) not in own}
            self._outer[function] = tuple(found.values())
        return self._outer[function]

    def lets_stop_iteration_out(self, frame: Frame) -> bool:
        """Tell whether a plain function may raise `StopIteration`, which cannot leave a thread."""
        if frame not in self._stopping:
            self._stopping[frame] = any(map(_lets_stop_iteration_out, self._below.of(frame)))
        return self._stopping[frame]


def _lets_stop_iteration_out(frame: Frame) -> bool:
    return any(
        event[0] in ("call", "drop") and event[1][1][:2] == ("name", "next") and len(event[1][2]) == 1
        for event in frame.function.facts.events
        if event[1][0] == "call"
    )


def is_bound(value: Value) -> bool:
    """Tell whether an object belongs to a thread."""
    name = value.cls if isinstance(value, Instance) else None
    return isinstance(name, str) and name.startswith(THREAD_BOUND)
