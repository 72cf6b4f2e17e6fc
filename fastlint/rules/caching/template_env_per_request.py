"""FL402: A request compiles its templates again."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


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
            )


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
