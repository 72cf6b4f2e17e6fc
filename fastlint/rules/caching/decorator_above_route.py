"""FL407: A decorator stands above the one that registers the route, so it never runs."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.routes import Route
from fastlint.facts.model import Expr, Span
from fastlint.fixes.files import FixMaker
from fastlint.project.program import Frame, Function
from fastlint.project.values import FunctionValue, LibraryName, Value
from fastlint.rules.caching.decorator_order import register_last
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

WRAPPERS = frozenset({"slowapi.Limiter.limit", "slowapi.Limiter.shared_limit"})
"""Decorators of libraries that wrap, besides those that the catalog describes."""


class DecoratorAboveRoute(ModelRule):
    """A decorator stands above the one that registers the route, so it never runs."""

    code = "FL407"

    def find(self) -> Iterator[Finding]:
        """Look at what stands above `@router.get(...)`: the router keeps the function as it is below."""
        for route in self.application.routes:
            if not isinstance(route.endpoint, FunctionValue):
                continue
            decorators = route.endpoint.function.facts.decorators
            position = next((i for i, d in enumerate(decorators) if d is route.call), 0)
            wrapping = {
                i: found
                for i, decorator in enumerate(decorators[:position])
                if not self._is_registering(decorator) and (found := self._wrappers(decorator, route.frame))
            }
            if not wrapping:
                continue
            registering = [i for i, decorator in enumerate(decorators) if self._is_registering(decorator)]
            fix = register_last(route.endpoint.function, registering, wrapping)
            for i in wrapping:
                yield self._finding(route, route.endpoint, decorators[i], fix)

    def _finding(self, route: Route, endpoint: FunctionValue, decorator: Expr, fix: FixMaker) -> Finding:
        name = render(decorator)
        return self.finding(
            endpoint.function,
            _span(decorator, endpoint),
            f"`@{name}` never runs for {self.application.label(route)}: the route is the function below it",
            f"Move `@{name}` below `@{render(route.call)}`",
            entries=tuple(
                e for frame in self.application.endpoints[route] for e in self.application.entries_of(frame)
            ),
            fix=fix,
        )

    def _is_registering(self, decorator: Expr) -> bool:
        """Tell whether a decorator registers the same function as a further route."""
        return any(route.call is decorator for route in self.application.routes)

    def _wrappers(self, decorator: Expr, frame: Frame) -> list[Value]:
        """Return what a decorator puts around a function, if it surely returns something else than that."""
        called = decorator[1] if decorator[0] == "call" else decorator
        return [
            wrapper
            for value in self.application.inference.values(called, frame)
            for wrapper in self._wrappers_of(value, decorator[0] == "call")
        ]

    def _wrappers_of(self, value: Value, is_factory: bool) -> list[Value]:
        if isinstance(value, LibraryName):
            decorator = self.application.inference.catalog.decorators.get(value.name)
            is_known = decorator is not None and decorator.effect != "transparent"
            return [value] if is_known or value.name in WRAPPERS else []
        if not isinstance(value, FunctionValue):
            return []
        functions: tuple[FunctionValue, ...] = (value,)
        if is_factory:
            frame = self.application.program.generic_frame(value.function)
            made = self.application.inference.returned(frame)
            functions = tuple(v for v in made if isinstance(v, FunctionValue))
        inner = [_inner(function) for function in functions]
        return [FunctionValue(f) for found in inner for f in found] if all(inner) else []


def _inner(decorator: FunctionValue) -> list[Function]:
    """Return the functions defined in a decorator of which it returns one, if it returns nothing else."""
    function = decorator.function
    inner = {f.facts.name: f for f in function.module.functions if f.parent is function}
    returns = function.facts.returns
    if not all(r[0] == "name" and r[1] in inner for r in returns):
        return []
    return [inner[r[1]] for r in returns]


def _span(decorator: Expr, endpoint: FunctionValue) -> Span:
    """Return where a decorator stands; a bare name has no place of its own, so the function is named."""
    if decorator[0] in ("call", "attr"):
        return decorator[-1]  # type: ignore[no-any-return]
    return endpoint.function.facts.span
