"""FL505: A route dumps a model that FastAPI would serialize itself."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.dumps import dumped, dumped_models, is_for_each
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.fixes.files import FixMaker
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Collection, Instance, Values
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render
from fastlint.rules.responses.undumped import undumped

UNDONE = frozenset({
    "by_alias", "exclude_defaults", "exclude_unset", "mode", "round_trip", "warnings",
})  # fmt: skip
"""Arguments of the dump that the validation after it undoes: what they leave out, it fills in again."""


class DumpBeforeReturn(ModelRule):
    """A route dumps a model that FastAPI would serialize itself."""

    code = "FL505"

    def applies(self) -> bool:
        """Pydantic 1 does all of this in Python."""
        return self.application.versions.is_at_least("pydantic", "2")

    def find(self) -> Iterator[Finding]:
        """Look at routes with a model as response type that return what `model_dump()` gives."""
        responses = self.application.responses
        for route in self.application.routes:
            for frame in self.application.endpoints.get(route, ()):
                models = _models(responses.declared_values(route, frame))
                for event in responses.returns(frame) if models and not responses.is_decorated(frame) else ():
                    dump = self._dump(event[1], frame, models)
                    if dump is not None:
                        is_large = is_for_each(event[1]) or any(
                            map(responses.payloads.is_large_model, models)
                        )
                        fix = undumped(route, frame, dump)
                        yield self._finding(route, frame, dump, fix, is_large=is_large)

    def _dump(self, expr: Expr, frame: Frame, models: set[ProjectClass]) -> Expr | None:
        """Return the dump of an object that surely is of the declared model, if nothing is lost by it."""
        dump = dumped(expr)
        if dump is None or not {name for name, _ in dump[3]} <= UNDONE:
            return None
        found = dumped_models(self.application.inference, dump, frame)
        return dump if found and found <= models else None

    def _finding(self, route: Route, frame: Frame, dump: Expr, fix: FixMaker, *, is_large: bool) -> Finding:
        return self.finding(
            frame,
            dump[-1],
            f"`{render(dump)}` turns the model into a dictionary, which FastAPI validates and serializes again for "
            f"{self.application.label(route)}",
            f"Return `{render(dump[1][1])}` itself",
            Severity.WARNING if is_large else Severity.INFO,
            fix=fix,
        )


def _models(declared: Values) -> set[ProjectClass]:
    """Return the models that a declared type, or a list of it, consists of."""
    found: set[ProjectClass] = set()
    for value in declared:
        for inner in value.items if isinstance(value, Collection) else (value,):
            if isinstance(inner, Instance) and isinstance(inner.cls, ProjectClass):
                found.add(inner.cls)
    return found
