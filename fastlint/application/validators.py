"""Pydantic code that the event loop runs: validators of requests, serializers of responses."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.dependencies import metadata
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.project.bindings import call_argument
from fastlint.project.calls import CallResolver
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, Collection, FunctionValue, Instance, Tuple, Value, Values

VALIDATING = frozenset({
    "pydantic.field_validator", "pydantic.model_validator", "pydantic.validator", "pydantic.root_validator",
})  # fmt: skip
SERIALIZING = frozenset({
    "pydantic.field_serializer", "pydantic.model_serializer", "pydantic.computed_field", "pydantic.serializer",
})  # fmt: skip
FUNCTION_VALIDATORS = frozenset({
    "pydantic.BeforeValidator", "pydantic.AfterValidator", "pydantic.WrapValidator", "pydantic.PlainValidator",
    "pydantic.functional_validators.BeforeValidator", "pydantic.functional_validators.AfterValidator",
    "pydantic.functional_validators.WrapValidator", "pydantic.functional_validators.PlainValidator",
})  # fmt: skip
MODELS = ("pydantic.BaseModel", "sqlmodel.SQLModel", "pydantic.RootModel", "pydantic.generics.GenericModel")


class ModelReader:
    """Finds the functions of models (and the models inside them) that run at each end of a request."""

    def __init__(self, inference: Inference, resolver: CallResolver) -> None:
        self.inference = inference
        self.resolver = resolver

    def request(self, function: Function, frame: Frame) -> Iterator[Frame]:
        """Yield what validates the parameters of a route or dependency; always on the event loop.

        FastAPI 0.165: fastapi/dependencies/utils.py, request_params_to_args and request_body_to_args.
        """
        outer = frame.parent or self.inference.defining_frame(function)
        seen: set[ProjectClass] = set()
        for parameter in function.facts.parameters:
            if parameter.default is not None:
                yield from self._default_factory(parameter.default, outer)
            if parameter.annotation is None:
                continue
            yield from self._metadata_functions(parameter.annotation, outer)
            if not self._is_injected(parameter.default, parameter.annotation, outer):
                yield from self._of_annotation(parameter.annotation, outer, VALIDATING, seen)

    def validators(self, models: Values, *, is_valid: bool) -> Iterator[Frame]:
        """Yield what validates a response: on the loop for `async def` routes, else in the thread pool.

        Of an object that has the response's class already (`is_valid`) only validators run that stand after
        its model. FastAPI 0.165: fastapi/routing.py, serialize_response.
        """
        yield from (
            frame
            for frame in self._of_values(models, VALIDATING, set())
            if not is_valid or _is_after_model(frame.function)
        )

    def serializers(self, models: Values) -> Iterator[Frame]:
        """Yield what serializes a response; on the event loop for every route.

        FastAPI 0.165: fastapi/routing.py, serialize_response.
        """
        yield from self._of_values(models, SERIALIZING, set())

    def _is_injected(self, default: Expr | None, annotation: Expr, frame: Frame) -> bool:
        if default is not None and self.inference.is_provider(default, frame):
            return True
        return any(
            self.inference.is_provider(expr, scope)
            for expr, scope, _ in metadata(self.inference, annotation, frame)
        )

    def _metadata_functions(self, annotation: Expr, frame: Frame) -> Iterator[Frame]:
        for expr, scope, _ in metadata(self.inference, annotation, frame):
            if expr[0] != "call":
                continue
            yield from self._default_factory(expr, scope)
            made = self.inference.values(expr, scope)
            if any(isinstance(v, Instance) and v.cls in FUNCTION_VALIDATORS for v in made):
                given = call_argument(expr, 0, "func")
                for value in self.inference.values(given, scope) if given is not None else ():
                    if isinstance(value, FunctionValue):
                        yield self.inference.enter(value, None, None)

    def _default_factory(self, expr: Expr, frame: Frame) -> Iterator[Frame]:
        """Yield what `Field(default_factory=f)`, `Cookie(default_factory=f)` and the like run."""
        factory = call_argument(expr, None, "default_factory") if expr[0] == "call" else None
        for value in self.inference.values(factory, frame) if factory is not None else ():
            if isinstance(value, FunctionValue):
                yield self.inference.enter(value, None, None)

    def _of_annotation(
        self, annotation: Expr, frame: Frame, wanted: frozenset[str], seen: set[ProjectClass]
    ) -> Iterator[Frame]:
        from fastlint.project.annotations import annotated_values

        yield from self._of_values(annotated_values(self.inference, annotation, frame), wanted, seen)

    def _of_values(self, values: Values, wanted: frozenset[str], seen: set[ProjectClass]) -> Iterator[Frame]:
        for value in values:
            if isinstance(value, Instance) and isinstance(value.cls, ProjectClass):
                yield from self._of_model(value.cls, wanted, seen)
            elif isinstance(value, Collection):
                yield from self._of_values(value.items, wanted, seen)
            elif isinstance(value, Tuple):
                for items in value.items:
                    yield from self._of_values(items, wanted, seen)

    def _of_model(
        self, cls: ProjectClass, wanted: frozenset[str], seen: set[ProjectClass]
    ) -> Iterator[Frame]:
        receiver = Instance(cls)
        if cls in seen or not any(self.inference.is_subclass(receiver, model) for model in MODELS):
            return
        seen.add(cls)
        for base in self.inference.mro(cls):
            if not isinstance(base, ProjectClass):
                continue
            for function in base.methods():
                if self._is_wanted(function, wanted):
                    yield self.inference.enter(
                        FunctionValue(function, self._receiver(function, cls)), None, None
                    )
            scope = self.inference.program.frame_around(base)
            for bindings in base.facts.bindings.values():
                for _, _, value in bindings:
                    if value[0] == "typed":
                        if wanted >= VALIDATING:
                            if value[2] is not None:
                                yield from self._default_factory(value[2], scope)
                            yield from self._metadata_functions(value[1], scope)
                        yield from self._of_annotation(value[1], scope, wanted, seen)

    def _receiver(self, function: Function, cls: ProjectClass) -> Value | None:
        if not function.facts.parameters:
            return None
        first = function.facts.parameters[0].name
        return ClassValue(cls) if first == "cls" else Instance(cls)

    def _is_wanted(self, function: Function, wanted: frozenset[str]) -> bool:
        if function.facts.name in ("model_post_init", "__init__"):
            return wanted >= VALIDATING
        return any(name in wanted for name in self.resolver.decorator_names(function))


def _is_after_model(function: Function) -> bool:
    """Tell whether a function is a validator of a finished object: `@model_validator(mode="after")`."""
    return any(
        decorator[0] == "call"
        and called_name(decorator) == "model_validator"
        and call_argument(decorator, None, "mode") == ("const", "after")
        for decorator in function.facts.decorators
    )
