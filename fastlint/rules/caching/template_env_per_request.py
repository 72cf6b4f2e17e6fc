"""FL402: A request compiles its templates again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.application.requests import Use
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, names_bound_to
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.remembering import class_name, keep
from fastlint.rules.rendering import render

RENDERS = frozenset({"TemplateResponse", "get_template", "select_template", "from_string", "render"})


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
                fix=keep(
                    use,
                    self.application.inference,
                    _constant_name,
                    is_safe=_only_renders(use),
                ),
            )


def _only_renders(use: Use) -> bool:
    """Tell whether a function does nothing to an environment but render with it."""
    facts = use.frame.function.facts
    names = names_bound_to(facts, use.expr)
    reads = [e[1] for e in facts.events if e[0] == "attr" and e[1][1][0] == "name" and e[1][1][1] in names]
    return all(read[2] in RENDERS for read in reads)


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
