"""FL501: A route has no response type, so its answer is serialized in Python."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.responses import RUST_JSON
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.project.calls import RESPONSE
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Collection, Instance, Text, Tuple, Value
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule

SCALARS = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bool", "uuid.UUID"})


class MissingResponseType(ModelRule):
    """A route has no response type, so its answer is serialized in Python."""

    code = "FL501"

    def find(self) -> Iterator[Finding]:
        """Look at JSON routes without a return type; what they return tells how much that costs."""
        if not self.application.versions.is_at_least("fastapi", RUST_JSON):
            return
        for route in self.application.routes:
            for frame in self.application.endpoints.get(route, ()):
                if self._is_untyped(route, frame):
                    sizes = [
                        self._size(event[1], frame) for event in self.application.responses.returns(frame)
                    ]
                    if sizes and None not in sizes:
                        yield self._finding(route, frame, is_large=True in sizes)

    def _is_untyped(self, route: Route, frame: Frame) -> bool:
        facts = frame.function.facts
        responses = self.application.responses
        return not (
            route.is_websocket
            or facts.is_generator
            or responses.class_choices(route)
            or responses.declared(route, frame) is not None
            or responses.returns_response(route, frame)
        )

    def _finding(self, route: Route, frame: Frame, *, is_large: bool) -> Finding:
        facts = frame.function.facts
        keyword = "async def" if facts.is_async else "def"
        row, column = facts.span[:2]
        return self.finding(
            frame,
            (row, column, row, column + len(f"{keyword} {facts.name}".encode())),
            f"{self.application.label(route)} has no response type, so FastAPI converts and serializes "
            "what it returns in Python instead of Rust",
            "Annotate what the route returns, or pass `response_model`",
            Severity.WARNING if is_large else Severity.INFO,
        )

    def _size(self, expr: Expr, frame: Frame) -> bool | None:
        """Tell whether an answer can be large; None if it is unknown, or a response already."""
        written = _written_out(expr)
        if written is not None:
            return any(self._size(value, frame) for value in written)
        if expr[0] in ("const", "lit"):
            return False
        values = self.application.inference.values(expr, frame)
        sizes = [self._size_of(value) for value in values]
        return None if not sizes or None in sizes else True in sizes

    def _size_of(self, value: Value) -> bool | None:
        if isinstance(value, Collection):
            return True if value.kind in ("list", "set") else None
        if isinstance(value, Tuple):
            return True
        if isinstance(value, Text):
            return False
        if isinstance(value, Instance) and not self.application.inference.is_subclass(value, RESPONSE):
            if value.cls in SCALARS:
                return False
            if isinstance(value.cls, ProjectClass) and self.application.inference.is_subclass(
                value, "pydantic.BaseModel"
            ):
                return False
        return None


def _written_out(expr: Expr) -> tuple[Expr, ...] | None:
    """Return the values of a dictionary or list that is written out item by item."""
    if expr[0] == "dict" and all(key[0] != "unknown" for key in expr[1]):
        return expr[2]  # type: ignore[no-any-return]
    if expr[0] in ("list", "tuple", "set") and all(item[0] != "star" for item in expr[1]):
        return expr[1]  # type: ignore[no-any-return]
    return None
