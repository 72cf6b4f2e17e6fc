"""The unions of models in what routes take and answer, and what tells their members apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.application.contexts import Application
from fastlint.application.routes import Route
from fastlint.facts.model import Expr
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame, ProjectClass, annotation_parts
from fastlint.project.values import ClassValue, LibraryName, TypeForm

MODEL = "pydantic.BaseModel"
FUNCTION_DISCRIMINATORS = frozenset({"pydantic.Discriminator", "pydantic.types.Discriminator"})
DEEPEST = 12


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """A union of models without a discriminator."""

    expr: Expr
    frame: Frame
    """Where it is evaluated; it stands in that module."""
    members: tuple[ProjectClass, ...]
    route: Route


def undiscriminated_unions(application: Application) -> Iterator[Union]:
    """Yield the unions of models that routes take or answer, each once, through the fields of models."""
    reader = _Reader(application)
    for route in application.routes:
        for frame in application.endpoints.get(route, ()):
            reader.route = route
            outer = frame.parent or application.inference.defining_frame(frame.function)
            for parameter in frame.function.facts.parameters:
                if parameter.annotation is not None and not application.is_injected(frame, parameter):
                    is_told = _has_discriminator(parameter.default)
                    yield from reader.annotation(parameter.annotation, outer, is_told=is_told)
            declared = application.responses.declared(route, frame)
            if declared is not None:
                yield from reader.annotation(*declared)


def literal_fields(application: Application, cls: ProjectClass) -> dict[str, tuple[Expr, ...]]:
    """Return the fields of a model that are `Literal[...]`, with the values that they allow."""
    found: dict[str, tuple[Expr, ...]] = {}
    for base in application.inference.mro(cls):
        for name, annotation, _, scope in _fields(application, base):
            parts, values = annotation_parts(annotation)
            known = application.inference.values(parts, scope)
            if values and any(
                isinstance(v, LibraryName) and v.name.rpartition(".")[2] == "Literal" for v in known
            ):
                found.setdefault(name, values)
    return found


class _Reader:
    def __init__(self, application: Application) -> None:
        self._application = application
        self._inference = application.inference
        self._seen: set[object] = set()
        self.route: Route

    def annotation(
        self, expr: Expr, frame: Frame, *, is_told: bool = False, depth: int = 0
    ) -> Iterator[Union]:
        """Yield the unions in an annotation; `is_told` says that there is a discriminator already."""
        if depth > DEEPEST:
            return
        parts = self._members(expr, frame)
        if parts is not None:
            if not is_told:
                yield from self._union(expr, frame, parts)
            for part in parts:
                yield from self.annotation(part, frame, depth=depth + 1)
            return
        base, arguments = annotation_parts(expr)
        if arguments:
            if self._is_named(base, frame, "Annotated"):
                is_told = is_told or any(
                    _has_discriminator(a) or self._is_discriminator(a, frame) for a in arguments[1:]
                )
                yield from self.annotation(arguments[0], frame, is_told=is_told, depth=depth + 1)
            else:
                for argument in (base, *arguments):
                    yield from self.annotation(argument, frame, depth=depth + 1)
        elif expr[0] in ("name", "attr"):
            for value in self._inference.values(expr, frame):
                if isinstance(value, TypeForm):
                    yield from self.annotation(value.expr, value.frame, is_told=is_told, depth=depth + 1)
                elif isinstance(value, ClassValue) and self._inference.is_subclass(value, MODEL):
                    yield from self._model(value.cls, depth)

    def _model(self, cls: ProjectClass | str, depth: int) -> Iterator[Union]:
        if isinstance(cls, str) or cls in self._seen:
            return
        self._seen.add(cls)
        for base in self._inference.mro(cls):
            for _, annotation, default, scope in _fields(self._application, base):
                is_told = _has_discriminator(default)
                yield from self.annotation(annotation, scope, is_told=is_told, depth=depth + 1)

    def _union(self, expr: Expr, frame: Frame, parts: list[Expr]) -> Iterator[Union]:
        if id(expr) in self._seen:
            return
        self._seen.add(id(expr))
        members: list[ProjectClass] = []
        for part in parts:
            if part == ("const", None):
                continue
            cls = self._model_of(part, frame)
            if cls is None:
                return  # a scalar; or a union with a name, which is looked at by itself
            members.append(cls)
        yield Union(expr, frame, tuple(members), self.route)

    def _model_of(self, part: Expr, frame: Frame) -> ProjectClass | None:
        """Return the model that a part of a union is written as."""
        if part[0] not in ("name", "attr"):
            return None
        values = self._inference.values(part, frame)
        found = [v.cls for v in values if isinstance(v, ClassValue) and self._inference.is_subclass(v, MODEL)]
        is_one = len(values) == len(found) == 1
        return found[0] if is_one and isinstance(found[0], ProjectClass) else None

    def _members(self, expr: Expr, frame: Frame) -> list[Expr] | None:
        """Return the parts of `A | B`, `Union[A, B]`; None for everything else."""
        is_operator = expr[0] == "binop" and expr[1] == "BitOr"
        if is_operator or expr[0] == "any":
            found: list[Expr] = []
            for side in expr[2:4] if is_operator else expr[1]:
                found += self._members(side, frame) or [side]
            return found
        base, arguments = annotation_parts(expr)
        if arguments and (self._is_named(base, frame, "Union") or self._is_named(base, frame, "Optional")):
            found = []
            for argument in arguments:
                found += self._members(argument, frame) or [argument]
            return found
        return None

    def _is_named(self, base: Expr, frame: Frame, name: str) -> bool:
        values = self._inference.values(base, frame)
        return any(isinstance(v, LibraryName) and v.name.rpartition(".")[2] == name for v in values)

    def _is_discriminator(self, expr: Expr, frame: Frame) -> bool:
        if expr[0] != "call":
            return False
        values = self._inference.values(expr[1], frame)
        return any(isinstance(v, LibraryName) and v.name in FUNCTION_DISCRIMINATORS for v in values)


def _fields(
    application: Application, cls: ProjectClass | str
) -> Iterator[tuple[str, Expr, Expr | None, Frame]]:
    """Yield the fields that a class body declares: name, annotation, default, and where these are evaluated."""
    if isinstance(cls, str):
        return
    scope = application.inference.program.frame_around(cls)
    for name, bindings in cls.facts.bindings.items():
        for _, _, value in bindings:
            if value[0] == "typed":
                yield name, value[1], value[2], scope


def _has_discriminator(expr: Expr | None) -> bool:
    return expr is not None and expr[0] == "call" and call_argument(expr, None, "discriminator") is not None
