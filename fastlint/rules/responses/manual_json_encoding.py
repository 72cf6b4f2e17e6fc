"""FL504: A route encodes its answer by hand."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.project.values import LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

ENCODER = "fastapi.encoders.jsonable_encoder"
MOVABLE = frozenset({"content", "status_code"})
"""Arguments of a response that a route can do without, or has as its own."""


class ManualJsonEncoding(ModelRule):
    """A route encodes its answer by hand."""

    code = "FL504"

    def find(self) -> Iterator[Finding]:
        """Look at what routes return: `jsonable_encoder(x)`, alone or in a `JSONResponse`."""
        for route in self.application.routes:
            for frame in self.application.endpoints.get(route, ()):
                for event in self.application.responses.returns(frame):
                    encoded = self._encoded(event[1], frame)
                    if encoded is not None:
                        yield self.finding(
                            frame,
                            event[1][-1],
                            f"`{render(encoded)}` walks through the whole answer of {self.application.label(route)} in "
                            "Python",
                            "Return the value itself, with its type as return annotation",
                        )

    def _encoded(self, expr: Expr, frame: Frame) -> Expr | None:
        """Return the call of the encoder in what is returned, if FastAPI can do without it."""
        if expr[0] != "call":
            return None
        if called_name(expr) == "JSONResponse" and not expr[2][1:] and all(k in MOVABLE for k, _ in expr[3]):
            content = call_argument(expr, 0, "content")
            status = call_argument(expr, None, "status_code")
            is_error = (
                status is not None
                and status[0] == "const"
                and isinstance(status[1], int)
                and status[1] >= 400
            )
            return self._encoded(content, frame) if content is not None and not is_error else None
        if called_name(expr) != "jsonable_encoder":
            return None
        values = self.application.inference.values(expr[1], frame)
        return expr if any(isinstance(v, LibraryName) and v.name == ENCODER for v in values) else None
