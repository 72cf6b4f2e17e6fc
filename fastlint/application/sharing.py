"""What code does that other requests notice, beyond what it returns: state that all share, the running loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastlint.application.context_variables import ContextVariables
from fastlint.facts.model import Expr
from fastlint.facts.structure import outlives_call
from fastlint.project.calls import CallResolver
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue, FunctionValue, Instance, LibraryName

MUTATING = frozenset({
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "put",
    "put_nowait", "remove", "setdefault", "update",
})  # fmt: skip
"""Methods of containers that change them."""
LOOP_BOUND = frozenset({
    "asyncio.create_task", "asyncio.ensure_future", "asyncio.get_running_loop", "asyncio.get_event_loop",
    "asyncio.current_task", "asyncio.all_tasks", "asyncio.timeout", "asyncio.TaskGroup", "asyncio.Event.set",
    "asyncio.Event.clear", "asyncio.Queue.put_nowait", "asyncio.Queue.get_nowait", "asyncio.Future.set_result",
    "asyncio.Future.set_exception", "asyncio.Future.cancel", "asyncio.Task.cancel", "asyncio.run_coroutine_threadsafe",
})  # fmt: skip
"""Functions that need the event loop of their thread, or are not to be called from another one."""
LOOP_METHODS = ("asyncio.AbstractEventLoop.", "asyncio.BaseEventLoop.")
DEEPEST = 12


class Sharing:
    """Answers whether a function can run in another thread, or pause, unnoticed."""

    def __init__(self, resolver: CallResolver, context_variables: ContextVariables) -> None:
        self._resolver = resolver
        self._inference = resolver.inference
        self._context_variables = context_variables
        self._shared: dict[Frame, str] = {}

    def shared_write(self, frame: Frame) -> str:
        """Return what a function itself writes that outlives the call ("`CACHE[...]`"), or nothing."""
        if frame not in self._shared:
            self._shared[frame] = next(self._writes(frame), "")
        return self._shared[frame]

    def _writes(self, frame: Frame) -> Iterator[str]:
        facts = frame.function.facts
        is_maker = facts.name in ("__init__", "__new__", "__post_init__")
        for name in facts.outer_names:
            yield f"`{name}`"
        for base, attribute, _ in facts.stores:
            if not outlives_call(base, facts, is_maker=is_maker):
                continue
            if attribute in ("[]", "[+]"):
                yield f"`{_written(base)}`"
            elif _written(base) != "self" or not is_maker:
                yield f"`{_written(base)}.{attribute}`"
        for event in facts.events:
            call = event[1]
            if event[0] not in ("call", "drop") or call[1][0] != "attr" or call[1][2] not in MUTATING:
                continue
            if outlives_call(call[1][1], facts, is_maker=is_maker) and self._is_container(call[1][1], frame):
                yield f"`{_written(call[1][1])}`"

    def _is_container(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an object may be a container of the program's own: not one of a library."""
        values = self._inference.values(expr, frame)
        return not values or any(
            not isinstance(value, (Instance, LibraryName, ClassValue, FunctionValue))
            or (
                isinstance(value, Instance)
                and isinstance(value.cls, str)
                and value.cls.startswith("builtins.")
            )
            for value in values
        )

    def reads_and_writes_files(self, frames: Iterable[Frame]) -> bool:
        """Tell whether functions, or the plain ones that they run, read local files as well as write them.

        A file may belong to one worker alone, which then relies on that nothing else runs between the two.
        """
        reached = {below for frame in frames for below in self._reached(frame)}
        names = {
            sink.name.rpartition(".")[2]
            for frame in reached
            for site in self._resolver.sites(frame)
            for sink in site.sinks
            if sink.effect.kind == "file"
        }
        return any(_is_reading(name) for name in names) and any(_is_writing(name) for name in names)

    def unfit_for_thread(self, frame: Frame) -> str:
        """Return why a plain function must not run in another thread, as the end of a sentence, or nothing."""
        for current in self._reached(frame):
            for event in current.function.facts.events:
                for name in self._called(event[1], current) if event[0] in ("call", "drop", "enter") else ():
                    if name in LOOP_BOUND or name.startswith(LOOP_METHODS):
                        return f"it calls `{name}`, which needs the event loop"
        if self._context_variables.settings(frame):
            return "it sets a context variable, which a thread would keep to itself"
        return ""

    def is_provably_private(self, frame: Frame) -> bool:
        """Tell whether all that a plain function runs is known, and none of it writes what requests share."""
        return all(
            not self.shared_write(current) and not any(True for _ in self._unknown_calls(current))
            for current in self._reached(frame)
        )

    def _reached(self, frame: Frame) -> list[Frame]:
        """Return a function and the plain functions that it runs, all levels of them."""
        found, pending = {frame: 0}, [frame]
        while pending:
            current = pending.pop()
            for site in self._resolver.sites(current):
                for callee in site.runs:
                    if callee not in found and found[current] < DEEPEST:
                        found[callee] = found[current] + 1
                        pending.append(callee)
        return list(found)

    def _called(self, expr: Expr, frame: Frame) -> Iterator[str]:
        if expr[0] == "call":
            for value in self._inference.values(expr[1], frame):
                if isinstance(value, LibraryName):
                    yield value.name

    def _unknown_calls(self, frame: Frame) -> Iterator[Expr]:
        for event in frame.function.facts.events:
            if event[0] in ("call", "drop") and event[1][0] == "call":
                callee = event[1][1]
                if not self._inference.values(callee, frame) and not self._is_of_library(callee, frame):
                    yield event[1]

    def _is_of_library(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an attribute hangs on something of a library, whatever that attribute is."""
        while expr[0] in ("attr", "call", "sub"):
            expr = expr[1]
            for value in self._inference.values(expr, frame):
                if isinstance(value, LibraryName):
                    return True
                if isinstance(value, (Instance, ClassValue)) and isinstance(value.cls, str):
                    return True
                if not isinstance(value, (Instance, ClassValue, FunctionValue)):
                    return True
        return False


def _is_reading(name: str) -> bool:
    return name.startswith(("read", "load", "get", "is", "exists", "stat", "list", "glob", "iter"))


def _is_writing(name: str) -> bool:
    return not _is_reading(name) and name not in ("open", "close", "seek", "tell")


def _written(expr: Expr) -> str:
    if expr[0] == "name":
        return str(expr[1])
    if expr[0] == "attr":
        return f"{_written(expr[1])}.{expr[2]}"
    if expr[0] == "sub":
        return f"{_written(expr[1])}[...]"
    return "..."
