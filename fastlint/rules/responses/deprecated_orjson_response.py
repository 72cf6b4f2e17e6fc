"""FL503: `ORJSONResponse` and `UJSONResponse` are deprecated."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.responses import ClassChoice
from fastlint.facts.model import Expr
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue, LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.responses.encoding_outside import encoded_first

SINCE = "0.131"
"""The version of FastAPI whose response classes warn: fastapi/responses.py."""
ENCODED = {"ORJSONResponse": "orjson.dumps(...)", "UJSONResponse": "ujson.dumps(..., ensure_ascii=False)"}
MODULE = "fastapi.responses."


class DeprecatedOrjsonResponse(ModelRule):
    """`ORJSONResponse` and `UJSONResponse` are deprecated."""

    code = "FL503"

    def applies(self) -> bool:
        """Older versions recommend these classes."""
        return self.application.versions.is_at_least("fastapi", SINCE)

    def find(self) -> Iterator[Finding]:
        """Look at calls of the two classes, and at where they are set as response class."""
        for frame, call in self.application.requests.calls(*ENCODED):
            name = self._deprecated(call[1], frame)
            if name:
                yield self.finding(
                    frame,
                    call[-1],
                    f"`{name}` is deprecated since FastAPI 0.131{self.where(frame)}",
                    f'Return `Response({ENCODED[name]}, media_type="application/json")`, which is as fast',
                    fix=encoded_first(self.application, frame, call, ENCODED[name].partition(".")[0]),
                )
        yield from self._choices()

    def _choices(self) -> Iterator[Finding]:
        """Yield where a class is set for routes without a response type; with one, FL502 speaks."""
        responses = self.application.responses
        chosen: dict[int, tuple[ClassChoice, str]] = {}
        slowing: set[int] = set()
        for route in self.application.routes:
            frames = self.application.endpoints.get(route, ())
            for choice in responses.class_choices(route)[:1]:
                name = self._deprecated(choice.given, choice.frame)
                if name:
                    chosen[id(choice.given)] = (choice, name)
                if any(responses.gains_by_type(route, frame) for frame in frames):
                    slowing.add(id(choice.given))
        for choice, name in (found for key, found in chosen.items() if key not in slowing):
            yield self.finding(
                choice.frame.function,
                choice.given[-1] if choice.given[0] == "attr" else choice.call[-1],
                f"`{name}` is deprecated as a response class since FastAPI 0.131",
                "Leave the response class out and give the routes a response type, which is serialized in Rust",
            )

    def _deprecated(self, expr: Expr, frame: Frame) -> str:
        """Return the name of the class that an expression is, if it is one of the two."""
        for value in self.application.inference.values(expr, frame):
            name = value.name if isinstance(value, LibraryName) else getattr(value, "cls", None)
            if isinstance(value, (LibraryName, ClassValue)) and isinstance(name, str):
                last = name.removeprefix(MODULE)
                if last in ENCODED and name.startswith(MODULE):
                    return last
        return ""
