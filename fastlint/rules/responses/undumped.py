"""The fix of a dump before the return: return the model itself."""

from __future__ import annotations

from fastlint.application.routes import Route
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.arguments import call_at
from fastlint.fixes.comprehensions import without_call
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.rules.rendering import render

OPTIONS = "response_model_"
"""How arguments of a route begin that leave out what is unset in a model, but set in its dump."""


def undumped(route: Route, frame: Frame, dump: Expr) -> FixMaker:
    """Return what returns a model instead of its dump.

    It is unsafe: the model is not validated again, as its dump was.
    """

    def make(files: Files) -> Fix:
        keywords = [name for name, _ in route.call[3]]
        if any(name is None or name.startswith(OPTIONS) for name in keywords):
            raise NoFix("the route leaves out some of the answer, which is another part of a model")
        module = files.python(frame.function.module.path)
        call = call_at(module, dump[-1])
        return Fix(
            f"Return `{render(dump[1][1])}` itself", Applicability.UNSAFE, (without_call(module, call),)
        )

    return make
