"""Where values come from: what names stand for and what calls return, through the functions of a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr
from fastlint.project import members
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function
from fastlint.project.values import FunctionValue

DEEPEST = 5
MOST_CALLERS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """Which call of a function is being looked into, so that its parameters are those arguments."""

    function: Function
    call: Expr
    skip: int
    """How many parameters come before the first argument: one for methods."""
    frame: Frame
    above: Call | None
    depth: int


Traced = tuple[Expr, Frame, Call | None]
"""An expression, the frame to evaluate it in, and the call that is being looked into there."""


class Tracing:
    """Follows values to the expressions that they come from."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self._calls: dict[tuple[Function, int, Frame, Call | None], Call] = {}

    def bound(self, name: Expr, frame: Frame, within: Call | None = None) -> Iterator[Traced]:
        """Yield the expressions that a name stands for at its place: assigned, or passed by callers."""
        facts = frame.function.facts
        if name[1] in facts.bindings and name[1] not in facts.outer_names:
            values, dominated = frame.function.flow.reaching(name[1], name[2], name[3])
            for value in values:
                yield value, frame, within
            if dominated:
                return
        parameter = frame.function.parameters.get(name[1])
        if parameter is not None:
            yield from self._passed(frame, parameter.name, within)

    def _passed(self, frame: Frame, name: str, within: Call | None) -> Iterator[Traced]:
        """Yield what callers pass for a parameter: the one that is being looked into, or all there are."""
        function = frame.function
        position = [parameter.name for parameter in function.facts.parameters].index(name)
        if within is not None and within.function is function:
            if position < within.skip:
                if within.call[1][0] == "attr":
                    yield within.call[1][1], within.frame, within.above
                return
            argument = call_argument(within.call, position - within.skip, name)
            if argument is not None:
                yield argument, within.frame, within.above
            return
        skip = int(function.owner is not None and frame.receiver is not None)
        for caller, call in self.inference.call_sites.named(function)[:MOST_CALLERS]:
            scope = self.inference.program.generic_frame(caller)
            callees = self.inference.values(call[1], scope)
            known = [v for v in callees if isinstance(v, FunctionValue)]
            if known and not any(v.function is function for v in known):
                continue
            if position < skip:
                if call[1][0] == "attr" and not any(v.receiver == call[1][1] for v in known):
                    yield call[1][1], scope, None
            elif known:
                argument = call_argument(call, position - skip, name)
                if argument is not None:
                    yield argument, scope, None

    def returned(self, call: Expr, frame: Frame, within: Call | None = None) -> Iterator[Traced]:
        """Yield what the functions of the program that a call runs return."""
        depth = within.depth + 1 if within is not None else 0
        if depth > DEEPEST:
            return
        for callee in self.inference.values(call[1], frame):
            if not isinstance(callee, FunctionValue):
                continue
            for target in members.implementations(self.inference, callee):
                entered = self.inference.enter(target, call, frame)
                skip = int(target.receiver is not None and "static" not in target.marks)
                inner = self._called(target.function, call, skip, frame, within, depth)
                for value in target.function.facts.returns:
                    yield value, entered, inner

    def _called(
        self, function: Function, call: Expr, skip: int, frame: Frame, within: Call | None, depth: int
    ) -> Call:
        key = (function, id(call), frame, within)
        known = self._calls.get(key)
        if known is None:
            known = self._calls[key] = Call(function, call, skip, frame, within, depth)
        return known
