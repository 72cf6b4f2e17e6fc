"""Who names a function, and what for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from fastlint.facts.model import Expr, ModuleFacts
from fastlint.facts.structure import called_name, children, walk
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, Module
from fastlint.project.values import ClassValue, FunctionValue, LibraryName, Values

CALLED, REGISTERED, HANDED_ON = "called", "registered", "handed on"

REGISTERING = frozenset({
    "Depends", "Security", "add_task", "BackgroundTask", "add_api_route", "add_exception_handler",
    "exception_handler",
})  # fmt: skip
"""Callables of FastAPI and Starlette that take coroutine functions and plain ones alike."""


BY_TEXT = frozenset({"getattr", "attrgetter", "methodcaller"})
NAMESPACES = frozenset({"globals", "locals", "vars"})
"""Functions whose results are asked for a variable by its name."""


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
        names = self.names_of(function)
        for module in self._inference.program.modules.values():
            for frame, expr in expressions(module, self._inference):
                yield from _by_text(expr, frame, function)
                if not names.isdisjoint(module.facts.mentions):
                    yield from self._in(expr, frame, function, names, None)

    def names_of(self, function: Function) -> frozenset[str]:
        """Return what the program may call a function: its own name, and those under which it is imported."""
        names = {function.facts.name}
        while True:
            found = {new for new, old in self._renamed if old in names} | names
            if found == names:
                return frozenset(names)
            names = found

    @cached_property
    def _renamed(self) -> frozenset[tuple[str, str]]:
        """(new name, old name) of all imports that rename something."""
        return frozenset(
            (name, value[3])
            for module in self._inference.program.modules.values()
            for body in module.functions
            for name, bindings in body.facts.bindings.items()
            for _, _, value in bindings
            if value[0] == "import" and value[3] not in (None, name)
        )

    def _registers(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a call is one of FastAPI that takes coroutine functions and plain ones alike."""
        if called_name(call) not in REGISTERING:
            return False
        values = self._inference.values(call[1], frame)
        return all(isinstance(v, (LibraryName, ClassValue)) and _is_of_fastapi(v) for v in values)

    def _of_own_module(self, expr: Expr, frame: Frame, function: Function) -> Values:
        """Return the function for `me.f` where `me` is the module itself, under whatever name it imports that."""
        module, base = frame.function.module, expr[1]
        if module is not function.module or base[0] != "name" or expr[2] != function.facts.name:
            return ()
        bindings = module.facts.functions[0].bindings.get(base[1], ())
        stem = module.name.rpartition(".")[2]
        itself = any(v[0] == "import" and stem in (v[1].rpartition(".")[2], v[3]) for _, _, v in bindings)
        return (FunctionValue(function),) if itself else ()

    def _in(
        self, expr: Expr, frame: Frame, function: Function, names: frozenset[str], parent: Expr | None
    ) -> Iterator[Reference]:
        if expr[0] in ("name", "attr") and expr[1 if expr[0] == "name" else 2] in names:
            values = self._inference.values(expr, frame)
            if expr[0] == "attr" and function.owner is None:
                values = (*values, *self._of_own_module(expr, frame, function))
            if any(isinstance(value, FunctionValue) and value.function is function for value in values):
                if parent is None:
                    yield Reference(frame, expr, HANDED_ON)
                elif parent[1] is expr:
                    yield Reference(frame, parent, CALLED)
                else:
                    how = REGISTERED if self._registers(parent, frame) else HANDED_ON
                    yield Reference(frame, expr, how)
        for child in children(expr):
            yield from self._in(child, frame, function, names, expr if expr[0] == "call" else None)


def _by_text(expr: Expr, frame: Frame, function: Function) -> Iterator[Reference]:
    """Yield the places that name a function by a string: `getattr(module, "name")`, `"package.module.name"`."""
    name, module = function.facts.name, function.module.name.rpartition(".")[2]
    for part in walk(expr):
        is_named = (
            (part[0] == "const" and str(part[1]).endswith((f"{module}.{name}", f"{module}:{name}")))
            or (part[0] == "call" and called_name(part) in BY_TEXT and ("const", name) in part[2])
            or (part[0] == "sub" and part[2] == ("const", name) and _is_namespace(part[1]))
        )
        if is_named:
            yield Reference(frame, part, HANDED_ON)


def _is_namespace(expr: Expr) -> bool:
    return expr[0] == "call" and called_name(expr) in NAMESPACES


def _is_of_fastapi(value: LibraryName | ClassValue) -> bool:
    name = value.name if isinstance(value, LibraryName) else value.cls
    return isinstance(name, str) and name.startswith(("fastapi.", "starlette."))


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
