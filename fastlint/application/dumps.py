"""Models that are turned into plain data right where they are returned."""

from __future__ import annotations

from fastlint.facts.model import Expr
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Instance

DUMPS = frozenset({"model_dump", "dict"})
MODEL = "pydantic.BaseModel"


def dumped(expr: Expr) -> Expr | None:
    """Return the call of `model_dump` in an expression: alone, or for each item of a list."""
    if is_for_each(expr):
        expr = expr[1][0][1][1][0]
    is_dump = expr[0] == "call" and expr[1][0] == "attr" and expr[1][2] in DUMPS and not expr[2]
    return expr if is_dump else None


def is_for_each(expr: Expr) -> bool:
    """Tell whether an expression is a list comprehension."""
    return expr[0] == "list" and len(expr[1]) == 1 and expr[1][0][0] == "star" and expr[1][0][1][0] == "list"


def dumped_models(inference: Inference, dump: Expr, frame: Frame) -> set[ProjectClass]:
    """Return the models whose instances a call of `model_dump` is made on; none if anything is unknown.

    Models that dump themselves in a way of their own are left out.
    """
    found: set[ProjectClass] = set()
    for value in inference.values(dump[1][1], frame):
        if not isinstance(value, Instance) or not isinstance(value.cls, ProjectClass):
            return set()
        bases = [base for base in inference.mro(value.cls) if isinstance(base, ProjectClass)]
        has_own_way = any(base.own(name) for base in bases for name in DUMPS)
        if has_own_way or not inference.is_subclass(value, MODEL):
            return set()
        found.add(value.cls)
    return found
