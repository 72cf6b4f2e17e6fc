"""Calls of which nobody knows what they run."""

from __future__ import annotations

from fastlint.application.changes import Changes
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, children
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue, FunctionValue, Instance, LibraryName

DATA = frozenset({"json", "loads", "load", "safe_load", "decode", "info", "hgetall"})
"""Functions and methods of libraries that give what a text says: dictionaries, lists, texts and numbers."""
OBJECTS = frozenset({"pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "shelve", "torch"})
"""Libraries that load objects of any class."""
HOOKS = frozenset({"cls", "object_hook", "object_pairs_hook", "Loader"})
"""Arguments that make objects of the program of what is read."""
READING = frozenset({"get", "items", "keys", "values", "copy"})
"""Methods of dictionaries that change nothing."""
DEEPEST = 12


class UnknownCalls:
    """Finds the calls of a function that may run anything, and change what requests share."""

    def __init__(self, inference: Inference, changes: Changes) -> None:
        self._inference = inference
        self._changes = changes

    def are_in(self, frame: Frame) -> bool:
        """Tell whether a function calls what may change anything that is shared."""
        return any(
            self._is_unknown(event[1], frame)
            for event in frame.function.facts.events
            if event[0] in ("call", "drop") and event[1][0] == "call"
        )

    def _is_unknown(self, call: Expr, frame: Frame) -> bool:
        callee = call[1]
        if callee[0] == "attr" and not self._changes.may_change(callee[2]):
            return False  # whatever the object is, it changes nothing that is shared
        if self._inference.values(callee, frame) or self._is_of_library(callee, frame):
            return False
        return not (callee[0] == "attr" and callee[2] in READING and self._is_data(callee[1], frame))

    def _is_data(self, expr: Expr, frame: Frame, depth: int = 0) -> bool:
        """Tell whether something was read from a text, such as JSON, and so is no object of the program."""
        tag, deeper = expr[0], depth + 1
        if depth > DEEPEST:
            return False
        if tag in ("const", "lit"):
            return True
        if tag in ("list", "tuple", "dict"):
            return not any(True for _ in children(expr))
        if tag in ("elem", "item", "sub", "await"):
            return self._is_data(expr[1], frame, deeper)
        if tag == "any":
            return all(self._is_data(part, frame, deeper) for part in expr[1])
        if tag == "name":
            bindings = frame.function.facts.bindings.get(expr[1], ())
            is_own = (
                expr[1] not in frame.function.parameters and expr[1] not in frame.function.facts.outer_names
            )
            return is_own and bool(bindings) and all(self._is_data(v, frame, deeper) for _, _, v in bindings)
        if tag != "call" or called_name(expr) not in DATA | READING:
            return False
        if called_name(expr) in READING:
            return expr[1][0] == "attr" and all(
                self._is_data(part, frame, deeper) for part in (expr[1][1], *expr[2][1:])
            )
        callees = self._inference.values(expr[1], frame)
        return (
            bool(callees)
            and HOOKS.isdisjoint(name for name, _ in expr[3])
            and all(
                isinstance(callee, LibraryName) and callee.name.partition(".")[0] not in OBJECTS
                for callee in callees
            )
        )

    def _is_of_library(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an attribute hangs on something of a library, whatever that attribute is."""
        while expr[0] in ("attr", "call", "sub"):
            expr = expr[1]
            for value in self._inference.values(expr, frame):
                if isinstance(value, LibraryName):
                    return True
                if isinstance(value, (Instance, ClassValue)) and isinstance(value.cls, str):
                    return True
                if not isinstance(value, (Instance, ClassValue, FunctionValue)):
                    return True
        return False
