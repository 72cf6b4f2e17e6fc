"""Who names a function, and what for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr, ModuleFacts
from fastlint.facts.structure import called_name, children
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, Module
from fastlint.project.values import FunctionValue

CALLED, REGISTERED, HANDED_ON = "called", "registered", "handed on"

REGISTERING = frozenset({
    "Depends", "Security", "add_task", "BackgroundTask", "add_api_route", "add_exception_handler",
    "exception_handler",
})  # fmt: skip
"""Callables of FastAPI and Starlette that take coroutine functions and plain ones alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A place that names a function."""

    frame: Frame
    expr: Expr
    """The name, or the call if the function is called here."""
    how: str
    """CALLED, REGISTERED (FastAPI takes coroutine functions and plain ones alike there) or HANDED_ON."""


class References:
    """Finds the places of the program that name a function of a module."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._found: dict[Function, list[Reference]] = {}

    def of(self, function: Function) -> list[Reference]:
        """Return the places that name a function, its definition and imports aside.

        Meant for functions at module level; methods are reached through objects of many classes.
        """
        if function not in self._found:
            self._found[function] = list(self._find(function))
        return self._found[function]

    def _find(self, function: Function) -> Iterator[Reference]:
        for module in self._inference.program.modules.values():
            names = names_of(function, module)
            if not names.isdisjoint(module.facts.mentions):
                for frame, expr in expressions(module, self._inference):
                    yield from self._in(expr, frame, function, names, None)

    def _in(
        self, expr: Expr, frame: Frame, function: Function, names: frozenset[str], parent: Expr | None
    ) -> Iterator[Reference]:
        if expr[0] in ("name", "attr") and expr[1 if expr[0] == "name" else 2] in names:
            values = self._inference.values(expr, frame)
            if any(isinstance(value, FunctionValue) and value.function is function for value in values):
                if parent is None:
                    yield Reference(frame, expr, HANDED_ON)
                elif parent[1] is expr:
                    yield Reference(frame, parent, CALLED)
                else:
                    how = REGISTERED if called_name(parent) in REGISTERING else HANDED_ON
                    yield Reference(frame, expr, how)
        for child in children(expr):
            yield from self._in(child, frame, function, names, expr if expr[0] == "call" else None)


def names_of(function: Function, module: Module) -> frozenset[str]:
    """Return what a module may call a function: its own name, and those under which it is imported."""
    own = function.facts.name
    return frozenset({
        own,
        *(
            name
            for body in module.functions
            for name, bindings in body.facts.bindings.items()
            if any(value[0] == "import" and value[3] == own for _, _, value in bindings)
        ),
    })  # fmt: skip


def expressions(module: Module, inference: Inference) -> Iterator[tuple[Frame, Expr]]:
    """Yield every expression of a module that is not part of another one, once."""
    seen: set[int] = set()
    for frame, expr in _all(module, inference):
        if id(expr) not in seen:
            yield frame, expr
        for part in _nested(expr):
            seen.add(id(part))


def _all(module: Module, inference: Inference) -> Iterator[tuple[Frame, Expr]]:
    facts: ModuleFacts = module.facts
    for function in module.functions:
        own = inference.program.generic_frame(function)
        outer = inference.defining_frame(function)
        body = function.facts
        # The later events come first: the call around a call follows it.
        for event in reversed(body.events):
            yield own, event[1]
        for expr in (*body.returns, *body.yields):
            yield own, expr
        for bindings in body.bindings.values():
            for _, _, value in bindings:
                yield own, value
        for _, _, value in body.stores:
            yield own, value
        for parameter in body.parameters:
            for part in (parameter.default, parameter.annotation):
                if part is not None:
                    yield outer, part
        for decorator in body.decorators:
            yield outer, decorator
    for cls in facts.classes:
        for bindings in cls.bindings.values():
            for _, _, value in bindings:
                yield module.frame, value
        for expr in (*cls.bases, *cls.decorators, *(value for _, value in cls.keywords)):
            yield module.frame, expr


def _nested(expr: Expr) -> Iterator[Expr]:
    pending = [expr]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))
