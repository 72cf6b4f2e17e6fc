"""Dependencies that the program replaces itself: `app.dependency_overrides[get_user] = ...`."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue


def overridden(inference: Inference) -> set[Function | ProjectClass]:
    """Return the functions and classes that never run as they stand, because others run in their place."""
    found: set[Function | ProjectClass] = set()
    for function in inference.program.functions_naming(("dependency_overrides",)):
        frame = inference.program.generic_frame(function)
        for kind, expr, *_ in function.facts.events:
            for key in _keys(kind, expr, frame):
                for value in inference.values(key, frame):
                    if isinstance(value, FunctionValue):
                        found.add(value.function)
                    elif isinstance(value, ClassValue) and isinstance(value.cls, ProjectClass):
                        found.add(value.cls)
    return found


def _keys(kind: str, expr: Expr, frame: Frame) -> Iterator[Expr]:
    if kind == "setitem" and _is_table(expr[1]):
        yield expr[2]
    elif kind in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] == "update":
        if _is_table(expr[1][1]) and expr[2] and expr[2][0][0] == "dict":
            yield from expr[2][0][1]
    elif kind == "set" and expr[2] == "dependency_overrides":
        for base, name, value in frame.function.facts.stores:
            if name == "dependency_overrides" and base is expr[1] and value[0] == "dict":
                yield from value[1]


def _is_table(expr: Expr) -> bool:
    return bool(expr[0] == "attr" and expr[2] == "dependency_overrides")
