"""How large answers can be, as far as the code shows it."""

from __future__ import annotations

from fastlint.facts.model import Expr
from fastlint.project.annotations import annotated_values
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Collection, Instance, Text, Tuple, Value, Values

SCALARS = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bool", "uuid.UUID"})
MODEL = "pydantic.BaseModel"
SEVERAL = frozenset({"list", "set", "generator"})


class Payloads:
    """Tells answers that can be large (lists of things) from small ones (scalars, a flat model)."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._models: dict[ProjectClass, bool] = {}

    def is_large(self, expr: Expr, frame: Frame) -> bool | None:
        """Tell whether what is sent can be large; None if it is unknown, or a response already."""
        written = _written_out(expr)
        if written is not None:
            sizes = [self.is_large(value, frame) for value in written]
            return any(sizes)
        if expr[0] in ("const", "lit"):
            return False
        return self._of(self._inference.values(expr, frame))

    def is_large_model(self, cls: ProjectClass) -> bool:
        """Tell whether a model has lists of models in it."""
        if cls not in self._models:
            self._models[cls] = False  # what contains itself
            self._models[cls] = any(self._holds_many(base) for base in self._inference.mro(cls))
        return self._models[cls]

    def _of(self, values: Values) -> bool | None:
        sizes = [self._of_value(value) for value in values]
        return None if not sizes or None in sizes else True in sizes

    def _of_value(self, value: Value) -> bool | None:
        if isinstance(value, Collection):
            if value.kind not in SEVERAL:
                return None
            return not value.items or not all(self._is_scalar(item) for item in value.items)
        if isinstance(value, Tuple):
            return any(self._of(items) for items in value.items)
        if self._is_scalar(value):
            return False
        model = self._model_of(value)
        return None if model is None else self.is_large_model(model)

    def _is_scalar(self, value: Value) -> bool:
        return isinstance(value, Text) or (isinstance(value, Instance) and value.cls in SCALARS)

    def _holds_many(self, cls: ProjectClass | str) -> bool:
        if isinstance(cls, str):
            return False
        scope = self._inference.program.frame_around(cls)
        return any(
            self._is_many(field)
            for bindings in cls.facts.bindings.values()
            for _, _, binding in bindings
            if binding[0] == "typed"
            for field in annotated_values(self._inference, binding[1], scope)
        )

    def _is_many(self, field: Value) -> bool:
        """Tell whether a field is a list of models, or a model that has one."""
        if isinstance(field, Collection):
            return any(self._model_of(item) for item in field.items)
        model = self._model_of(field)
        return model is not None and self.is_large_model(model)

    def _model_of(self, value: Value) -> ProjectClass | None:
        if isinstance(value, Instance) and isinstance(value.cls, ProjectClass):
            return value.cls if self._inference.is_subclass(value, MODEL) else None
        return None


def _written_out(expr: Expr) -> tuple[Expr, ...] | None:
    """Return the values of a dictionary or list that is written out item by item."""
    if expr[0] == "dict" and all(key[0] != "unknown" for key in expr[1]):
        return expr[2]  # type: ignore[no-any-return]
    if expr[0] in ("list", "tuple", "set") and all(item[0] != "star" for item in expr[1]):
        return expr[1]  # type: ignore[no-any-return]
    return None
