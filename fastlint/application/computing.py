"""Which functions only compute, for microseconds: proof that they need no thread and may run anywhere."""

from __future__ import annotations

from collections.abc import Iterable

from fastlint.application.routes import BY_DECORATOR
from fastlint.facts.model import FLOW, Event, Expr
from fastlint.facts.structure import loops_around, root
from fastlint.project import members
from fastlint.project.bindings import call_argument
from fastlint.project.calls import COMPUTES, ITEMS, CallResolver, Site
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import (
    ClassValue,
    Collection,
    FunctionValue,
    Instance,
    LibraryName,
    Partial,
    Suspended,
    Text,
    Tuple,
    Value,
)

SETTINGS = ("pydantic_settings.BaseSettings", "pydantic.BaseSettings")
PLAIN_BASES = frozenset({"abc.ABC", "builtins.object", "builtins.type"})
PLAIN_METACLASSES = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"})
HARMLESS_DECORATORS = frozenset({
    "abc.abstractmethod", "attr.s", "attrs.define", "attrs.frozen", "builtins.classmethod", "builtins.property",
    "builtins.staticmethod", "contextlib.contextmanager", "dataclasses.dataclass", "enum.unique",
    "functools.cached_property", "functools.total_ordering", "functools.wraps", "pydantic.computed_field",
    "pydantic.dataclasses.dataclass", "pydantic.field_validator", "pydantic.model_validator", "pydantic.root_validator",
    "pydantic.validator", "typing.final", "typing.no_type_check", "typing.overload", "typing.override",
    "typing.runtime_checkable", "typing_extensions.override",
})  # fmt: skip
REGISTERING = BY_DECORATOR | {"exception_handler"}
"""Methods of applications and routers that note a function and return it as it is."""
DEEPEST = 12
"""Calls that are nested more deeply than this are not taken for short."""


class Computing:
    """Answers whether calling a function only computes; what is not known to do so does not.

    Loops may run over what one request brings, and not within each other. What runs only once must
    compute as well, with one exception: a memoised function may read the settings.
    """

    def __init__(self, resolver: CallResolver) -> None:
        self._resolver = resolver
        self._inference = resolver.inference
        self._catalog = resolver.catalog
        self._known: dict[Frame, bool] = {}
        self._classes: dict[ProjectClass, bool] = {}
        self._depth = 0

    def only_computes(self, frame: Frame) -> bool:
        """Tell whether a plain function (or generator, to its end) computes and does nothing else."""
        known = self._known.get(frame)
        if known is None:
            self._known[frame] = False  # a function that calls itself may take long
            if self._depth < DEEPEST:
                self._depth += 1
                known = self._known[frame] = self._judge(frame)
                self._depth -= 1
        return bool(known)

    def construction_only_computes(self, cls: ProjectClass) -> bool:
        """Tell whether making an object of a class computes and does nothing else."""
        known = self._classes.get(cls)
        if known is None:
            self._classes[cls] = False
            known = self._classes[cls] = self._is_plain(cls) and all(
                self.only_computes(frame) for frame in self._resolver.construction(cls)
            )
        return known

    def reads_settings_once(self, frame: Frame) -> bool:
        """Tell whether a memoised function without parameters makes settings and does nothing else."""
        facts = frame.function.facts
        if facts.is_async or facts.parameters:
            return False
        calls = [event[1] for event in facts.events if event[0] in ("call", "drop")]
        callees = [self._inference.values(call[1], frame) for call in calls]
        return all(callees) and all(
            self._is_settings(callee) or self._computes(callee, call, frame)
            for call, values in zip(calls, callees, strict=True)
            for callee in values
        )

    def _is_settings(self, value: Value) -> bool:
        if not isinstance(value, ClassValue):
            return False
        return any(self._inference.is_subclass(Instance(value.cls), base) for base in SETTINGS)

    def _judge(self, frame: Frame) -> bool:
        facts = frame.function.facts
        if facts.is_async or facts.is_stub or not self._is_plainly_decorated(frame.function):
            return False
        if any(kind == "while" for _, kind, _ in facts.blocks):
            return False
        return all(self._passes(frame, event) for event in facts.events) and all(
            self._is_harmless(site) for site in self._resolver.sites(frame)
        )

    def _is_harmless(self, site: Site) -> bool:
        """Tell whether what is known to run at a place only computes."""
        waits = (site.sinks, site.acts, site.makes, site.starts, site.on_loop, site.in_thread, site.scheduled)
        return not any(waits) and all(self.only_computes(callee) for callee in site.runs)

    def _passes(self, frame: Frame, event: Event) -> bool:
        """Tell whether nothing unknown runs at an event."""
        kind, expr, _, block, awaited, _ = event
        facts = frame.function.facts
        if kind in FLOW:
            return True
        if awaited:
            return False
        if kind in ("call", "drop"):
            callees = self._inference.values(expr[1], frame)
            return bool(callees) and all(self._computes(callee, expr, frame) for callee in callees)
        if kind == "iter":
            if len(loops_around(facts, block)) > 0:
                return False
            return self._is_short(expr[1] if expr[0] in ("elem", "iter") else expr, frame)
        if kind == "enter":
            entered = self._inference.values(expr, frame)
            return bool(entered) and all(self._is_entered(value) for value in entered)
        if kind == "attr":
            return self._is_plain_read(expr, frame)
        if kind in ITEMS:
            return self._is_in_memory(expr[1], frame)
        if kind == "set":
            return self._is_known(expr[1], frame)
        return kind == "op"

    # Calls

    def _computes(self, callee: Value, call: Expr, frame: Frame) -> bool:
        match callee:
            case FunctionValue():
                return self._function_computes(callee, call, frame)
            case ClassValue(cls=ProjectClass() as cls):
                return self.construction_only_computes(cls)
            case ClassValue(cls=str() as name) | LibraryName(name=name):
                return self._library_computes(name, call, frame)
            case Partial(target=target):
                return self._computes(target, call, frame)
            case Instance(cls=str() as name):
                return self._library_computes(self._catalog.member(name, "__call__"), call, frame)
            case Instance():
                methods = members.special_method(self._inference, callee, "__call__")
                return bool(methods) and all(self._computes(method, call, frame) for method in methods)
        return False

    def _function_computes(self, callee: FunctionValue, call: Expr, frame: Frame) -> bool:
        if "memoises" in callee.marks and self.reads_settings_once(
            self._inference.enter(callee, call, frame)
        ):
            return True
        if "offloads" in callee.marks or callee.blocks is not None:
            return False
        targets = members.implementations(self._inference, callee)
        targets += self._overriding(callee)
        return all(self.only_computes(self._inference.enter(t, call, frame)) for t in targets)

    def _overriding(self, callee: FunctionValue) -> list[FunctionValue]:
        """Return the methods of subclasses that a call may reach instead."""
        owner, receiver = callee.function.owner, callee.receiver
        if owner is None or not isinstance(receiver, Instance) or not isinstance(receiver.cls, ProjectClass):
            return []
        found: dict[Function, FunctionValue] = {}
        for cls in members.subclasses(self._inference, receiver.cls):
            below = Instance(cls)
            for value in (
                members.class_attribute(self._inference, cls, callee.function.facts.name, below) or ()
            ):
                if isinstance(value, FunctionValue) and value.function is not callee.function:
                    found.setdefault(value.function, value)
        return list(found.values())

    def _library_computes(self, name: str, call: Expr, frame: Frame) -> bool:
        catalog = self._catalog
        if catalog.acts_of(name) != COMPUTES or catalog.resource(name) is not None:
            return False
        if catalog.effect(name) is not None:
            return False
        runs = catalog.runs.get(name)
        for where in runs.callables if runs is not None else ():
            given = call_argument(
                call, where if isinstance(where, int) else None, where if isinstance(where, str) else ""
            )
            callees = self._inference.values(given, frame) if given is not None else ()
            inner: Expr = call
            if given is not None and not (callees and all(self._computes(c, inner, frame) for c in callees)):
                return False
        return True

    # Classes

    def _is_plain(self, cls: ProjectClass) -> bool:
        """Tell whether a class and its bases are known and construct their objects themselves."""
        for base in self._inference.mro(cls):
            if isinstance(base, str):
                if base not in PLAIN_BASES and self._catalog.acts_of(base) != COMPUTES:
                    return False
                continue
            scope = self._inference.program.frame_around(base)
            if not all(self._inference.values(expr, scope) for expr in base.facts.bases):
                return False
            for name, value in base.facts.keywords:
                if name == "metaclass" and not self._are_named((value,), scope, PLAIN_METACLASSES):
                    return False
            if not self._are_named(base.facts.decorators, scope, HARMLESS_DECORATORS):
                return False
        return True

    def _is_plainly_decorated(self, function: Function) -> bool:
        scope = self._inference.defining_frame(function)
        decorators = [
            d for d in function.facts.decorators if d[0] != "attr" or d[2] not in ("setter", "getter")
        ]
        return all(self._is_harmless_decorator(d, scope) for d in decorators)

    def leaves_alone(self, decorator: Expr, frame: Frame) -> bool:
        """Tell whether a decorator registers a function, remembers its results or does nothing to it."""
        return self._is_harmless_decorator(decorator, self._inference.defining_frame(frame.function))

    def _is_harmless_decorator(self, decorator: Expr, scope: Frame) -> bool:
        if self._are_named((decorator,), scope, HARMLESS_DECORATORS):
            return True
        target = decorator[1] if decorator[0] == "call" else decorator
        values = self._inference.values(target, scope)
        return bool(values) and all(isinstance(v, LibraryName) and self._leaves_alone(v.name) for v in values)

    def _leaves_alone(self, name: str) -> bool:
        """Tell whether a decorator of a library registers a function, remembers its results or does nothing."""
        decorator = self._catalog.decorators.get(name)
        if decorator is not None:
            return decorator.effect in ("memoises", "transparent")
        return name.startswith(("fastapi.", "starlette.")) and name.rpartition(".")[2] in REGISTERING

    def _are_named(self, exprs: Iterable[Expr], scope: Frame, names: frozenset[str]) -> bool:
        for expr in exprs:
            target = expr[1] if expr[0] == "call" else expr
            values = self._inference.values(target, scope)
            if not values or not all(_dotted(value) in names for value in values):
                return False
        return True

    # Everything else that can run code

    def _is_short(self, iterated: Expr, frame: Frame) -> bool:
        """Tell whether what is iterated is in memory and of one request: not a table, a file or a cursor."""
        if iterated[0] in ("attr", "name") and root(iterated) not in (
            *frame.function.parameters,
            *frame.function.facts.bindings,
        ):
            return False
        values = self._inference.values(iterated, frame)
        for value in values:
            if isinstance(value, (Collection, Tuple, Text)):
                continue
            if isinstance(value, Suspended):
                if not self.only_computes(value.frame):
                    return False
                continue
            name = value.cls if isinstance(value, Instance) else None
            if not isinstance(name, str) or not (
                name.startswith("builtins.") or self._catalog.acts_of(name) == COMPUTES
            ):
                return False
        return bool(values)

    def _is_entered(self, value: Value) -> bool:
        if isinstance(value, Suspended):
            return self.only_computes(value.frame)
        if isinstance(value, Instance) and isinstance(value.cls, str):
            return self._catalog.acts_of(value.cls) == COMPUTES
        return isinstance(value, Instance)  # methods of the project are among the sites

    def _is_plain_read(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether reading an attribute runs nothing unknown: properties of libraries may."""
        if expr[2] in self._resolver.lazy_names:
            return False
        values = self._inference.values(expr[1], frame)
        if not values:
            return self._is_known(expr[1], frame)
        for value in values:
            name = value.cls if isinstance(value, Instance) else None
            if isinstance(name, str):
                member = self._catalog.member(name, expr[2])
                if self._catalog.effect(member) is not None:
                    return False
        return True

    def _is_in_memory(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether reading an item of an object only looks into memory, as far as anybody knows."""
        for value in self._inference.values(expr, frame):
            name = value.cls if isinstance(value, Instance) else None
            if isinstance(name, str) and not (
                name.startswith("builtins.") or self._catalog.acts_of(name) == COMPUTES
            ):
                return False
        return self._is_known(expr, frame)

    def _is_known(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression is understood as far as its parts go: `request.state.user`."""
        while expr[0] in ("attr", "sub"):
            if self._inference.values(expr, frame):
                return True
            expr = expr[1]
        if self._inference.values(expr, frame):
            return True
        return expr[0] == "name" and expr[1] in frame.function.parameters


def _dotted(value: Value) -> str:
    if isinstance(value, LibraryName):
        return value.name
    if isinstance(value, (ClassValue, Instance)) and isinstance(value.cls, str):
        return value.cls
    return ""
