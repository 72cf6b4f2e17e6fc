"""FL501: A route has no response type, so its answer is serialized in Python."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.responses import RUST_JSON
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading
from fastlint.rules.responses.annotating import annotated


class MissingResponseType(ModelRule):
    """A route has no response type, so its answer is serialized in Python."""

    code = "FL501"

    def applies(self) -> bool:
        """Older versions serialize everything in Python."""
        return self.application.versions.is_at_least("fastapi", RUST_JSON)

    def find(self) -> Iterator[Finding]:
        """Look at JSON routes without a return type; what they return tells how much that costs."""
        for route in self.application.routes:
            for frame in self.application.endpoints.get(route, ()):
                if self._is_untyped(route, frame):
                    payloads = self.application.responses.payloads
                    sizes = [
                        payloads.is_large(event[1], frame)
                        for event in self.application.responses.returns(frame)
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
        return self.finding(
            frame,
            heading(frame.function),
            f"{self.application.label(route)} has no response type, so FastAPI converts and serializes "
            "what it returns in Python instead of Rust",
            "Annotate what the route returns, or pass `response_model`",
            Severity.WARNING if is_large else Severity.INFO,
            fix=annotated(self.application, frame),
        )
