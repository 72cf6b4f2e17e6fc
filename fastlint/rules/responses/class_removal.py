"""The fix of a response class that turns the fast serialization off: leave it out."""

from __future__ import annotations

from fastlint.application.contexts import Application
from fastlint.application.responses import CLASS_KEYWORDS, ClassChoice
from fastlint.application.routes import Route
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.structure import called_name
from fastlint.fixes.arguments import call_at, has_keyword, without_keyword
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.project.values import ClassValue, LibraryName
from fastlint.rules.responses.plain_models import is_written_alike

INCLUDES = ("include_router", "mount")


def left_out(application: Application, choice: ClassChoice, *, is_default: bool) -> FixMaker:
    """Return what takes a response class out of the call that sets it.

    It is safe for `JSONResponse`, which routes get anyway, if Rust writes the same JSON for their response types.
    """

    def make(files: Files) -> Fix:
        is_same = is_default
        for route in application.routes:
            choices = [found.given for found in application.responses.class_choices(route)]
            if any(given is choice.given for given in choices) and choices[-1] is not choice.given:
                raise NoFix("another response class is set around it")
            if any(given is choice.given for given in choices):
                is_same &= _has_plain_routers(application, route) and _is_written_alike(application, route)
        module = files.python(choice.frame.function.module.path)
        call = call_at(module, choice.call[-1])
        name = next((name for name in CLASS_KEYWORDS if has_keyword(call, name)), CLASS_KEYWORDS[0])
        return Fix(
            f"Leave out `{name}`",
            Applicability.SAFE if is_same else Applicability.UNSAFE,
            (without_keyword(module, call, name),),
        )

    return make


def _is_written_alike(application: Application, route: Route) -> bool:
    for frame in application.endpoints.get(route, ()):
        declared = application.responses.declared(route, frame)
        if declared is not None and not is_written_alike(application.inference, *declared):
            return False
    return True


def _has_plain_routers(application: Application, route: Route) -> bool:
    """Tell whether all that is around a route is known, and makes no responses of another class."""
    routers = application.table.above(route.router)
    calls = [made for router in routers for made in application.table.calls.get(router, ())]
    made = [
        v
        for call, frame in calls
        if called_name(call) not in INCLUDES
        for v in application.inference.values(call[1], frame)
    ]
    return (
        all(application.table.calls.get(router) for router in routers)
        and len(made) >= len(routers) > 0
        and all(isinstance(value, ClassValue | LibraryName) for value in made)
        and all(isinstance(getattr(value, "cls", ""), str) for value in made)
        and not any(name is None for call, _ in calls for name, _ in call[3])
    )
