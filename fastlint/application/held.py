"""Sessions and connections of a request's dependencies that still occupy a connection when the route has run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastlint.application.contexts import Application
from fastlint.application.dependencies import Injection
from fastlint.application.providers import Acquisition
from fastlint.application.routes import Route
from fastlint.facts.model import Expr, FunctionFacts, Span
from fastlint.facts.structure import children, walk
from fastlint.project.bindings import matched_arguments
from fastlint.project.calls import Site
from fastlint.project.performs import followed
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.sessions import RETURNING, TAKING
from fastlint.project.values import Collection, Instance, LibraryName, Text, Tuple, Value

FILES = ("sqlite3.", "aiosqlite.")
"""Databases that are a file: a connection is not missing elsewhere."""
SQLALCHEMY = ("sqlalchemy", "sqlmodel", "fastapi_pagination")
"""Libraries that share their sessions."""
PLAIN_BASES = ("pydantic.BaseModel", "enum.Enum", "starlette.responses.Response", "builtins.Exception")
HOLDERS = ("sqlalchemy.orm.Query", "sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession")
DEEPEST = 8
ROUNDS = 3
"""How often names are followed to names that are bound to them."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A session or connection that the dependencies of a route keep until their exit code runs."""

    injection: Injection
    acquisition: Acquisition
    asked: Frame | None = None
    """What used the session last without ending its transaction; None for a connection."""


class HeldConnections:
    """Answers which connections the tree of a route occupies, and what carries them."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._graph = application.dependencies
        self._last: dict[tuple[Frame, str, Span | None], bool | None] = {}

    def of(self, route: Route, until: Span | None = None) -> list[Held]:
        """Return what a route's dependencies hold when the route has run; a session only if it was used.

        `until` is the `return` that it ends with: what stands below has not run.
        """
        application = self._application
        endpoints = application.endpoints.get(route, [])
        injections = application.needs(route)
        found: list[Held] = []
        seen: set[Frame | None] = set()
        for injection, acquisition in application.providers.held(injections):
            if injection.frame in seen or acquisition.name.startswith(FILES):
                continue
            seen.add(injection.frame)
            if acquisition.resource.kind == "connection":
                found.append(Held(injection, acquisition))
                continue
            asked = self._left_open(endpoints, injections, injection, acquisition, until)
            if asked is not None:
                found.append(Held(injection, acquisition, asked))
        return found

    def _left_open(
        self,
        endpoints: list[Frame],
        injections: list[Injection],
        held: Injection,
        acquisition: Acquisition,
        until: Span | None,
    ) -> Frame | None:
        """Return what leaves the transaction of a session open: the route, or the last dependency that asks."""
        library = acquisition.name.partition(".")[0]
        others = [i.frame for i in injections if i.frame is not None and i.frame is not held.frame]
        for frame in (*endpoints, *others):
            if held.frame is not None and self.receives(frame, held.frame):
                is_open = self._ends_open(frame, library, 0, until if frame in endpoints else None)
                if is_open is not None:
                    return frame if is_open else None
        return None

    def receives(self, frame: Frame, provider: Frame, depth: int = 0) -> bool:
        """Tell whether a function is handed what a provider gives, or something made from it."""
        return depth < DEEPEST and any(
            i.frame is not None and (i.frame is provider or self.receives(i.frame, provider, depth + 1))
            for i in self._graph.of(frame)
        )

    def _ends_open(self, frame: Frame, library: str, depth: int, until: Span | None = None) -> bool | None:
        """Tell whether the last thing that a function does to its session is a statement (None: it does nothing)."""
        key = (frame, library, until)
        if key in self._last or depth > DEEPEST:
            return self._last.get(key)
        self._last[key] = None
        if not any(a.is_pooled for a in self._application.providers.of(frame).acquisitions):
            sites = self._application.resolver.sites(frame)
            if until is not None:
                sites = [site for site in sites if site.event[5][:2] < until[2:]]
            for site in sorted(sites, key=lambda s: _end(s), reverse=True):
                words = {word for name, found in site.acts if _is_of(name, library) for word in found}
                if words & RETURNING or words & TAKING:
                    self._last[key] = not words & RETURNING
                    break
                below = [self._ends_open(callee, library, depth + 1) for callee in followed(site)]
                known = [is_open for is_open in below if is_open is not None]
                if known:
                    self._last[key] = all(known)
                    break
        return self._last[key]


def _end(site: Site) -> tuple[int, int]:
    """Return where the work of a site is over: at the end of the body, for what leaving `with` does."""
    expr = site.event[1]
    if site.event[0] in ("enter", "aenter"):
        for _, span, detail, _ in site.frame.function.facts.regions:
            if detail is expr:
                return span[2:]
    return site.event[5][:2]


def _is_of(name: str, library: str) -> bool:
    own = name.partition(".")[0]
    return own == library or (own in SQLALCHEMY and library in SQLALCHEMY)


@dataclass(slots=True)
class Carriers:
    """Answers which names and expressions carry what is held: the session, a service with it, a query."""

    application: Application
    held: Held
    surely: bool = False
    """Whether what is not known carries nothing."""
    handed: Carriers | None = None
    """What says which names of helpers surely carry it; without it, only who asks for it carries it."""
    _names: dict[Frame, set[str]] = field(default_factory=dict)

    def names(self, frame: Frame) -> set[str]:
        """Return the names of a function that carry it."""
        known = self._names.get(frame)
        if known is not None:
            return known
        found = self._names[frame] = set()
        for injection in self.application.dependencies.of(frame):
            if injection.need.parameter and self._gives(injection):
                found.add(injection.need.parameter)
        if self.surely:
            found.update(self._passed(frame))
        elif self.handed is not None:
            found.update(self.handed.names(frame))
        bindings = frame.function.facts.bindings
        for _ in range(ROUNDS if found else 0):
            before = len(found)
            for name, bound in bindings.items():
                if any(self.carries(value, frame) for _, _, value in bound):
                    found.add(name)
            if len(found) == before:
                break
        return found

    def carries(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression of a function gives something that carries it, or may do so."""
        names = self.names(frame)
        if not names:
            return False
        tag = expr[0]
        if tag == "name":
            return expr[1] in names
        if tag in ("lambda", "def"):
            return any(_reads(f.facts, names) for f in _nested(frame.function.module.functions[expr[1]]))
        values = self.application.inference.values(expr, frame)
        if values and all(self._is_data(value) for value in values):
            return False
        if tag == "call" and self._asks(expr, frame):
            return False
        if self.surely and tag in ("call", "attr", "sub") and not values:
            return False
        if tag == "await":
            return bool(values) and self.carries(expr[1], frame)
        return any(self.carries(child, frame) for child in children(expr))

    def _passed(self, frame: Frame) -> Iterator[str]:
        """Yield the parameters through which the callers of a function pass it."""
        parameters = frame.function.facts.parameters
        is_method = frame.receiver is not None
        for site in self.application.calls_of(frame):
            call = site.event[1]
            if site.event[0] not in ("call", "drop"):
                continue
            if is_method and parameters and call[1][0] == "attr" and self.carries(call[1][1], site.frame):
                yield parameters[0].name
            for parameter, argument in matched_arguments(parameters[int(is_method) :], call):
                if self.carries(argument, site.frame):
                    yield parameter.name

    def _asks(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a call is a statement of the session: what it gives is in memory."""
        inference = self.application.inference
        callees = inference.values(call[1], frame)
        return any(
            isinstance(v, LibraryName) and inference.catalog.acts_of(v.name) & (TAKING | RETURNING)
            for v in callees
        )

    def _gives(self, injection: Injection) -> bool:
        frame = injection.frame
        if frame is None:
            return False
        if frame is self.held.injection.frame:
            return True
        facts = frame.function.facts
        if facts.name == "__init__":
            made = frame.receiver
            return bool(self.names(frame)) and not (made is not None and self._is_data(made))
        given = facts.yields if facts.is_generator else facts.returns
        return any(self.carries(value, frame) for value in given)

    def _is_data(self, value: Value) -> bool:
        """Tell whether a value is plain data that works without the session."""
        inference = self.application.inference
        match value:
            case Text():
                return True
            case Collection(items=items):
                return all(self._is_data(item) for item in items)
            case Tuple(items=items):
                return all(self._is_data(item) for group in items for item in group)
            case Instance(cls=str()):
                return not any(inference.is_subclass(value, holder) for holder in HOLDERS)
            case Instance(cls=ProjectClass() as cls):
                if self.application.resolver.models.of(cls) is not None:
                    return True
                return any(inference.is_subclass(value, base) for base in PLAIN_BASES)
        return False


def _nested(function: Function) -> Iterator[Function]:
    """Yield a function and those that are defined in it."""
    yield function
    for other in function.module.functions:
        if other.facts.parent == function.index and other is not function:
            yield from _nested(other)


def _reads(facts: FunctionFacts, names: set[str]) -> bool:
    """Tell whether the body of a function reads one of the names of the function around it."""
    own = {parameter.name for parameter in facts.parameters}
    wanted = names - own
    parts = [event[1] for event in facts.events] + facts.yields + facts.returns
    parts += [value for bound in facts.bindings.values() for _, _, value in bound]
    return any(p[0] == "name" and p[1] in wanted for part in parts for p in walk(part))
