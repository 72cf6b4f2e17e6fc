"""Indices over the whole program: where attributes are set, who calls what, who derives from whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastlint.facts.model import Expr
from fastlint.facts.structure import last_name
from fastlint.project import members
from fastlint.project.program import Frame, Function, Program, ProjectClass
from fastlint.project.values import Instance, ModuleValue, Values, union

if TYPE_CHECKING:
    from fastlint.project.infer import Inference

MOST_STORES = 12
STATE = "state"


class StoreIndex:
    """Where attributes and items are set outside of the class body."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._on_self: dict[tuple[ProjectClass, str], list[tuple[Function, Expr]]] = defaultdict(list)
        self._on_state: dict[str, list[tuple[Function, Expr]]] = defaultdict(list)
        self._on_others: dict[str, list[tuple[Function, Expr, Expr]]] = defaultdict(list)
        self._known: set[str] = set()
        """Names of attributes and containers whose stores have been collected."""
        self._stored: set[str] = set()
        """Names of attributes among them that are set somewhere."""
        self._items: dict[tuple[object, str], list[tuple[Function, Expr]]] = defaultdict(list)
        self._binding: dict[str, list[ProjectClass]] | None = None
        self._conforming: dict[ProjectClass, list[ProjectClass]] = {}
        self._subclasses: dict[ProjectClass, list[ProjectClass]] | None = None
        for function in program.functions():
            if function.facts.is_generator and function.facts.is_async:
                self._add_lifespan_state(function)

    def _collect(self, name: str) -> None:
        """Collect what is stored under a name: as an attribute, or into a container that is called so."""
        if name in self._known:
            return
        self._known.add(name)
        for function in self.program.functions_storing(name):
            for base, attribute, value in function.facts.stores:
                if attribute == name:
                    self._stored.add(name)
                    self._add(function, base, name, value)
                elif attribute in ("[]", "[+]") and last_name(base) == name:
                    self._add_item(function, base, attribute, value)

    def _add_item(self, function: Function, base: Expr, how: str, value: Expr) -> None:
        if how == "[+]" and base[0] == "attr" and _is_parameter(function, value):
            return  # which object's container it goes into, is not told apart
        self._items[_container(function, base)].append((function, value))

    def _add(self, function: Function, base: Expr, name: str, value: Expr) -> None:
        owner = _method_owner(function)
        if owner is not None and base[0] == "name" and _is_receiver(function, base[1]):
            self._on_self[owner, name].append((function, value))
        elif base[0] == "attr" and base[2] == STATE:
            self._on_state[name].append((function, value))
        else:
            self._on_others[name].append((function, base, value))

    def _add_lifespan_state(self, function: Function) -> None:
        """What a lifespan yields as a dictionary becomes `request.state`."""
        for value in function.facts.yields:
            if value[0] == "dict":
                for key, item in zip(value[1], value[2], strict=True):
                    if key[0] == "const" and isinstance(key[1], str):
                        self._on_state[key[1]].append((function, item))

    def of_class(self, cls: ProjectClass, name: str) -> list[tuple[Function, Expr]]:
        """Return the (method, value) pairs by which methods of a class set an attribute on self."""
        self._collect(name)
        return self._on_self.get((cls, name), [])[:MOST_STORES]

    def items(self, inference: Inference, base: Expr, frame: Frame) -> Values:
        """Return the values that are put into a container of that name in the same scope.

        Constants and class attributes are looked for in all files.
        """
        if not last_name(base):
            return ()
        self._collect(last_name(base))
        stored = self._items.get(_container(frame.function, base), [])[:MOST_STORES]
        return union([inference.values(v, inference.program.generic_frame(f)) for f, v in stored] or [()])

    def elsewhere(self, inference: Inference, expr: Expr, base: Values, frame: Frame) -> Values:
        """Return the values that other code sets as this attribute: `app.state.x`, `settings.x`."""
        name = expr[2]
        self._collect(name)
        if expr[1][0] == "attr" and expr[1][2] == STATE:
            stored = self._on_state.get(name, ())[:MOST_STORES]
            return union([inference.values(v, inference.program.generic_frame(f)) for f, v in stored] or [()])
        owners = {
            v.cls if isinstance(v, Instance) else v.module
            for v in base
            if isinstance(v, (Instance, ModuleValue))
        }
        found = []
        for function, target, value in self._on_others.get(name, ())[:MOST_STORES] if owners else ():
            other = inference.program.generic_frame(function)
            for holder in inference.values(target, other):
                key = holder.cls if isinstance(holder, Instance) else getattr(holder, "module", None)
                if key in owners:
                    found.append(inference.values(value, other))
        return union(found) if found else ()

    def is_stored(self, name: str) -> bool:
        """Tell whether somewhere outside tests an attribute of that name is set."""
        self._collect(name)
        return name in self._stored

    def subclasses(self, inference: Inference) -> dict[ProjectClass, list[ProjectClass]]:
        """Return, for every class, the classes outside tests that derive from it."""
        if self._subclasses is None:
            found: dict[ProjectClass, list[ProjectClass]] = defaultdict(list)
            self._subclasses = found
            for cls in self.program.classes():
                for base in inference.mro(cls)[1:]:
                    if isinstance(base, ProjectClass):
                        found[base].append(cls)
        return self._subclasses

    def conforming(self, inference: Inference, protocol: ProjectClass) -> list[ProjectClass]:
        """Return the classes that have every method of a protocol."""
        if protocol not in self._conforming:
            wanted = {m.facts.name for m in protocol.methods() if not m.facts.name.startswith("__")}
            binding = [self._classes_binding(inference).get(name, []) for name in wanted]
            others = [set(classes) for classes in binding]
            self._conforming[protocol] = [
                cls
                for cls in min(binding, key=len, default=[])
                if cls is not protocol
                and all(cls in classes for classes in others)
                and not members.is_abstract(inference, cls)
            ]
        return self._conforming[protocol]

    def _classes_binding(self, inference: Inference) -> dict[str, list[ProjectClass]]:
        """Return, for every name, the classes that bind it themselves or in one of their bases in the program."""
        if self._binding is None:
            found: dict[str, list[ProjectClass]] = defaultdict(list)
            for cls in self.program.classes():
                bases = [base for base in inference.mro(cls) if isinstance(base, ProjectClass)]
                for name in set().union(*(base.facts.bindings for base in bases)):
                    found[name].append(cls)
            self._binding = found
        return self._binding


class CallIndex:
    """Who calls a function, by the last part of the name that the call is written with."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._by_name: dict[str, list[tuple[Function, Expr]]] = {}
        self._called: dict[Function, tuple[str, ...]] = {}
        """By function, the names that its calls are written with, in their order."""

    def named(self, function: Function) -> list[tuple[Function, Expr]]:
        """Return the (caller, call) pairs outside tests whose callee is spelled like the function.

        A constructor is called by the name of its class or of one that derives from it.
        """
        if function.facts.name == "__init__" and function.owner is not None:
            return self._calls(function.owner.facts.name)
        calls = self._calls(function.facts.name)
        if function.parent is not None:
            # `@register("x")` calls what `register` returns.
            calls = [*calls, *self._calls(f"{function.parent.facts.name}()")]
        return calls

    def _calls(self, name: str) -> list[tuple[Function, Expr]]:
        if name not in self._by_name:
            self._by_name[name] = list(self._find(name))
        return self._by_name[name]

    def _find(self, name: str) -> Iterator[tuple[Function, Expr]]:
        for function in self.program.functions_naming((name.removesuffix("()"),)):
            owner = function.owner.facts.name if function.owner is not None else "cls"
            called = self._called_in(function)
            if name in called or (owner == name and "cls" in called):
                calls = (event[1] for event in function.facts.events if event[0] in ("call", "drop"))
                for spelled, call in zip(called, calls, strict=True):
                    if spelled == name or (spelled == "cls" and owner == name):
                        yield function, call
            scope = function.module.functions[max(function.facts.parent, 0)]
            for decorator in function.facts.decorators:
                if name == (
                    f"{last_name(decorator[1])}()" if decorator[0] == "call" else last_name(decorator)
                ):
                    yield scope, ("call", decorator, (("def", function.index),), (), function.facts.span)

    def _called_in(self, function: Function) -> tuple[str, ...]:
        known = self._called.get(function)
        if known is None:
            events = function.facts.events
            known = tuple(last_name(event[1][1]) for event in events if event[0] in ("call", "drop"))
            self._called[function] = known
        return known


def _is_parameter(function: Function, value: Expr) -> bool:
    return value[0] == "name" and any(p.name == value[1] for p in function.facts.parameters)


def _container(function: Function, base: Expr) -> tuple[object, str]:
    """Return what tells a container from others: its name, and the scope unless all files share it."""
    name = last_name(base)
    if base[0] == "attr" or name.isupper():
        return None, name
    if name in function.facts.bindings and function.index > 0:
        return function, name
    return function.module, name


def _method_owner(function: Function) -> ProjectClass | None:
    """Return the class whose method a function is, or is nested in."""
    current: Function | None = function
    while current is not None:
        if current.owner is not None:
            return current.owner
        current = current.parent
    return None


def _is_receiver(function: Function, name: str) -> bool:
    current: Function | None = function
    while current is not None and current.owner is None:
        current = current.parent
    parameters = current.facts.parameters if current is not None else []
    return bool(parameters) and parameters[0].name == name
