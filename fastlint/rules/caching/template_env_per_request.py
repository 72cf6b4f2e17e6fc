"""FL402: A request compiles its templates again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.application.requests import Use
from fastlint.diagnostics import Fix
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.remembering import class_name, keep
from fastlint.rules.rendering import render

RENDERS = frozenset({"TemplateResponse", "render", "render_async"})
GIVES_TEMPLATE = frozenset({"from_string", "get_template", "select_template"})


class TemplateEnvPerRequest(ModelRule):
    """A request compiles its templates again."""

    code = "FL402"

    def find(self) -> Iterator[Finding]:
        """Look at template environments, and templates made from text, on the request path."""
        for use in self.application.requests.uses("templates"):
            if use.name == "jinja2.Template" and _is_data(use.expr, use.frame):
                continue
            if use.name == "jinja2.Template":
                what = "compiles a template"
                advice = "Load it with `get_template` of one `Environment` at module level, which keeps what it compiled"
            else:
                what = "makes an environment that has to compile every template anew"
                advice = "Make it once, at module level"
                if _compiles_text(use.frame):
                    advice += ", and keep what `from_string` compiles: the environment does not"
            yield self.finding(
                use.frame,
                use.span,
                f"`{render(use.expr)}` {what} for each request{self.where(use.frame)}",
                advice,
                fix=self._fix(use),
            )

    def _fix(self, use: Use) -> FixMaker:
        make = keep(use, self.application.inference, _constant_name)

        def checked(files: Files) -> Fix:
            module = files.python(use.frame.function.module.path)
            if not _only_renders(module, module.expression(use.span)):
                raise NoFix("the function does more with it than to render")
            return make(files)

        return checked


def _only_renders(module: Module, made: ast.expr) -> bool:
    """Tell whether a function does nothing to an environment or template but render with it."""
    statement, function = module.parent(made), module.enclosing_function(made)
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return _is_rendered(module, made)
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name) or function is None:
        return False
    name = targets[0].id
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name]
    return all(use is targets[0] or _is_rendered(module, use) for use in uses)


def _is_rendered(module: Module, node: ast.expr) -> bool:
    """Tell whether what is done with something is to render it, or a template that it gives."""
    method = module.parent(node)
    call = module.parent(method)
    if not isinstance(method, ast.Attribute) or not isinstance(call, ast.Call) or call.func is not method:
        return False
    if method.attr in GIVES_TEMPLATE:
        return len(call.args) == 1 and not call.keywords and _only_renders(module, call)
    return method.attr in RENDERS


def _constant_name(call: ast.Call) -> str:
    return class_name(call).removeprefix("jinja2_")


def _is_data(call: Expr, frame: Frame) -> bool:
    """Tell whether the text of a template is an attribute of an object: data that differs by request."""
    text = call_argument(call, 0, "source") if call[0] == "call" else None
    return (
        text is not None
        and text[0] == "attr"
        and text[1][0] == "name"
        and text[1][1] in frame.function.parameters
    )


def _compiles_text(frame: Frame) -> bool:
    """Tell whether a function makes templates from text, which no environment remembers."""
    return any(
        kind == "call" and called_name(expr) == "from_string"
        for kind, expr, *_ in frame.function.facts.events
    )
