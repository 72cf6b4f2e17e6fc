"""Objects of libraries that outlive the functions which use them, and may be changed by that."""

from __future__ import annotations

from fastlint.application.changes import is_guarded
from fastlint.application.lent_objects import LentObjects
from fastlint.application.library_objects import LibraryObjects
from fastlint.application.outliving import is_alias, is_local, outlives
from fastlint.facts.model import Expr
from fastlint.facts.structure import root
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.project.values import FunctionValue


class KeptObjects:
    """Answers which functions may change such objects."""

    def __init__(self, inference: Inference, lent: LentObjects, objects: LibraryObjects) -> None:
        self._inference = inference
        self._lent = lent
        self._objects = objects

    def are_changed_in(self, frame: Frame) -> bool:
        """Tell whether a function calls methods that may change an object of a library which outlives it.

        What is awaited is made for coroutines that run at the same time.
        """
        facts = frame.function.facts
        return any(
            self._objects.may_change(expr[1], frame)
            and self._is_kept(expr[1][1], frame)
            and not is_guarded(block, facts)
            for kind, expr, _, block, awaited, _ in facts.events
            if kind in ("call", "drop", "enter")
            and expr[0] == "call"
            and expr[1][0] == "attr"
            and not awaited
        )

    def _is_kept(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an object outlives the function: a variable of the module, or what a function gives of these."""
        if expr[0] in ("name", "attr"):
            return not self._lent.is_self(root(expr), frame) and (
                outlives(expr, frame) or is_alias(expr, frame) or self._is_remembered(expr, frame)
            )
        return expr[0] == "call" and self._gives_kept(expr, frame)

    def _is_remembered(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether a variable holds what a function gives of things that outlive its calls."""
        bound = frame.function.facts.bindings.get(str(expr[1]), ()) if expr[0] == "name" else ()
        return any(value[0] == "call" and self._gives_kept(value, frame) for _, _, value in bound)

    def _gives_kept(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a call gives what the called function keeps: under a cache, or in a variable of its module."""
        return any(
            isinstance(callee, FunctionValue)
            and (
                "memoises" in callee.marks
                or any(
                    given[0] in ("name", "attr") and not is_local(root(given), inner)
                    for inner in (self._inference.program.generic_frame(callee.function),)
                    for given in callee.function.facts.returns
                )
            )
            for callee in self._inference.values(call[1], frame)
        )
