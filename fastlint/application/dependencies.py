"""The dependency graph: what `Depends` and `Security` inject, wherever they are written."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr, Parameter
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, annotation_parts
from fastlint.project.values import ClassValue, FunctionValue, TypeForm, Value, Values


def parameter_providers(inference: Inference, function: Function, frame: Frame) -> Iterator[Value]:
    """Yield what the parameters of a route or dependency depend on."""
    outer = frame.parent or inference.defining_frame(function)
    for parameter in function.facts.parameters:
        yield from providers_of_parameter(inference, parameter, outer)


def providers_of_parameter(inference: Inference, parameter: Parameter, outer: Frame) -> Iterator[Value]:
    """Yield what one parameter depends on; its annotation is evaluated in the outer frame."""
    default = parameter.default
    if default is not None:
        yield from provider_targets(inference, default, outer, parameter.annotation)
    if parameter.annotation is not None:
        for expr, scope, declared in metadata(inference, parameter.annotation, outer):
            yield from provider_targets(inference, expr, scope, declared)


def provider_targets(
    inference: Inference, expr: Expr, frame: Frame, annotation: Expr | None = None
) -> Values:
    """Return the callables behind `Depends(f)`; `Depends()` stands for the annotated class itself."""
    if not inference.is_provider(expr, frame):
        return ()
    target = call_argument(expr, 0, "dependency")
    if target is not None:
        return inference.values(target, frame)
    return inference.values(annotation, frame) if annotation is not None else ()


def metadata(
    inference: Inference, annotation: Expr, frame: Frame, depth: int = 0
) -> Iterator[tuple[Expr, Frame, Expr]]:
    """Yield the metadata of `Annotated[T, ...]`, through aliases: (expression, its frame, T)."""
    if depth > 6:
        return
    base, arguments = annotation_parts(annotation)
    if arguments:
        name = base[1] if base[0] == "name" else base[2] if base[0] == "attr" else ""
        if name == "Annotated":
            for expr in arguments[1:]:
                yield expr, frame, arguments[0]
            yield from metadata(inference, arguments[0], frame, depth + 1)
        return
    if annotation[0] in ("name", "attr"):
        for value in inference.values(annotation, frame):
            if isinstance(value, TypeForm):
                yield from metadata(inference, value.expr, value.frame, depth + 1)


def listed_providers(inference: Inference, call: Expr, frame: Frame) -> Iterator[Value]:
    """Yield what `dependencies=[Depends(f), ...]` of a router, app or route depends on."""
    listed = call_argument(call, None, "dependencies")
    if listed is None:
        return
    for expr in _elements(inference, listed, frame):
        yield from provider_targets(inference, expr, frame)


def _elements(inference: Inference, expr: Expr, frame: Frame) -> Iterator[Expr]:
    if expr[0] in ("list", "tuple"):
        yield from expr[1]
    elif expr[0] == "any":
        for part in expr[1]:
            yield from _elements(inference, part, frame)


def runs_in_thread(value: Value) -> bool:
    """Tell whether FastAPI calls a dependency in the thread pool: all but coroutine functions.

    FastAPI 0.165: fastapi/dependencies/utils.py, solve_dependencies.
    """
    if isinstance(value, FunctionValue):
        return not value.function.facts.is_async
    return isinstance(value, ClassValue)
