"""Whether functions can let other requests run where they did not before: what they hold, and who would notice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from fastlint.facts.model import DIRECTLY, Expr
from fastlint.facts.structure import called_name, regions_around
from fastlint.project.calls import Site
from fastlint.project.program import Frame, Function
from fastlint.project.values import Instance, Suspended

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

TIMEOUTS = frozenset({"timeout", "timeout_at", "wait_for", "move_on_after", "fail_after"})
LOCK_LIBRARIES = ("threading.", "multiprocessing.", "asyncio.", "anyio.")
LOCK_WORDS = ("lock", "mutex", "semaphore", "condition")


class Around:
    """Tells whether something holds for a function, or for a coroutine function that awaits it, at any level."""

    def __init__(self, holds: Callable[[Frame], bool], awaiting: Callable[[Frame], Iterable[Frame]]) -> None:
        self._holds = holds
        self._awaiting = awaiting
        self._known: dict[Frame, bool] = {}

    def __call__(self, frame: Frame) -> bool:
        """Tell whether it holds around a function."""
        if frame not in self._known:
            seen, pending = {frame}, [frame]
            while pending:
                current = pending.pop()
                known = self._known.get(current)
                if known or (known is None and self._holds(current)):
                    self._known[current] = self._known[frame] = True
                    return True
                if known is None:
                    new = [caller for caller in self._awaiting(current) if caller not in seen]
                    seen.update(new)
                    pending += new
            self._known.update(dict.fromkeys(seen, False))
        return self._known[frame]


class Pausing:
    """Answers whether anything speaks against an `await` that is added to a function.

    What a coroutine function holds or shares counts for all that it awaits.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._acquiring: dict[Function, bool] = {}
        self.is_beside_others = Around(self._runs_beside_others, application.awaiting)
        """Whether a function may run at the same time as others of its request: as a task, or in `gather`."""
        self._is_called_in_lock = Around(self._has_call_in_lock, application.awaiting)
        self._is_noticed = Around(self._notices, application.awaiting)
        self._reads_files = Around(application.local_files.read, application.awaiting)
        self._writes_files = Around(application.local_files.write, application.awaiting)

    def holds_lock(self, site: Site) -> bool:
        """Tell whether a lock of threads is held at a place, or at a call that leads to it.

        Awaiting there lets another request stop the loop for good.
        """
        return self._is_in_lock(site) or self._is_called_in_lock(site.frame)

    def is_unnoticed(self, site: Site) -> bool:
        """Tell whether nothing on the way to a place minds that other requests run meanwhile."""
        frame = site.frame
        return not (
            self._is_noticed(frame)
            or self._keeps_others_waiting(site)
            or (self._reads_files(frame) and self._writes_files(frame))
        )

    def is_given_shared(self, frame: Frame) -> bool:
        """Tell whether FastAPI gives a function something that it gives other requests, or a task, as well.

        Or runs it inside of something that notices when others run meanwhile.
        """
        return self._is_timed or any(
            self._application.provided.is_shared(injection.need.provider, injection.frame)
            or (injection.frame is not None and self._notices_inside(injection.frame))
            for injection in self._application.given_to([frame])
        )

    @cached_property
    def _is_timed(self) -> bool:
        """Whether a middleware limits the time of requests."""
        entries = self._application.entries
        return any(entry.kind == "middleware" and _has_timeout(entry.frame) for entry in entries)

    def _notices_inside(self, frame: Frame) -> bool:
        """Tell whether a dependency is around its route with a lock, a time limit, or a change of what requests share."""
        regions = frame.function.facts.regions
        return frame.function.facts.is_generator and (
            _has_timeout(frame)
            or self._acquires(frame.function)
            or any(self._is_lock(r[2], frame) for r in regions if r[0] in ("with", "async with"))
            or not self._application.sharing.changes_nothing(frame)
        )

    def _notices(self, frame: Frame) -> bool:
        return (
            self._runs_beside_others(frame)
            or _has_timeout(frame)
            or self._application.provided.starts_something(frame)
            or self.is_given_shared(frame)
            or any(map(self._keeps_others_waiting, self._application.calls_of(frame)))
            or not self._application.sharing.is_private(frame)
        )

    def _keeps_others_waiting(self, site: Site) -> bool:
        """Tell whether others wait for what is held at a place: a lock of the event loop, rows of a table."""
        return self._is_in_block_of_lock(site, "async with") or self._application.transactions.holds_rows(
            site
        )

    def _runs_beside_others(self, frame: Frame) -> bool:
        return self._application.is_task(frame) or (
            frame.function.facts.is_async
            and any(site.event[4] != DIRECTLY for site in self._application.calls_of(frame))
        )

    def _has_call_in_lock(self, frame: Frame) -> bool:
        return any(map(self._is_in_lock, self._application.calls_of(frame)))

    def _is_in_lock(self, site: Site) -> bool:
        return self._acquires(site.frame.function) or self._is_in_block_of_lock(site, "with")

    def _is_in_block_of_lock(self, site: Site, kind: str) -> bool:
        """Tell whether a place is in the block of a lock: of a "with" or "async with"."""
        frame = site.frame
        return any(
            self._is_lock(region[2], frame)
            for region in regions_around(frame.function.facts, site.event[5], kind)
        )

    def _is_lock(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether what `with` enters is a lock of threads, or a context manager of the program that takes one."""
        if _is_called_lock(expr):
            return True
        for value in self._application.inference.values(expr, frame):
            if isinstance(value, Instance) and str(value.cls).startswith(LOCK_LIBRARIES):
                return True
            if isinstance(value, Suspended):
                inner = value.frame.function
                regions = inner.facts.regions
                held = [r[2] for r in regions if r[0] in ("with", "async with") and r[2] is not expr]
                if self._acquires(inner) or any(self._is_lock(each, value.frame) for each in held):
                    return True
        return False

    def _acquires(self, function: Function) -> bool:
        if function not in self._acquiring:
            self._acquiring[function] = any(
                event[0] in ("call", "drop") and called_name(event[1]) == "acquire" and not event[4]
                for event in function.facts.events
            )
        return self._acquiring[function]


def _is_called_lock(expr: Expr) -> bool:
    """Tell whether an expression, arguments of calls aside, is written with a word for locks."""
    match expr:
        case ("name" | "const", word) | ("attr", _, word) if _names_lock(word):
            return True
        case ("attr" | "call" | "await", inner, *_):
            return _is_called_lock(inner)
        case ("sub", *parts, _) | ("binop", _, *parts):
            return any(map(_is_called_lock, parts))
    return False


def _names_lock(word: object) -> bool:
    return any(each in repr(word).lower() for each in LOCK_WORDS)


def _has_timeout(frame: Frame) -> bool:
    """Tell whether a function limits the time of something, which blocking calls used to escape."""
    return any(
        event[1][0] == "call" and called_name(event[1]) in TIMEOUTS for event in frame.function.facts.events
    )
