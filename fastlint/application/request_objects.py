"""What each request makes anew: sessions, the request itself, rows of the database, services around these."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from fastlint.application.contexts import Application
from fastlint.application.dependencies import needs_of_parameter
from fastlint.application.makings import Makings
from fastlint.application.repeated import CONNECTIONS, SESSIONS
from fastlint.facts.model import Expr, Parameter
from fastlint.facts.structure import last_name, unwrapped
from fastlint.project.members import class_attribute
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue, Instance, Value

REQUESTS = (
    "fastapi.Request", "starlette.requests.HTTPConnection", "fastapi.WebSocket", "starlette.responses.Response",
)  # fmt: skip
TASKS = ("starlette.background.BackgroundTasks", "starlette.background.BackgroundTask")
BY_VALUE = (
    "pydantic.BaseModel", "enum.Enum", "builtins.str", "builtins.int", "builtins.tuple", "typing.NamedTuple",
    "builtins.dict", "builtins.BaseException",
)  # fmt: skip
"""Bases whose objects are compared and written by what is in them."""
WRITTEN = ("__repr__", "__str__")
COMPARED = ("__hash__", "__eq__")


class RequestObjects:
    """Answers whether a value is made for each request, so that no two requests have equal ones."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.inference = application.inference
        self.makings = Makings(application)

    def describe(self, frame: Frame, parameter: Parameter, *, by_text: bool) -> str:
        """Return what a parameter brings that is different for each request; nothing if that is unknown.

        `by_text` tells whether a cache compares what `repr` gives, or the objects themselves.
        """
        values = self.inference.parameter(frame, parameter)
        for value in values:
            found = self._of_library(value)
            if found:
                return found
        for value in values:
            if isinstance(value, Instance) and isinstance(value.cls, ProjectClass):
                cls = value.cls
                if self._is_by_value(cls, by_text=by_text):
                    return ""
                if self.application.models.of(cls) is not None:
                    return "a row of the database"
                if self._is_injected_anew(frame, parameter, cls):
                    return f"a `{cls.facts.name}`"
        return ""

    @cached_property
    def made(self) -> set[ProjectClass]:
        """The classes of the program whose objects requests make and do not keep."""
        found = set()
        for injection in self.application.dependencies.all():
            provider = injection.need.provider
            if isinstance(provider, ClassValue) and isinstance(provider.cls, ProjectClass):
                found.add(provider.cls)
        for frame in self.application.requests:
            for event in frame.function.facts.events:
                if event[0] == "call":
                    for cls in self._constructed(event[1], frame):
                        if cls not in found and not self.makings.is_kept(event[1], frame):
                            found.add(cls)
        return found

    def is_by_value(self, cls: ProjectClass, *, by_text: bool) -> bool:
        """Tell whether objects of a class are the same to a cache if what is in them is."""
        return self._is_by_value(cls, by_text=by_text)

    def _of_library(self, value: Value) -> str:
        kinds = (
            ("session", SESSIONS),
            ("connection", CONNECTIONS),
            ("request", REQUESTS),
            ("task list", TASKS),
        )
        for what, bases in kinds:
            if any(self.inference.is_subclass(value, base) for base in bases):
                return f"a {what}" if what != "request" else "the request"
        return ""

    def _is_by_value(self, cls: ProjectClass, *, by_text: bool) -> bool:
        if any(self.inference.is_subclass(Instance(cls), base) for base in BY_VALUE):
            return True
        if any(
            last_name(d[1] if d[0] == "call" else d) in ("dataclass", "define", "frozen", "attrs")
            for d in cls.facts.decorators
        ):
            return True
        wanted = WRITTEN if by_text else COMPARED
        return any(class_attribute(self.inference, cls, name, Instance(cls)) for name in wanted)

    def _is_injected_anew(self, frame: Frame, parameter: Parameter, cls: ProjectClass) -> bool:
        """Tell whether FastAPI injects what a provider makes for each request."""
        outer = frame.parent or self.inference.defining_frame(frame.function)
        for need in needs_of_parameter(self.inference, parameter, outer):
            if isinstance(need.provider, ClassValue):
                return True
            if isinstance(need.provider, FunctionValue) and "memoises" not in need.provider.marks:
                function = need.provider.function
                return cls in set(self._given(function, self.application.program.generic_frame(function)))
        return False

    def _given(self, function: Function, frame: Frame) -> Iterator[ProjectClass]:
        """Yield the classes of what a provider makes in the line that gives it, or shortly before."""
        facts = function.facts
        for given in (*facts.returns, *facts.yields):
            exprs = [given]
            if given[0] == "name" and given[1] in facts.bindings and given[1] not in facts.outer_names:
                exprs = [value for _, _, value in facts.bindings[given[1]]]
            for expr in exprs:
                yield from self._constructed(unwrapped(expr), frame)

    def _constructed(self, expr: Expr, frame: Frame) -> Iterator[ProjectClass]:
        if expr[0] == "call":
            for value in self.inference.values(expr[1], frame):
                if isinstance(value, ClassValue) and isinstance(value.cls, ProjectClass):
                    yield value.cls
