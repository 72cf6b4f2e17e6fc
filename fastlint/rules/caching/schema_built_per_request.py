"""FL405: A request builds a Pydantic schema."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.diagnostics import Applicability, Fix, Severity
from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import walk
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.hoisting import hoist_classes
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Instance
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.remembering import adapter_name, keep
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
                    fix=keep(use, self.application.inference, adapter_name, is_safe=is_adapter),
                )
        for frame in self.application.requests:
            classes = list(_classes_in(frame))
            models = [cls for cls in classes if self._is_model(cls) and not _is_of_call(frame, cls, classes)]
            if models:
                several = len(models) > 1
                yield self.finding(
                    frame,
                    _header(models[0]),
                    f"The model `{models[0].facts.name}`{f' and {len(models) - 1} more are' if several else ' is'} "
                    f"built anew for each request{self.where(frame)}",
                    f"Move the {'classes' if several else 'class'} to module level",
                    fix=_above(frame, models),
                )

    def _is_model(self, cls: ProjectClass) -> bool:
        return self.application.inference.is_subclass(Instance(cls), "pydantic.BaseModel")


def _depends_on_call(frame: Frame, call: Expr) -> bool:
    """Tell whether the schema is made of something that only the call knows: a parameter or local name."""
    arguments = (*call[2], *(value for _, value in call[3])) if call[0] == "call" else ()
    return any(part[0] == "name" and part[1] in _locals(frame) for a in arguments for part in walk(a))


def _is_of_call(frame: Frame, cls: ProjectClass, classes: list[ProjectClass]) -> bool:
    """Tell whether a class is made of something that only the call knows, other classes aside."""
    names = _locals(frame) - {other.facts.name for other in classes}
    values = [value for bindings in cls.facts.bindings.values() for _, _, value in bindings]
    return any(part[0] == "name" and part[1] in names for value in values for part in walk(value))


def _locals(frame: Frame) -> set[str]:
    facts = frame.function.facts
    return {parameter.name for parameter in facts.parameters} | set(facts.bindings)


def _above(frame: Frame, models: list[ProjectClass]) -> FixMaker:
    """Return what moves classes out of a function."""

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        classes = [module.class_at(cls.facts.span) for cls in models]
        names = " and ".join(f"`{cls.name}`" for cls in classes)
        return Fix(f"Move {names} to module level", Applicability.UNSAFE, hoist_classes(module, classes))

    return make


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
