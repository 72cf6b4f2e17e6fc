"""What functions change that outlives their calls: variables, attributes, containers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from fastlint.application.below import Below
from fastlint.application.outliving import outlives_or_default
from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import blocks_around, leaf, mentions, root
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, Module, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue, Instance, LibraryName

MUTATING = frozenset({
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "put", "put_nowait", "remove", "reverse", "rotate",
    "setdefault", "sort", "subtract", "update",
})  # fmt: skip
"""Methods of containers that change them."""
OPEN = frozenset({"headers", "cookies", "params", "proxies", "path"})
"""Attributes of library objects that are containers: `session.headers`, `sys.path`."""
CONTAINERS = ("builtins.", "collections.", "queue.", "cachetools.")
MAKERS = frozenset({"__init__", "__new__", "__post_init__"})


class Changes:
    """Answers what functions change of things that outlive the call."""

    def __init__(self, inference: Inference, below: Below) -> None:
        self._inference = inference
        self._below = below
        self._changed_by: dict[Frame, list[tuple[Expr, bool]]] = {}
        self._changed_containers: dict[str, bool] = {}
        self._changed_variables: dict[Module, frozenset[str]] = {}
        self._changed_attributes: dict[str, frozenset[ProjectClass | None]] = {}
        self._makers: dict[Function, bool] = {}
        self._changed_given: dict[Function, set[str]] = {}
        self._changes_below: dict[str, bool] = {}

    def of(self, frame: Frame) -> list[tuple[Expr, bool]]:
        """Return what a function changes of things that outlive the call, and whether that is a container."""
        if frame not in self._changed_by:
            self._changed_by[frame] = list(self._find_changes(frame))
        return self._changed_by[frame]

    def _find_changes(self, frame: Frame) -> Iterator[tuple[Expr, bool]]:
        facts = frame.function.facts
        is_maker, once = self._is_maker(frame.function), _filled_once(facts)
        for name in facts.outer_names:
            if name not in once:
                yield ("name", name), False
        for base, attribute, _ in facts.stores:
            is_item = attribute in ("[]", "[+]")
            changed = base if is_item else ("attr", base, attribute)
            if not outlives_or_default(base, facts, is_maker=is_maker) or _written(changed) in once:
                continue
            if attribute != "[+]" or self.is_container(base, frame):
                yield changed, is_item
        for event in facts.events:
            expr = event[1]
            if event[0] in ("delete", "augment"):
                if outlives_or_default(expr, facts, is_maker=is_maker):
                    yield (expr[1], True) if expr[0] == "sub" else (expr, False)
            elif event[0] in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in MUTATING:
                base = expr[1][1]
                if outlives_or_default(base, facts, is_maker=is_maker) and self.is_container(base, frame):
                    yield base, True

    def is_changed_container(self, name: str) -> bool:
        """Tell whether some call changes the items of a container that outlives it and has that last name."""
        if name not in self._changed_containers:
            program = self._inference.program
            self._changed_containers[name] = any(
                is_container and leaf(expr) == name
                for function in program.functions_naming((name,))
                if function.index and function in self._changing
                for expr, is_container in self.of(program.generic_frame(function))
            )
        return self._changed_containers[name]

    def variables_changed_in(self, module: Module) -> frozenset[str]:
        """Return the variables of a module that calls change."""
        if module not in self._changed_variables:
            changing = filter(self._changing.__contains__, module.functions)
            changes = self._changes_of_calls(changing)
            self._changed_variables[module] = frozenset(e[1] for _, e, _ in changes if e[0] == "name")
        return self._changed_variables[module]

    def classes_changing(self, attribute: str) -> frozenset[ProjectClass | None]:
        """Return the classes whose methods set an attribute of their objects.

        None stands for the attribute of something that is not `self`.
        """
        if attribute not in self._changed_attributes:
            storing = self._inference.program.functions_storing(attribute)
            self._changed_attributes[attribute] = frozenset(
                function.owner if root(expr) in ("self", "cls") else None
                for function, expr, is_container in self._changes_of_calls(storing)
                if expr[0] == "attr" and expr[2] == attribute and not is_container
            )
        return self._changed_attributes[attribute]

    def _changes_of_calls(self, functions: Iterable[Function]) -> Iterator[tuple[Function, Expr, bool]]:
        """Yield what functions change, those aside that only tests call, such as `reset_pool()`."""
        program = self._inference.program
        for function in functions:
            if function.index and (function.facts.decorators or program.mentions(function.facts.name)):
                for expr, is_container in self.of(program.generic_frame(function)):
                    yield function, expr, is_container

    @cached_property
    def _changing(self) -> set[Function]:
        """The functions that may change what outlives a call, told by their names alone."""
        program = self._inference.program
        mutating = set(program.functions_naming(MUTATING))
        return {f for f in program.functions() if f.facts.stored or f.facts.outer_names or f in mutating}

    def may_change(self, name: str) -> bool:
        """Tell whether a method of the program of that name, or what it runs, changes what outlives a call."""
        if name not in self._changes_below:
            program = self._inference.program
            self._changes_below[name] = any(
                self.of(below)
                for function in self._methods.get(name, ())
                for below in self._below.of(program.generic_frame(function), awaited=True)
            )
        return self._changes_below[name]

    @cached_property
    def _methods(self) -> dict[str, list[Function]]:
        """The methods of the program, by name."""
        found: dict[str, list[Function]] = defaultdict(list)
        for function in self._inference.program.functions():
            if function.owner is not None:
                found[function.facts.name].append(function)
        return found

    def changed_arguments(self, call: Expr, callee: FunctionValue) -> list[Expr]:
        """Return the arguments of a call that the called function, or one below it, changes."""
        changed = self._changed_parameters(callee.function)
        return [argument for name, argument in _given(call, callee) if name in changed]

    def _changed_parameters(self, function: Function) -> set[str]:
        """Return the parameters whose items a function, or one that it gives them to, changes."""
        if function not in self._changed_given:
            facts, frame = function.facts, self._inference.program.generic_frame(function)
            found = self._changed_given[function] = {
                root(base) for base, attribute, _ in facts.stores if attribute in ("[]", "[+]")
            }
            for kind, expr, *_ in facts.events:
                if kind == "augment" and expr[0] == "sub":
                    found.add(root(expr))
                if kind not in ("call", "drop") or expr[0] != "call":
                    continue
                if expr[1][0] == "attr" and expr[1][2] in MUTATING and self.is_container(expr[1][1], frame):
                    found.add(root(expr[1][1]))
                for value in self._inference.values(expr[1], frame):
                    if isinstance(value, FunctionValue):
                        found.update(map(root, self.changed_arguments(expr, value)))
        return self._changed_given[function]

    def is_container(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an object may be a container of the program's own: not one of a library."""
        values = self._inference.values(expr, frame)
        if expr[0] == "attr" and expr[2] in OPEN:
            return True
        return not values or any(
            not isinstance(value, (Instance, LibraryName, ClassValue, FunctionValue))
            or (isinstance(value, Instance) and str(value.cls).startswith(CONTAINERS))
            for value in values
        )

    def _is_maker(self, function: Function) -> bool:
        """Tell whether a method makes its object ready: a constructor, or what constructors alone call."""
        if function.facts.name in MAKERS or function.owner is None or not function.facts.name.startswith("_"):
            return function.facts.name in MAKERS
        if function not in self._makers:
            callers = [caller for caller, _ in self._inference.call_sites.named(function)]
            self._makers[function] = (
                bool(callers)
                and all(c.owner is function.owner and c.facts.name in MAKERS for c in callers)
                and not any(
                    event[0] == "attr" and event[1][2] == function.facts.name
                    for other in self._inference.program.functions_naming((function.facts.name,), tests=True)
                    for event in other.facts.events
                )
            )
        return self._makers[function]


def _given(call: Expr, callee: FunctionValue) -> list[tuple[str | None, Expr]]:
    """Return the arguments of a call with the names of the parameters that they are for."""
    names = [parameter.name for parameter in callee.function.facts.parameters]
    if callee.receiver is not None or names[:1] == ["self"]:
        names = names[1:]
    return [*zip(names, call[2], strict=False), *call[3]]


def _filled_once(facts: FunctionFacts) -> set[str]:
    """Return the variables and attributes that a function only sets behind a guard: `if _pool is None`."""
    guarded: set[str] = set()
    plain: set[str] = set()
    if any(kind == "once" for _, kind, _ in facts.blocks):
        asked = [condition for _, _, condition in facts.blocks]
        guarded.update(name for name in facts.outer_names if any(mentions(c, name) for c in asked))
    for event in facts.events:
        if event[0] == "set":
            (guarded if is_guarded(event[3], facts) else plain).add(_written(event[1]))
    return guarded - plain


def is_guarded(block: int, facts: FunctionFacts) -> bool:
    """Tell whether a block runs only until something is there: `if _pool is None`."""
    return any(kind == "once" for _, kind, _ in blocks_around(facts, block))


def _written(expr: Expr) -> str:
    if expr[0] == "name":
        return str(expr[1])
    if expr[0] == "attr":
        return f"{_written(expr[1])}.{expr[2]}"
    if expr[0] == "sub":
        return f"{_written(expr[1])}[...]"
    return "..."
