"""The fixes of how a dependency is asked for: `scope="function"` wherever it is, and one value for a request."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from fastlint.application.background import HandOver, hand_overs
from fastlint.application.contexts import Application
from fastlint.application.dependencies import FUNCTION_SCOPE, REQUEST_SCOPE, Injection, Need
from fastlint.application.held import Carriers, Held
from fastlint.application.routes import Route
from fastlint.application.streams import Stream, find_streams, uses
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.facts.structure import children, walk
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.module import span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import Collection, Instance, Value
from fastlint.rules.lifecycle.asking import Asked, asking
from fastlint.rules.rendering import render

SINCE = "0.121"
"""The FastAPI in which `Depends` got its `scope`."""


def use_cache(need: Need) -> FixMaker:
    """Return what makes a `Depends(...)` take the value that the request has already."""

    def make(files: Files) -> Fix:
        from fastlint.fixes.rewriting import without_keyword

        module = files.python(need.frame.function.module.path)
        call = module.expression(need.call[4])
        code = without_keyword(module.code(call), "use_cache")
        return Fix("Remove `use_cache=False`", Applicability.UNSAFE, (module.replace_node(call, code),))

    return make


class FunctionScopes:
    """Makes the fix that ends a dependency when its route returns, where nothing needs it any longer."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._known: dict[Function, Fix | NoFix] = {}

    def of(self, need: Need) -> FixMaker:
        """Return what writes `scope="function"` wherever the provider of a need is asked for."""

        def make(files: Files) -> Fix:
            function = self._provider(need)
            if function not in self._known:
                try:
                    self._known[function] = self._make(function, files)
                except NoFix as reason:
                    self._known[function] = reason
            known = self._known[function]
            if isinstance(known, NoFix):
                raise known
            return known

        return make

    def _provider(self, need: Need) -> Function:
        for injection in self._application.dependencies.all():
            if injection.need is need and injection.frame is not None:
                return injection.frame.function
        raise NoFix("what it asks for is not a function of the program")

    def _make(self, function: Function, files: Files) -> Fix:
        from packaging.version import Version

        lowest = self._application.versions.pin("fastapi").lowest
        is_new = self._application.versions.is_at_least("fastapi", SINCE)
        if not is_new or (lowest is not None and lowest < Version(SINCE)):
            raise NoFix(f"the project allows versions of FastAPI before {SINCE}, which have no `scope`")
        injections = [i for i in self._application.dependencies.all() if _is_of(i, function)]
        self._require_plain_users(injections)
        self._require_no_late_use(function)
        edits = []
        asked = asking(self._application, function, files)
        places = {(module.path, module.bounds(span_of(call))) for module, call, _ in asked}
        for injection in injections:
            module = files.python(injection.need.frame.function.module.path)
            if (module.path, module.bounds(injection.need.call[4])) not in places:
                raise NoFix("it is asked for in ways that cannot be changed")
        for place in asked:
            edits += list(_scoped(place))
        name = function.facts.name
        count = f"{len(edits)} " if len(edits) > 1 else ""
        return Fix(f'Add `scope="function"` to {count}`Depends({name})`', Applicability.UNSAFE, tuple(edits))

    def _require_plain_users(self, injections: list[Injection]) -> None:
        """Raise `NoFix` if a dependency that ends later needs this one: FastAPI refuses that."""
        graph = self._application.dependencies
        for injection in injections:
            user = injection.user
            if not (isinstance(user, Frame) and user.function.facts.is_generator):
                continue
            if any(i.frame is user and i.need.scope != FUNCTION_SCOPE for i in graph.all()):
                raise NoFix(f"`{user.function.facts.name}` needs it until the response is sent")

    def _require_no_late_use(self, function: Function) -> None:
        """Raise `NoFix` if a stream or what goes on in the background has what the dependency gives."""
        application = self._application
        routes = {
            route: held
            for route in application.routes
            for injection, acquisition in application.providers.held(application.needs(route))
            if _is_of(injection, function)
            for held in [Held(injection, acquisition)]
        }
        if not routes:
            raise NoFix("what it holds is not known")
        for stream in self._streams:
            if stream.route in routes and self._streams_from(stream, routes[stream.route]):
                raise NoFix(f"the stream of {application.label(stream.route)} needs it")
            if stream.route in routes and stream.content and self._has_rows(stream.content, stream.frame):
                raise NoFix(f"the stream of {application.label(stream.route)} needs objects of the session")
        for hand_over, reached in self._started:
            for route in reached:
                if route in routes and self._takes(hand_over, routes[route]):
                    raise NoFix(f"`{render(hand_over.target)}` needs it after {application.label(route)}")
                target = hand_over.target
                parts = (*hand_over.arguments, target[1] if target[0] == "attr" else target)
                if route in routes and any(self._has_rows(part, hand_over.frame) for part in parts):
                    raise NoFix(f"`{render(hand_over.target)}` needs objects of the session")

    def _streams_from(self, stream: Stream, held: Held) -> bool:
        """Tell whether a stream has what a dependency holds, which a helper may have been handed."""
        if stream.content is None or stream.frame in self._application.endpoints.get(stream.route, ()):
            return uses(self._application, stream, held)
        carriers = Carriers(self._application, held, handed=Carriers(self._application, held, surely=True))
        return carriers.carries(stream.content, stream.frame)

    def _has_rows(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression, or a function defined here that it names, reads mapped objects or results.

        Without their session they cannot load what they have not loaded.
        """
        inference = self._application.inference
        bound = frame.function.facts.bindings.get(expr[1], ()) if expr[0] == "name" else ()
        if expr[0] == "generator" or any(value[0] == "generator" for _, _, value in bound):
            return True  # what it iterates is not among the facts
        if expr[0] in ("name", "attr", "call", "await") and any(
            self._is_row(v) for v in inference.values(expr, frame)
        ):
            return True
        if expr[0] in ("name", "lambda", "def"):
            inner = [f for f in frame.function.module.functions if f.parent is frame.function]
            named = [f for f in inner if f.facts.name == expr[1] or f.index == expr[1]]
            return any(self._is_row(value) for f in named for value in self._outer_values(_reads(f), frame))
        return expr[0] != "attr" and any(self._has_rows(child, frame) for child in children(expr))

    def _outer_values(self, names: set[str], frame: Frame) -> Iterator[Value]:
        """Yield what the names of a function can be, at any time."""
        facts, inference = frame.function.facts, self._application.inference
        for name in names:
            for _, _, value in facts.bindings.get(name, ()):
                yield from inference.values(value, frame)
        for parameter in facts.parameters:
            if parameter.name in names:
                yield from inference.parameter(frame, parameter)

    def _is_row(self, value: Value) -> bool:
        if isinstance(value, Collection):
            return any(self._is_row(item) for item in value.items)
        if isinstance(value, Instance) and isinstance(value.cls, str):
            return value.cls.startswith("sqlalchemy.") and value.cls.endswith(("Result", ".Query"))
        models = self._application.resolver.models
        return (
            isinstance(value, Instance)
            and isinstance(value.cls, ProjectClass)
            and models.of(value.cls) is not None
        )

    def _takes(self, hand_over: HandOver, held: Held) -> bool:
        target = hand_over.target
        parts = (*hand_over.arguments, target[1] if target[0] == "attr" else target)
        return any(
            Carriers(self._application, held, surely=surely).carries(part, hand_over.frame)
            for surely in (True, False)
            for part in parts
        )

    @cached_property
    def _streams(self) -> list[Stream]:
        return list(find_streams(self._application))

    @cached_property
    def _started(self) -> list[tuple[HandOver, list[Route]]]:
        return [(hand_over, list(self._routes_of(hand_over))) for hand_over in hand_overs(self._application)]

    def _routes_of(self, hand_over: HandOver) -> Iterator[Route]:
        entries = {entry.frame for entry in self._application.entries_of(hand_over.frame)}
        for route in self._application.routes:
            frames = [i.frame for i in self._application.needs(route)]
            if not entries.isdisjoint(
                [*self._application.endpoints.get(route, ()), *(f for f in frames if f)]
            ):
                yield route


def _reads(function: Function) -> set[str]:
    facts = function.facts
    parts = [event[1] for event in facts.events] + facts.yields + facts.returns
    parts += [value for bound in facts.bindings.values() for _, _, value in bound]
    found = {part[1] for whole in parts for part in walk(whole) if part[0] == "name"}
    return found.union(*(_reads(f) for f in function.module.functions if f.parent is function))


def _is_of(injection: Injection, function: Function) -> bool:
    return injection.frame is not None and injection.frame.function is function


def _scoped(asked: Asked) -> Iterator[Edit]:
    """Yield the edit that gives a `Depends(...)` the scope of the function, unless it has it."""
    module, call, _ = asked
    from fastlint.fixes.rewriting import with_keyword, without_keyword

    scopes = [keyword.value for keyword in call.keywords if keyword.arg == "scope"]
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name != "Depends":
        raise NoFix("`Security` has no `scope`")
    if any(keyword.arg is None for keyword in call.keywords):
        raise NoFix("it is asked for with keywords that are not written out")
    code = module.code(call)
    if scopes:
        if isinstance(scopes[0], ast.Constant) and scopes[0].value == FUNCTION_SCOPE:
            return
        if not (isinstance(scopes[0], ast.Constant) and scopes[0].value in (REQUEST_SCOPE, None)):
            raise NoFix("it is asked for with a `scope` that is computed")
        code = without_keyword(code, "scope")
    yield module.replace_node(call, with_keyword(code, "scope", f'"{FUNCTION_SCOPE}"'))
