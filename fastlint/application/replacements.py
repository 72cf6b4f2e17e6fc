"""Functions that the program replaces while it runs: `module.f = other`, `setattr(Class, "f", other)`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from fastlint.facts.model import UNKNOWN, Expr
from fastlint.facts.structure import called_name
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function
from fastlint.project.values import ClassValue, FunctionValue, LibraryName, ModuleValue, Value

SETTING = "setattr"


class Replacements:
    """Answers what may do something else than where it is defined."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    def has(self, value: Value) -> bool:
        """Tell whether the program puts something else in the place of a function."""
        return _identity(value) in self._replaced

    @cached_property
    def _replaced(self) -> frozenset[object]:
        program = self._inference.program
        setting = set(program.functions_naming((SETTING,)))
        return frozenset(
            _identity(value)
            for function in program.functions()
            if (function.facts.stored or function in setting)
            and not (function.module.is_test or function.module.is_offline)
            for place, frame in self._places(function)
            for value in self._inference.values(place, frame)
        ) - {None}

    def _places(self, function: Function) -> Iterator[tuple[Expr, Frame]]:
        """Yield the attributes of modules and classes that a function sets."""
        frame = self._inference.program.generic_frame(function)
        places = [(base, name) for base, name, _ in function.facts.stores if name not in ("[]", "[+]")]
        for kind, expr, *_ in function.facts.events:
            if kind in ("call", "drop") and called_name(expr) == SETTING and len(expr[2]) == 3:
                base, name, _ = expr[2]
                places += [(base, name[1])] if name[0] == "const" and isinstance(name[1], str) else []
        for base, name in places:
            if _is_imported(base, function) and any(
                isinstance(holder, ModuleValue | ClassValue)
                or (isinstance(holder, LibraryName) and holder.receiver is None)
                for holder in self._inference.values(base, frame)
            ):
                yield ("attr", base, name, UNKNOWN), frame


def _is_imported(base: Expr, function: Function) -> bool:
    """Tell whether an expression begins with something that is imported, or with a class."""
    while base[0] == "attr":
        base = base[1]
    name = str(base[1]) if base[0] == "name" else ""
    own, top = function.facts.bindings, function.module.facts.functions[0].bindings
    return any(value[0] in ("import", "class") for _, _, value in own.get(name) or top.get(name) or ())


def _identity(value: Value) -> object:
    if isinstance(value, FunctionValue):
        return value.function
    if isinstance(value, LibraryName):
        return value.name
    return None
