"""FL115: Work for threads goes to the event loop's own pool, which is small."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import called_name
from fastlint.project.bindings import call_argument
from fastlint.project.performs import REQUESTING
from fastlint.project.program import Frame
from fastlint.project.values import FunctionValue, LibraryName
from fastlint.rules.event_loop.into_larger_pool import into_larger_pool
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

TO_THREAD = "asyncio.to_thread"
IN_EXECUTOR = "asyncio.AbstractEventLoop.run_in_executor"
WAITS = ("request", "query")
KINDS = REQUESTING | {"database"}
SEVERAL = 3
"""From this many places on, an application relies on the pool, whatever it does there."""


class SmallDefaultExecutor(ModelRule):
    """Work for threads goes to the event loop's own pool, which is small."""

    code = "FL115"

    def find(self) -> Iterator[Finding]:
        """Look at what requests hand to the loop's pool; all of it makes one finding, at the first place."""
        if self._sets_executor():
            return
        places: dict[tuple[str, Span], tuple[Frame, Expr]] = {}
        for frame, call in self.application.requests.calls("to_thread", "run_in_executor"):
            if self._uses_pool(frame, call):
                places.setdefault((frame.function.module.path, call[-1]), (frame, call))
        if len(places) >= SEVERAL or any(self._waits(*place) for place in places.values()):
            yield self._finding([places[place] for place in sorted(places)])

    def _sets_executor(self) -> bool:
        """Tell whether the program makes a pool of its own size for the loop."""
        return any(
            kind in ("call", "drop") and called_name(expr) == "set_default_executor"
            for function in self.application.program.functions_naming(("set_default_executor",))
            for kind, expr, *_ in function.facts.events
        )

    def _uses_pool(self, frame: Frame, call: Expr) -> bool:
        names = {
            value.name
            for value in self.application.inference.values(call[1], frame)
            if isinstance(value, LibraryName)
        }
        if TO_THREAD in names:
            return True
        return IN_EXECUTOR in names and call_argument(call, 0, "executor") == ("const", None)

    def _waits(self, frame: Frame, call: Expr) -> bool:
        """Tell whether what runs in the thread waits for somebody else, for as long as these want."""
        inference, performs = self.application.inference, self.application.performs
        if frame not in self.application.waited_for:
            return False  # a background task
        for value in (v for argument in call[2][:2] for v in inference.values(argument, frame)):
            if isinstance(value, FunctionValue):
                entered = inference.enter(value, None, None)
                if any(performs.step(entered, word) is not None for word in WAITS):
                    return True
            elif isinstance(value, LibraryName):
                effect = inference.catalog.effect(value.name)
                if effect is not None and effect.kind in KINDS and effect.rank > 1:
                    return True
        return False

    def _finding(self, places: list[tuple[Frame, Expr]]) -> Finding:
        (frame, call), count = places[0], len(places)
        more = (
            f", as do {count - 1} more places"
            if count > 2
            else ", as does one more place"
            if count == 2
            else ""
        )
        return self.finding(
            frame,
            call[-1],
            f"`{render(call)}` uses the event loop's own pool{self.where(frame)}{more}: it has the number of "
            "processors plus four threads, 5 on one core, and what finds none waits",
            "Make the pool larger at start-up (`loop.set_default_executor(ThreadPoolExecutor(40))` in the lifespan), "
            "or call `await run_in_threadpool(...)`, whose pool has 40 threads",
            fix=into_larger_pool(places),
        )
