"""The fix of a route without a response type: an annotation of what it returns."""

from __future__ import annotations

from fastlint.application.contexts import Application
from fastlint.application.routes import Route
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.headings import end_of_parameters
from fastlint.fixes.text import NoFix
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.rules.rendering import render
from fastlint.rules.responses.answer_types import AnswerType

FIRST_SUCCESS = 200
BODILESS = (204, 205, 304)
BODILESS_NAMES = ("HTTPStatus.NO_CONTENT", "HTTPStatus.RESET_CONTENT", "HTTPStatus.NOT_MODIFIED")
"""Statuses whose answers have no body; FastAPI refuses a response type for them."""


def annotated(application: Application, frame: Frame) -> FixMaker:
    """Return what adds the return annotation to the function of a route.

    It is safe if every returned value is written out in the function, down to models and plain values.
    """

    def make(files: Files) -> Fix:
        facts = frame.function.facts
        if facts.returns_annotation is not None:
            raise NoFix("the function has a return annotation")
        if application.responses.is_decorated(frame):
            raise NoFix("a decorator may do something else with what the function returns")
        for route in application.routes:
            if frame in application.endpoints.get(route, ()):
                require_plain(application, route)
        module = files.python(frame.function.module.path)
        shape, edits = AnswerType(application, frame, module).annotation()
        end = end_of_parameters(module, module.function(facts.span))
        return Fix(
            f"Annotate the return type: `{shape.code}`",
            Applicability.SAFE if shape.is_proven else Applicability.UNSAFE,
            (module.insert(end, f" -> {shape.code}"), *edits),
        )

    return make


def require_plain(application: Application, route: Route, *, has_model: bool = False) -> None:
    """Raise `NoFix` if a response type would change something besides how a route is serialized."""
    keywords = dict(route.call[3])
    if None in keywords:
        raise NoFix("the route may have more arguments than are known")
    if "response_model" in keywords and not has_model:
        raise NoFix("the route has a response model, or turns it off")
    if application.responses.class_choices(route):
        raise NoFix("the function also serves a route with a response class")
    options = sorted(str(name) for name in keywords if str(name).startswith("response_model_"))
    if options:
        raise NoFix(f"`{options[0]}` would begin to work")
    status = call_argument(route.call, None, "status_code")
    if status is not None and not _has_body(status):
        raise NoFix(f"`{render(status)}` may be a status without a body")


def _has_body(status: Expr) -> bool:
    written = render(status)
    if written.startswith("HTTPStatus."):
        return written not in BODILESS_NAMES
    text = written.rpartition("HTTP_")[2][:3]
    return text.isdigit() and int(text) >= FIRST_SUCCESS and int(text) not in BODILESS
