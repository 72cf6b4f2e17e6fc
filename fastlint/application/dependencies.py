"""The dependency graph: what `Depends` and `Security` inject, wherever they are written."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr, Parameter
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, annotation_parts
from fastlint.project.values import ClassValue, FunctionValue, TypeForm, Value, Values

REQUEST_SCOPE, FUNCTION_SCOPE = "request", "function"
MOST_NAMES = 4
"""Names of names of a `Depends(...)` that are followed."""


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """One `Depends(f)`: what it asks for, and how."""

    provider: Value
    call: Expr
    """`("call", ...)`: the `Depends(...)` as it is written."""
    frame: Frame
    """Where it is evaluated; its module is the file that it stands in."""
    parameter: str = ""
    """The parameter that receives the value; none in `dependencies=[...]`."""

    @property
    def scope(self) -> str:
        """When the exit code of a `yield` dependency runs: "request" (after the response) or "function".

        FastAPI 0.165: fastapi/params.py, Depends; the keyword exists since 0.121. Empty if it is given but
        cannot be read.
        """
        given = self._keyword("scope")
        if given is None or given == ("const", None):
            return REQUEST_SCOPE
        return str(given[1]) if given[0] == "const" else ""

    @property
    def effective_scope(self) -> str:
        """The scope under which the value is kept; none for what has no exit code and names no scope.

        FastAPI 0.165: fastapi/dependencies/models.py, _get_computed_scope.
        """
        given = self._keyword("scope")
        return self.scope if self.is_generator or given not in (None, ("const", None)) else ""

    @property
    def is_generator(self) -> bool:
        """Whether the provider yields its value, so that it has exit code."""
        return isinstance(self.provider, FunctionValue) and self.provider.function.facts.is_generator

    @property
    def use_cache(self) -> bool:
        """Whether one value serves the whole request."""
        return self._keyword("use_cache") != ("const", False)

    def _keyword(self, name: str) -> Expr | None:
        return call_argument(self.call, None, name) if self.call[0] == "call" else None


@dataclass(frozen=True, slots=True, eq=False)
class Injection:
    """An edge of the graph: a need, and the function that answers it."""

    need: Need
    frame: Frame | None
    """The call of the provider; None for classes without a constructor and for callables of libraries."""
    user: Hashable
    """Who needs it: a frame, a route (its `dependencies=[...]`), or what identifies a router."""


class DependencyGraph:
    """Who depends on what."""

    def __init__(self) -> None:
        self._direct: dict[Hashable, list[Injection]] = defaultdict(list)

    def add(self, user: Hashable, need: Need, frame: Frame | None) -> None:
        """Note that the user (a frame, a route or the identity of a router) needs something."""
        self._direct[user].append(Injection(need, frame, user))

    def of(self, user: Hashable) -> list[Injection]:
        """Return what a frame, a route or a router needs itself."""
        return self._direct.get(user, [])

    def tree(self, users: Iterable[Hashable]) -> list[Injection]:
        """Return everything that the users need, through all levels, the nearest first."""
        found: list[Injection] = []
        queue = deque(users)
        seen = set(queue)
        while queue:
            for injection in self.of(queue.popleft()):
                found.append(injection)
                if injection.frame is not None and injection.frame not in seen:
                    seen.add(injection.frame)
                    queue.append(injection.frame)
        return found

    def all(self) -> Iterator[Injection]:
        """Yield every edge."""
        for injections in self._direct.values():
            yield from injections


def parameter_needs(inference: Inference, function: Function, frame: Frame) -> Iterator[Need]:
    """Yield what the parameters of a route or dependency depend on."""
    outer = frame.parent or inference.defining_frame(function)
    for parameter in function.facts.parameters:
        yield from needs_of_parameter(inference, parameter, outer)


def needs_of_parameter(inference: Inference, parameter: Parameter, outer: Frame) -> Iterator[Need]:
    """Yield what one parameter depends on; its annotation is evaluated in the outer frame."""
    default = parameter.default
    if default is not None:
        for call, scope in written(inference, default, outer):
            for value in provider_targets(inference, call, scope, parameter.annotation):
                yield Need(value, call, scope, parameter.name)
    if parameter.annotation is not None:
        for expr, frame, declared in metadata(inference, parameter.annotation, outer):
            for call, scope in written(inference, expr, frame):
                for value in provider_targets(inference, call, scope, declared):
                    yield Need(value, call, scope, parameter.name)


def written(inference: Inference, expr: Expr, frame: Frame, depth: int = 0) -> Iterator[tuple[Expr, Frame]]:
    """Yield the `Depends(...)` that an expression is, and where it is evaluated.

    It may have a name (`Database = Depends(get_db)`), or come from a function of the program.
    """
    if depth > MOST_NAMES:
        return
    if expr[0] == "name":
        module = frame.function.module
        for _, _, value in module.facts.functions[0].bindings.get(expr[1], ()):
            yield from written(inference, value, module.frame, depth + 1)
    elif expr[0] == "import" and expr[3]:
        target = inference.program.find_module(frame.function.module, expr[1], expr[2])
        if target is not None:
            for _, _, value in target.facts.functions[0].bindings.get(expr[3], ()):
                yield from written(inference, value, target.frame, depth + 1)
    elif inference.is_provider(expr, frame):
        yield expr, frame
    elif expr[0] == "call":
        for callee in inference.values(expr[1], frame):
            if isinstance(callee, FunctionValue) and not callee.function.facts.is_generator:
                inner = inference.enter(callee, expr, frame)
                for value in callee.function.facts.returns:
                    if inference.is_provider(value, inner):
                        yield value, inner


def provider_targets(
    inference: Inference, expr: Expr, frame: Frame, annotation: Expr | None = None
) -> Values:
    """Return the callables behind `Depends(f)`; `Depends()` stands for the annotated class itself."""
    target = call_argument(expr, 0, "dependency")
    if target is not None:
        return inference.values(target, frame)
    return inference.values(annotation, frame) if annotation is not None else ()


def metadata(
    inference: Inference, annotation: Expr, frame: Frame, depth: int = 0
) -> Iterator[tuple[Expr, Frame, Expr]]:
    """Yield the metadata of `Annotated[T, ...]`, through aliases: (expression, its frame, T)."""
    if depth > 6:
        return
    base, arguments = annotation_parts(annotation)
    if arguments:
        name = base[1] if base[0] == "name" else base[2] if base[0] == "attr" else ""
        if name == "Annotated":
            for expr in arguments[1:]:
                yield expr, frame, arguments[0]
            yield from metadata(inference, arguments[0], frame, depth + 1)
        return
    if annotation[0] in ("name", "attr"):
        for value in inference.values(annotation, frame):
            if isinstance(value, TypeForm):
                yield from metadata(inference, value.expr, value.frame, depth + 1)


def listed_needs(inference: Inference, call: Expr, frame: Frame) -> Iterator[Need]:
    """Yield what `dependencies=[Depends(f), ...]` of a router, app or route depends on."""
    listed = call_argument(call, None, "dependencies")
    if listed is None:
        return
    for expr in _elements(inference, listed, frame):
        for written_call, scope in written(inference, expr, frame):
            for value in provider_targets(inference, written_call, scope):
                yield Need(value, written_call, scope)


def _elements(inference: Inference, expr: Expr, frame: Frame) -> Iterator[Expr]:
    if expr[0] in ("list", "tuple"):
        yield from expr[1]
    elif expr[0] == "any":
        for part in expr[1]:
            yield from _elements(inference, part, frame)


def runs_in_thread(value: Value) -> bool:
    """Tell whether FastAPI calls a dependency in the thread pool: all but coroutine functions.

    FastAPI 0.165: fastapi/dependencies/utils.py, solve_dependencies.
    """
    if isinstance(value, FunctionValue):
        return not value.function.facts.is_async
    return isinstance(value, ClassValue)
