"""The fix of an engine that is given an argument which costs: leave the argument out."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Span
from fastlint.fixes.arguments import without_keyword
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function


def without(function: Function, span: Span, name: str, applicability: Applicability) -> FixMaker:
    """Return what takes a keyword argument out of the call at a place of a function."""

    def make(files: Files) -> Fix:
        module = files.python(function.module.path)
        call = module.expression(span)
        if not isinstance(call, ast.Call):
            raise NoFix("the call cannot be found in the file again")
        return Fix(f"Remove `{name}`", applicability, (without_keyword(module, call, name),))

    return make
