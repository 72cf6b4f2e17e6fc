"""FL405: A request builds a Pydantic schema."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import walk
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Instance
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class SchemaBuiltPerRequest(ModelRule):
    """A request builds a Pydantic schema."""

    code = "FL405"

    def find(self) -> Iterator[Finding]:
        """Look at adapters and models that code of the request path makes of what is known beforehand."""
        for use in self.application.requests.uses("schema"):
            if not _depends_on_call(use.frame, use.expr):
                is_adapter = use.name == "pydantic.TypeAdapter"
                yield self.finding(
                    use.frame,
                    use.span,
                    f"`{render(use.expr)}` builds a {'validator' if is_adapter else 'model'} for each request"
                    f"{self.where(use.frame)}",
                    "Build it once, as a constant of the module",
                    Severity.WARNING if is_adapter else Severity.ERROR,
                )
        for frame in self.application.requests:
            for cls in _classes_in(frame):
                if self.application.inference.is_subclass(Instance(cls), "pydantic.BaseModel"):
                    yield self.finding(
                        frame,
                        _header(cls),
                        f"The model `{cls.facts.name}` is built anew for each request{self.where(frame)}",
                        "Move the class to module level",
                    )


def _depends_on_call(frame: Frame, call: Expr) -> bool:
    """Tell whether the schema is made of something that only the call knows: a parameter or local name."""
    facts = frame.function.facts
    names = {parameter.name for parameter in facts.parameters} | set(facts.bindings)
    arguments = (*call[2], *(value for _, value in call[3])) if call[0] == "call" else ()
    return any(part[0] == "name" and part[1] in names for a in arguments for part in walk(a))


def _header(cls: ProjectClass) -> Span:
    """Return where `class Name` stands."""
    row, column = cls.facts.span[:2]
    return (row, column, row, column + len(f"class {cls.facts.name}".encode()))


def _classes_in(frame: Frame) -> Iterator[ProjectClass]:
    """Yield the classes that the body of a function defines."""
    if frame.function.index > 0:
        for cls in frame.function.module.classes:
            if cls.facts.parent == frame.function.index:
                yield cls
