"""FL407: A decorator stands above the one that registers the route, so it never runs."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.routes import Route
from fastlint.facts.model import Expr, Span
from fastlint.project.program import Frame
from fastlint.project.values import FunctionValue, LibraryName, Value
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
            for decorator in decorators[:position]:
                if not self._is_registering(decorator) and self._wraps(decorator, route.frame):
                    yield self._finding(route, route.endpoint, decorator)

    def _finding(self, route: Route, endpoint: FunctionValue, decorator: Expr) -> Finding:
        name = render(decorator)
        return self.finding(
            endpoint.function,
            _span(decorator, endpoint),
            f"`@{name}` never runs for {self.application.label(route)}: the route is the function below it",
            f"Move `@{name}` below `@{render(route.call)}`",
            entries=tuple(
                e for frame in self.application.endpoints[route] for e in self.application.entries_of(frame)
            ),
        )

    def _is_registering(self, decorator: Expr) -> bool:
        """Tell whether a decorator registers the same function as a further route."""
        return any(route.call is decorator for route in self.application.routes)

    def _wraps(self, decorator: Expr, frame: Frame) -> bool:
        """Tell whether a decorator surely returns something else than the function that it is given."""
        called = decorator[1] if decorator[0] == "call" else decorator
        return any(
            self._is_wrapper(v, decorator[0] == "call")
            for v in self.application.inference.values(called, frame)
        )

    def _is_wrapper(self, value: Value, is_factory: bool) -> bool:
        if isinstance(value, LibraryName):
            decorator = self.application.inference.catalog.decorators.get(value.name)
            is_known = decorator is not None and decorator.effect != "transparent"
            return is_known or value.name in WRAPPERS
        if not isinstance(value, FunctionValue):
            return False
        functions: tuple[FunctionValue, ...] = (value,)
        if is_factory:
            frame = self.application.program.generic_frame(value.function)
            made = self.application.inference.returned(frame)
            functions = tuple(v for v in made if isinstance(v, FunctionValue))
        return bool(functions) and all(_returns_inner(v) for v in functions)


def _returns_inner(decorator: FunctionValue) -> bool:
    """Tell whether a decorator returns a function that is defined in it."""
    function = decorator.function
    inner = {f.facts.name for f in function.module.functions if f.parent is function}
    returns = function.facts.returns
    return bool(returns) and all(r[0] == "name" and r[1] in inner for r in returns)


def _span(decorator: Expr, endpoint: FunctionValue) -> Span:
    """Return where a decorator stands; a bare name has no place of its own, so the function is named."""
    if decorator[0] in ("call", "attr"):
        return decorator[-1]  # type: ignore[no-any-return]
    return endpoint.function.facts.span
