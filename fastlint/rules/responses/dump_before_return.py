"""FL505: A route dumps a model that FastAPI would serialize itself."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.routes import Route
from fastlint.facts.model import Expr
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Collection, Instance, Values
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

DUMPS = frozenset({"model_dump", "dict"})


class DumpBeforeReturn(ModelRule):
    """A route dumps a model that FastAPI would serialize itself."""

    code = "FL505"

    def find(self) -> Iterator[Finding]:
        """Look at routes with a model as response type that return what `model_dump()` gives."""
        for route in self.application.routes:
            for frame in self.application.endpoints.get(route, ()):
                models = _models(self.application.responses.declared_values(route, frame))
                for event in self.application.responses.returns(frame) if models else ():
                    dump = _dump(event[1])
                    if dump is not None and self._is_same(dump[1][1], frame, models):
                        yield self._finding(route, frame, dump)

    def _is_same(self, base: Expr, frame: Frame, models: set[ProjectClass]) -> bool:
        """Tell whether an object surely is of the declared model."""
        values = self.application.inference.values(base, frame)
        return bool(values) and all(isinstance(v, Instance) and v.cls in models for v in values)

    def _finding(self, route: Route, frame: Frame, dump: Expr) -> Finding:
        base = render(dump[1][1])
        exact = (
            ""
            if not (dump[2] or dump[3])
            else ", and pass its arguments as `response_model_exclude_unset` and the like"
        )
        return self.finding(
            frame,
            dump[-1],
            f"`{render(dump)}` turns the model into a dictionary, which FastAPI validates and serializes again for "
            f"{self.application.label(route)}",
            f"Return `{base}` itself{exact}",
        )


def _models(declared: Values) -> set[ProjectClass]:
    """Return the models that a declared type, or a list of it, consists of."""
    found: set[ProjectClass] = set()
    for value in declared:
        for inner in value.items if isinstance(value, Collection) else (value,):
            if isinstance(inner, Instance) and isinstance(inner.cls, ProjectClass):
                found.add(inner.cls)
    return found


def _dump(expr: Expr) -> Expr | None:
    """Return the call of `model_dump` in what is returned: alone, or for each item of a list."""
    if expr[0] == "list" and len(expr[1]) == 1 and expr[1][0][0] == "star" and expr[1][0][1][0] == "list":
        expr = expr[1][0][1][1][0]
    is_dump = expr[0] == "call" and expr[1][0] == "attr" and expr[1][2] in DUMPS
    return expr if is_dump else None
