"""What clients send: values that are followed back to the parameters of routes."""

from __future__ import annotations

from fastlint.application.contexts import Application
from fastlint.application.dependencies import needs_of_parameter
from fastlint.application.model import REQUEST
from fastlint.application.origins import SETTINGS
from fastlint.facts.model import Expr, Parameter
from fastlint.facts.structure import called_name, children
from fastlint.project.program import Frame, Function, ProjectClass, annotation_parts
from fastlint.project.values import FunctionValue, Instance, LibraryName, Values

DEEPEST = 4
"""What passes through more functions and names has been looked up or checked on its way."""
MOST_CALLERS = 12
RECEIVING = frozenset({"route", "websocket", "dependency", "middleware", "exception handler"})
SMALL = frozenset({"len", "bool", "type", "isinstance", "hasattr", "callable", "any", "all"})
"""Functions whose answer says little of what they are given."""
REQUESTS = ("fastapi.Request", "starlette.requests.HTTPConnection", "fastapi.WebSocket")
SENT = frozenset({
    "headers", "query_params", "path_params", "cookies", "client", "url", "body", "json", "form", "query_string",
})  # fmt: skip
"""What a request holds of the client."""
PATHS = ("pathlib.PurePath", "pathlib.Path")
FIXED = ("enum.Enum", "enum.StrEnum", "enum.IntEnum", "enum.Flag", "enum.IntFlag", "builtins.bool", *SETTINGS)
TEXTS = ("builtins.str", "builtins.int", "builtins.dict", "uuid.UUID", "pydantic.BaseModel")
NEW = frozenset({
    "uuid.uuid4", "uuid.uuid1", "uuid.uuid7", "secrets.token_hex", "secrets.token_urlsafe", "secrets.token_bytes",
    "time.time", "time.time_ns", "datetime.datetime.now", "datetime.datetime.utcnow",
})  # fmt: skip
"""Library calls that give something else each time."""

_Question = tuple[int, Frame, int]
"""The identity of an expression, where it is evaluated, and how deep the search is."""


class Incoming:
    """Follows values to where they come from; what cannot be followed counts as not sent by a client."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.inference = application.inference
        self._parameters: dict[tuple[Function, str], bool] = {}
        self._confirmed: set[_Question] = set()
        self._denied: dict[_Question, None] = {}
        self._receiving = {
            entry.frame.function
            for entry in application.entries
            if entry.phase == REQUEST and entry.kind in RECEIVING
        }
        self._running = {frame.function for frame in application.requests}

    def is_sent(self, expr: Expr, frame: Frame, depth: int = 0) -> bool:
        """Tell whether an expression is made of something that a client chooses, or new for each request."""
        if depth > DEEPEST or expr[0] in ("const", "lit", "compare", "not", "unknown"):
            return False
        question = (id(expr), frame, depth)
        if question in self._confirmed or question in self._denied:
            return question in self._confirmed
        is_sent = self._is_made_of_sent(expr, frame, depth)
        if is_sent:
            self._confirmed.add(question)
        else:
            self._denied[question] = None
        return is_sent

    def _is_made_of_sent(self, expr: Expr, frame: Frame, depth: int) -> bool:
        tag = expr[0]
        if tag == "name":
            return self._is_sent_name(expr, frame, depth)
        if tag == "attr" and str(expr[2]).startswith("__"):
            return False  # `thing.__class__`: there are as many as the program has classes
        if tag == "attr" and self._is_request(expr[1], frame):
            return expr[2] in SENT
        if tag == "call":
            if called_name(expr) in SMALL:
                return False
            names = {v.name for v in self.inference.values(expr[1], frame) if isinstance(v, LibraryName)}
            if names & NEW:
                return True
        return any(self.is_sent(part, frame, depth) for part in children(expr))

    def is_new(self, expr: Expr, frame: Frame, depth: int = 0) -> bool:
        """Tell whether an expression is something else each time: a random id, the time."""
        if depth > DEEPEST:
            return False
        if expr[0] == "name":
            values = [value for _, _, value in frame.function.facts.bindings.get(expr[1], ())]
            return any(self.is_new(value, frame, depth + 1) for value in values)
        if expr[0] == "call":
            names = {v.name for v in self.inference.values(expr[1], frame) if isinstance(v, LibraryName)}
            if names & NEW:
                return True
        return any(self.is_new(part, frame, depth + 1) for part in children(expr))

    def _is_request(self, expr: Expr, frame: Frame) -> bool:
        if expr[0] != "name":
            return False
        return any(
            self.inference.is_subclass(value, base)
            for value in self.inference.values(expr, frame)
            for base in REQUESTS
        )

    def _is_sent_name(self, name: Expr, frame: Frame, depth: int) -> bool:
        facts = frame.function.facts
        if name[1] in facts.bindings and name[1] not in facts.outer_names:
            values, dominated = frame.function.flow.reaching(name[1], name[2], name[3])
            if any(self.is_sent(value, frame, depth + 1) for value in values if value != name):
                return True
            if dominated:
                return False
        parameter = frame.function.parameters.get(name[1])
        return parameter is not None and self.is_sent_parameter(frame, parameter, depth)

    def is_sent_parameter(self, frame: Frame, parameter: Parameter, depth: int = 0) -> bool:
        """Tell whether a parameter receives something that a client chooses."""
        key = (frame.function, parameter.name)
        if key not in self._parameters:
            self._parameters[key] = False
            before = len(self._denied)
            self._parameters[key] = self._follow(frame, parameter, depth)
            while self._parameters[key] and len(self._denied) > before:
                self._denied.popitem()  # what was denied meanwhile may have relied on the parameter
        return self._parameters[key]

    def _follow(self, frame: Frame, parameter: Parameter, depth: int) -> bool:
        function = frame.function
        if self.is_fixed(frame, parameter):
            return False
        if function.owner is not None and function.facts.parameters[0] is parameter:
            return False
        values = self.inference.parameter(frame, parameter)
        if any(self.inference.is_subclass(value, base) for value in values for base in PATHS):
            return False  # files that are there
        if function in self._receiving:
            outer = frame.parent or self.inference.defining_frame(function)
            needs = list(needs_of_parameter(self.inference, parameter, outer))
            if needs:
                return self._is_data(values)
            return not any(self.inference.is_subclass(v, base) for v in values for base in REQUESTS)
        for caller, call in self.inference.call_sites.named(function)[:MOST_CALLERS]:
            if caller not in self._running:
                continue
            scope = self.application.program.generic_frame(caller)
            for callee in self.inference.values(call[1], scope):
                argument = self.inference.argument_for(callee, function, parameter, call)
                if argument is not None and self.is_sent(argument, scope, depth + 1):
                    return True
        return False

    def is_fixed(self, frame: Frame, parameter: Parameter) -> bool:
        """Tell whether a parameter can have a few values only: `bool`, an enum, a `Literal`."""
        annotation = parameter.annotation
        if annotation is not None:
            base, _ = annotation_parts(annotation)
            if base[0] in ("name", "attr") and base[1 if base[0] == "name" else 2] == "Literal":
                return True
        values = self.inference.parameter(frame, parameter)
        return bool(values) and all(
            any(self.inference.is_subclass(v, base) for base in FIXED) for v in values
        )

    def _is_data(self, values: Values) -> bool:
        """Tell whether what a dependency provides belongs to the client: a user, a token, a filter."""
        for value in values:
            if not isinstance(value, Instance) or any(
                self.inference.is_subclass(value, base) for base in FIXED
            ):
                continue
            if isinstance(value.cls, ProjectClass) and self.application.models.of(value.cls) is not None:
                return True
            if any(self.inference.is_subclass(value, base) for base in TEXTS):
                return True
        return False


def is_function_of_project(values: Values) -> bool:
    """Tell whether one of the values is a function of the program."""
    return any(isinstance(value, FunctionValue) for value in values)
