"""How the routes of a program answer: the declared type, the response class, what is returned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.application.payloads import Payloads
from fastlint.application.routes import BY_DECORATOR, Route, RouteTable
from fastlint.facts.model import Event, Expr
from fastlint.facts.structure import called_name
from fastlint.project.annotations import annotated_values
from fastlint.project.bindings import call_argument
from fastlint.project.calls import RESPONSE
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.project.values import Instance, Values

RUST_JSON = "0.130"
"""The version of FastAPI that serializes a declared response type in Rust: fastapi/routing.py,
get_request_handler. Without a type, or with a response class, it still does so in Python."""

CLASS_KEYWORDS = ("response_class", "default_response_class")
PASSING = frozenset({"limit", "exempt", "shared_limit", "authenticate", "requires"})


@dataclass(frozen=True, slots=True)
class ClassChoice:
    """A response class that is set for a route: where, and the expression that names it."""

    call: Expr
    """The call that sets it: the route's own decorator, or what makes or includes a router."""
    given: Expr
    frame: Frame


class Responses:
    """Answers what a route sends."""

    def __init__(self, inference: Inference, table: RouteTable) -> None:
        self._inference = inference
        self._table = table
        self.payloads = Payloads(inference)

    def declared(self, route: Route, frame: Frame) -> tuple[Expr, Frame] | None:
        """Return the declared type of a response and where it is evaluated, or None if there is none.

        FastAPI 0.165: fastapi/routing.py, APIRoute.__init__. A return type that is a response counts as none.
        """
        model = call_argument(route.call, None, "response_model")
        annotation, scope = model, route.frame
        if annotation is None:
            annotation = frame.function.facts.returns_annotation
            scope = frame.parent or self._inference.defining_frame(frame.function)
        if annotation is None or annotation == ("const", None):
            return None
        is_response = any(self._is_response(v) for v in annotated_values(self._inference, annotation, scope))
        return None if is_response else (annotation, scope)

    def returns_response(self, route: Route, frame: Frame) -> bool:
        """Tell whether the annotation of a route says that it makes the response itself."""
        annotation = frame.function.facts.returns_annotation
        if annotation is None or call_argument(route.call, None, "response_model") is not None:
            return False
        scope = frame.parent or self._inference.defining_frame(frame.function)
        return any(self._is_response(v) for v in annotated_values(self._inference, annotation, scope))

    def declared_values(self, route: Route, frame: Frame) -> Values:
        """Return what the declared type of a response can be; nothing if there is none."""
        declared = self.declared(route, frame)
        return annotated_values(self._inference, *declared) if declared is not None else ()

    def class_choices(self, route: Route) -> list[ClassChoice]:
        """Return the response classes that are set for a route, by itself and by the routers around it."""
        calls = [(route.call, route.frame)]
        for router in self._table.above(route.router):
            calls += self._table.calls.get(router, ())
        return [choice for call, frame in calls for choice in _choices_of(call, frame)]

    def returns(self, frame: Frame) -> Iterator[Event]:
        """Yield the `return` statements that give a value."""
        for event in frame.function.facts.events:
            if event[0] == "return" and event[1] != ("const", None):
                yield event

    def are_made_by_hand(self, frame: Frame) -> bool:
        """Tell whether a route returns nothing but responses, which FastAPI sends as they are."""
        found = [self._inference.values(event[1], frame) for event in self.returns(frame)]
        return bool(found) and all(values and all(map(self._is_response, values)) for values in found)

    def gains_by_type(self, route: Route, frame: Frame) -> bool:
        """Tell whether FastAPI serializes what a route returns, and knows its type."""
        return self.declared(route, frame) is not None and not self.are_made_by_hand(frame)

    def is_decorated(self, frame: Frame) -> bool:
        """Tell whether a decorator may do something else with what a route returns, such as keep it.

        Decorators that only let a request pass or not are known by their names.
        """
        return any(
            decorator[0] != "call" or called_name(decorator) not in BY_DECORATOR | PASSING
            for decorator in frame.function.facts.decorators
            if not (decorator[0] == "attr" and decorator[2] in PASSING)
        )

    def _is_response(self, value: object) -> bool:
        return isinstance(value, Instance) and self._inference.is_subclass(value, RESPONSE)


def _choices_of(call: Expr, frame: Frame) -> list[ClassChoice]:
    found = (call_argument(call, None, keyword) for keyword in CLASS_KEYWORDS)
    return [ClassChoice(call, given, frame) for given in found if given is not None]
