"""The fix of a response class that turns the fast serialization off: leave it out."""

from __future__ import annotations

from fastlint.application.contexts import Application
from fastlint.application.responses import CLASS_KEYWORDS, ClassChoice
from fastlint.diagnostics import Applicability, Fix
from fastlint.fixes.arguments import call_at, has_keyword, without_keyword
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix


def left_out(application: Application, choice: ClassChoice, *, is_default: bool) -> FixMaker:
    """Return what takes a response class out of the call that sets it.

    It is safe for `JSONResponse`, which routes without a response type get anyway.
    """

    def make(files: Files) -> Fix:
        for route in application.routes:
            choices = [found.given for found in application.responses.class_choices(route)]
            if any(given is choice.given for given in choices) and choices[-1] is not choice.given:
                raise NoFix("another response class is set around it")
        module = files.python(choice.frame.function.module.path)
        call = call_at(module, choice.call[-1])
        name = next((name for name in CLASS_KEYWORDS if has_keyword(call, name)), CLASS_KEYWORDS[0])
        return Fix(
            f"Leave out `{name}`",
            Applicability.SAFE if is_default else Applicability.UNSAFE,
            (without_keyword(module, call, name),),
        )

    return make
