"""The middleware that a program adds to its applications, and where it does so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.application.routes import is_router
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function
from fastlint.project.values import ClassValue, FunctionValue, Instance, LibraryName, Value

BASE = "starlette.middleware.base.BaseHTTPMiddleware"
WRAPPERS = frozenset({"starlette.middleware.Middleware", "fastapi.middleware.Middleware"})


@dataclass(frozen=True, slots=True)
class AddedMiddleware:
    """One middleware of an application: what it is, and the expression that adds it."""

    value: Value
    """Its class, or the function that `@app.middleware("http")` decorates or `dispatch` is."""
    frame: Frame
    expr: Expr
    """`app.add_middleware(...)`, `Middleware(...)` or `app.middleware("http")`; `expr[-1]` is its span."""


def added_middleware(inference: Inference) -> Iterator[AddedMiddleware]:
    """Yield every middleware that is added outside of tests.

    Starlette 1.10: starlette/applications.py, Starlette.add_middleware and Starlette.middleware.
    """
    for function in inference.program.functions_naming(("middleware", "add_middleware", "Middleware")):
        yield from _decorated(inference, function)
        frame: Frame | None = None
        for kind, expr, *_ in function.facts.events:
            if kind not in ("call", "drop"):
                continue
            name = called_name(expr)
            if name in ("add_middleware", "Middleware"):
                frame = frame or inference.program.generic_frame(function)
                yield from _by_class(inference, name, expr, frame)
            elif expr[1][0] == "call" and called_name(expr[1]) == "middleware":
                frame = frame or inference.program.generic_frame(function)
                yield from _by_call(inference, expr, frame)


def is_base_http(inference: Inference, added: AddedMiddleware) -> bool:
    """Tell whether Starlette wraps a middleware in `BaseHTTPMiddleware`, or it derives from that."""
    return isinstance(added.value, FunctionValue) or _is_named(inference, added.value, BASE)


def _decorated(inference: Inference, function: Function) -> Iterator[AddedMiddleware]:
    for decorator in function.facts.decorators:
        if decorator[0] == "call" and called_name(decorator) == "middleware":
            frame = inference.defining_frame(function)
            if _is_on_application(inference, decorator, frame):
                yield AddedMiddleware(FunctionValue(function), frame, decorator)


def _by_class(inference: Inference, name: str, call: Expr, frame: Frame) -> Iterator[AddedMiddleware]:
    """`app.add_middleware(X)`, and `Middleware(X)` in the list that an application is made with."""
    if name == "Middleware" and not any(
        getattr(v, "name", "") in WRAPPERS for v in inference.values(call[1], frame)
    ):
        return
    given = call_argument(call, 0, "cls" if name == "Middleware" else "middleware_class")
    for value in inference.values(given, frame) if given is not None else ():
        if isinstance(value, LibraryName) and value.name == BASE:
            yield from _dispatching(inference, call, frame)
        elif isinstance(value, (ClassValue, LibraryName)):
            yield AddedMiddleware(value, frame, call)


def _dispatching(inference: Inference, call: Expr, frame: Frame) -> Iterator[AddedMiddleware]:
    """`app.add_middleware(BaseHTTPMiddleware, dispatch=f)`."""
    given = call_argument(call, None, "dispatch")
    for value in inference.values(given, frame) if given is not None else ():
        if isinstance(value, FunctionValue):
            yield AddedMiddleware(value, frame, call)


def _by_call(inference: Inference, call: Expr, frame: Frame) -> Iterator[AddedMiddleware]:
    """`app.middleware("http")(f)`."""
    if _is_on_application(inference, call[1], frame):
        for argument in call[2]:
            for value in inference.values(argument, frame):
                if isinstance(value, FunctionValue):
                    yield AddedMiddleware(value, frame, call)


def _is_on_application(inference: Inference, call: Expr, frame: Frame) -> bool:
    """Tell whether a call is `app.middleware("http")` of an application, or of what may be one."""
    if call[1][0] != "attr" or call_argument(call, 0, "middleware_type") != ("const", "http"):
        return False
    owners = inference.values(call[1][1], frame)
    return not owners or any(is_router(inference, owner) for owner in owners)


def _is_named(inference: Inference, value: Value, base: str) -> bool:
    if isinstance(value, LibraryName):
        return inference.catalog.is_subclass(value.name, base)
    return isinstance(value, ClassValue) and inference.is_subclass(Instance(value.cls), base)
