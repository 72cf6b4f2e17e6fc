"""What dependencies give that other requests use as well, and what they start beside the request."""

from __future__ import annotations

from functools import cached_property

from fastlint.application.below import Below
from fastlint.application.changes import Changes
from fastlint.application.lent_objects import LentObjects
from fastlint.application.library_objects import LibraryObjects
from fastlint.application.outliving import outlives
from fastlint.facts.model import DIRECTLY
from fastlint.facts.structure import called_name, evaluated, leaf, root
from fastlint.project.calls import CallResolver
from fastlint.project.program import Frame
from fastlint.project.values import FunctionValue, Instance, Value

STARTING = frozenset({
    "create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe", "call_soon", "call_soon_threadsafe", "call_later", "call_at",
})  # fmt: skip
"""Calls that let something run as soon as the event loop is free."""


class Provided:
    """Answers whether what FastAPI gives to a function belongs to its request alone."""

    def __init__(
        self,
        resolver: CallResolver,
        lent: LentObjects,
        objects: LibraryObjects,
        below: Below,
        changes: Changes,
    ) -> None:
        self._resolver = resolver
        self._inference = resolver.inference
        self._lent = lent
        self._objects = objects
        self._below = below
        self._changes = changes
        self._giving: dict[Frame, bool] = {}
        self._starting: dict[Frame, bool] = {}

    def is_shared(self, provider: Value, frame: Frame | None) -> bool:
        """Tell whether a dependency gives what other requests use as well, or starts something beside the request."""
        if self._overrides_with_session or self._lent.holds_exclusive((provider,)):
            return True
        return frame is not None and (self._gives_shared(frame) or self.starts_something(frame))

    @cached_property
    def _overrides_with_session(self) -> bool:
        """Whether the program itself, and not a test, replaces a dependency by one that gives a lasting session."""
        program = self._inference.program
        return any(
            leaf(base) == "dependency_overrides"
            and any(
                isinstance(given, FunctionValue) and self._lent.uses_kept(given.function)
                for given in self._inference.values(value, program.generic_frame(function))
            )
            for function in program.functions_naming(("dependency_overrides",))
            for base, _, value in function.facts.stores
        )

    def _gives_shared(self, frame: Frame) -> bool:
        """Tell whether a function returns a container or a session that outlives the call, as a dependency may."""
        if frame not in self._giving:
            self._giving[frame] = self._returns_shared(frame) or any(
                map(self._uses_kept_session, self._below.of(frame, awaited=True))
            )
        return self._giving[frame]

    def _uses_kept_session(self, frame: Frame) -> bool:
        """Tell whether a function uses a session that may outlive the request."""
        return self._lent.uses_kept(frame.function) or any(
            part[0] == "attr"
            and root(part) == "self"
            and self._lent.holds_exclusive(self._inference.values(part, frame))
            and not self._lent.is_self("self", frame)
            for part in evaluated(frame.function.facts)
        )

    def _returns_shared(self, frame: Frame) -> bool:
        given = [*frame.function.facts.returns, *frame.function.facts.yields]
        if self._resolver.is_memoised(frame.function):
            return any(
                self._lent.is_exclusive(v) or self._objects.is_for_one(v)
                for expr in given
                for v in self._inference.values(expr, frame)
            )
        return any(
            expr[0] in ("name", "attr")
            and outlives(expr, frame)
            and (
                (
                    self._changes.is_container(expr, frame)
                    and not any(
                        isinstance(v, Instance) and not isinstance(v.cls, str)
                        for v in self._inference.values(expr, frame)
                    )
                )
                or any(map(self._objects.is_for_one, self._inference.values(expr, frame)))
            )
            for expr in given
        )

    def starts_something(self, frame: Frame) -> bool:
        """Tell whether a function starts what begins at the next `await`: a task, a callback."""
        if frame not in self._starting:
            self._starting[frame] = any(map(_starts_something, self._below.of(frame, awaited=True)))
        return self._starting[frame]


def _starts_something(frame: Frame) -> bool:
    return any(
        called_name(event[1]) in STARTING or (called_name(event[1]) == "gather" and event[4] != DIRECTLY)
        for event in frame.function.facts.events
        if event[0] in ("call", "drop")
    )
