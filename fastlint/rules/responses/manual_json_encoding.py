"""FL504: A route encodes its answer by hand."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.dumps import dumped, dumped_models
from fastlint.application.responses import RUST_JSON
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.facts.model import Event, Expr, FunctionFacts
from fastlint.facts.structure import called_name, regions_around
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.project.values import LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render
from fastlint.rules.responses.unencoded import unencoded

ENCODER = "fastapi.encoders.jsonable_encoder"
MOVABLE = frozenset({"content", "status_code"})
"""Arguments of a response that a route can do without, or has as its own."""
OWN_WAY = frozenset({"custom_encoder", "exclude", "include"})
"""Arguments of the encoder that change the answer in a way that a response type does not."""
DEFAULT_STATUS = "200"
FIRST_ERROR = 400


class ManualJsonEncoding(ModelRule):
    """A route encodes its answer by hand."""

    code = "FL504"

    def applies(self) -> bool:
        """Older versions serialize everything in Python."""
        return self.application.versions.is_at_least("fastapi", RUST_JSON)

    def find(self) -> Iterator[Finding]:
        """Look at what routes return: `jsonable_encoder(x)`, alone or in a `JSONResponse`."""
        for route in self.application.routes:
            for frame in self.application.endpoints.get(route, ()):
                events = list(self.application.responses.returns(frame))
                statuses = {status for status in map(_status, events) if not _is_error(status)}
                for event in events:
                    yield from self._encodings(route, frame, event, has_one_status=len(statuses) == 1)

    def _encodings(
        self, route: Route, frame: Frame, event: Event, *, has_one_status: bool
    ) -> Iterator[Finding]:
        expr = event[1]
        content = _content(expr)
        is_alone = content is None
        if is_alone and self.application.responses.is_decorated(frame):
            return  # what keeps the answer may need it as plain data
        encoded = self._encoded(expr if content is None else content, frame, is_alone=is_alone)
        if encoded is None or _is_error(_status(event)) or _is_attempt(frame.function.facts, event):
            return
        call, value = encoded
        is_large = self.application.responses.payloads.is_large(value, frame)
        is_advice = is_large is False or not has_one_status or "?" in _status(event)
        yield self.finding(
            frame,
            expr[-1] if expr[0] == "call" else call[-1],
            f"`{render(call)}` prepares the whole answer of {self.application.label(route)} for JSON, in Python",
            "Return the value itself and declare its type: as return annotation, or as `response_model` for "
            "objects of another class",
            Severity.INFO if is_advice else Severity.WARNING,
            fix=unencoded(self.application, frame, expr, call),
        )

    def _encoded(self, content: Expr, frame: Frame, *, is_alone: bool) -> tuple[Expr, Expr] | None:
        """Return the call that encodes, and what it encodes, if FastAPI can do without it."""
        if content[0] == "call" and called_name(content) == "jsonable_encoder":
            values = self.application.inference.values(content[1], frame)
            value = call_argument(content, 0, "obj")
            is_encoder = any(isinstance(v, LibraryName) and v.name == ENCODER for v in values)
            if not is_encoder or value is None or OWN_WAY & {name for name, _ in content[3]}:
                return None
            return content, value
        dump = None if is_alone else dumped(content)
        if dump is None or not {name for name, _ in dump[3]} <= {"mode"}:
            return None
        if not dumped_models(self.application.inference, dump, frame):
            return None
        return dump, (dump[1][1] if dump is content else content)


def _content(expr: Expr) -> Expr | None:
    """Return what is in a `JSONResponse` that has nothing a route could not set itself."""
    if expr[0] != "call" or called_name(expr) != "JSONResponse":
        return None
    if expr[2][1:] or not all(keyword in MOVABLE for keyword, _ in expr[3]):
        return None
    return call_argument(expr, 0, "content")


def _status(event: Event) -> str:
    """Return the status of what is returned, as code; "?" if the request decides it."""
    expr = event[1]
    is_response = expr[0] == "call" and called_name(expr) == "JSONResponse"
    given = call_argument(expr, 1, "status_code") if is_response else None
    if given is None:
        return DEFAULT_STATUS
    is_fixed = given[0] == "const" or (given[0] == "attr" and "HTTP_" in given[2])
    return render(given).rpartition("HTTP_")[2][:3] if is_fixed else "?"


def _is_attempt(facts: FunctionFacts, event: Event) -> bool:
    """Tell whether a `return` is all that a `try` guards: it answers in its own way what cannot be encoded."""
    around = regions_around(facts, event[5], "try")
    return bool(around) and around[0][1] == facts.statements[event[2]][0]


def _is_error(status: str) -> bool:
    return status.isdigit() and int(status) >= FIRST_ERROR
