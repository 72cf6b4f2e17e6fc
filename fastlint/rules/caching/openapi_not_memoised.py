"""FL414: A function that replaces `app.openapi` builds the schema at each visit."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.application.routes import is_router
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.lines import lines_of
from fastlint.fixes.module import span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function
from fastlint.project.values import FunctionValue
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading

KEPT = "openapi_schema"
"""The attribute in which FastAPI keeps the schema: fastapi/applications.py, FastAPI.openapi."""


class OpenapiNotMemoised(ModelRule):
    """A function that replaces `app.openapi` builds the schema at each visit."""

    code = "FL414"

    def find(self) -> Iterator[Finding]:
        """Look at functions that are assigned to `app.openapi`."""
        inference = self.application.inference
        for function in self.application.program.functions_naming(("openapi",)):
            for base, name, value in function.facts.stores:
                frame = self.application.program.generic_frame(function)
                if name != "openapi" or not any(
                    is_router(inference, v) for v in inference.values(base, frame)
                ):
                    continue
                for custom in inference.values(value, frame):
                    if isinstance(custom, FunctionValue) and _builds_anew(custom.function):
                        yield self.finding(
                            custom.function,
                            heading(custom.function),
                            f"`{custom.function.facts.name}` builds the whole OpenAPI schema at each visit of the docs",
                            "Return `app.openapi_schema` if it is set, and keep the schema there",
                            fix=_memoise(custom.function, function, base),
                        )


def _memoise(custom: Function, assigning: Function, app: Expr) -> FixMaker:
    """Return what keeps the schema at an application, which has a name where the function is assigned to it."""

    def make(files: Files) -> Fix:
        module = files.python(custom.module.path)
        node = module.function(custom.facts.span)
        is_near = custom.parent is assigning or (
            assigning.index == 0 and assigning.module is custom.module and custom.parent is None
        )
        if app[0] != "name" or not is_near or app[1] in custom.facts.bindings:
            raise NoFix(f"the application has no name in `{custom.facts.name}`")
        returns = [part for part in ast.walk(node) if isinstance(part, ast.Return)]
        last = node.body[-1]
        if returns != [last] or not isinstance(last, ast.Return) or last.value is None:
            raise NoFix(f"`{custom.facts.name}` does not return at its end, and there alone")
        kept, indentation = f"{app[1]}.{KEPT}", module.indentation(module.bounds(span_of(last))[0])
        unit = indentation.removeprefix(module.indentation(module.bounds(span_of(node))[0]))
        has_docstring = ast.get_docstring(node, clean=False) is not None
        top = lines_of(module, node.body[int(has_docstring)])[0]
        end = lines_of(module, last)[1]
        start = module.bounds(span_of(last))[0]
        space = "" if module.text[start + 6].isspace() else " "
        lines = (f"if {kept}:", f"{unit}return {kept}")
        return Fix(
            f"Keep the schema in `{kept}`",
            Applicability.UNSAFE,
            (
                module.insert(top, "".join(f"{indentation}{line}{module.newline}" for line in lines)),
                module.replace(start, start + len("return"), f"{kept} ={space}"),
                module.insert(end, f"{indentation}return {kept}{module.newline}"),
            ),
        )

    return make


def _builds_anew(function: Function) -> bool:
    facts = function.facts
    builds = any(e[0] in ("call", "drop") and called_name(e[1]) == "get_openapi" for e in facts.events)
    return builds and not facts.decorators and not any(name == KEPT for _, name, _ in facts.stores)
