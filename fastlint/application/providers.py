"""What the functions that FastAPI calls as dependencies acquire, for how long they hold it, and what gives it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastlint.application.dependencies import DependencyGraph, Injection
from fastlint.catalog.model import Resource
from fastlint.facts.model import Event, Expr, FunctionFacts, Region, Span
from fastlint.facts.structure import (
    is_inside,
    mentions,
    names_bound_to,
    regions_around,
    unwrapped,
    walk,
)
from fastlint.project.calls import CallResolver, Site
from fastlint.project.performs import Performs
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Instance, Suspended

POOLED = frozenset({"session", "connection"})
"""Kinds of resources that take a connection out of a pool, or are one."""
CLOSERS = frozenset({
    "aclose", "close", "disconnect", "dispose", "end_session", "invalidate", "release", "remove", "shutdown",
    "terminate", "__exit__", "__aexit__",
})  # fmt: skip
"""Methods that give something back, whatever it is."""
CLOSING_WORDS = ("close", "release", "dispose", "cleanup", "clean_up", "teardown", "putconn", "disconnect")
"""What the name of a function says that gives back what it is handed."""
KEEPERS = frozenset({
    "callback", "enter_async_context", "enter_context", "push", "push_async_callback", "push_async_exit",
})  # fmt: skip
"""Methods of an `ExitStack` that make it close something."""
REGISTRIES = ("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_scoped_session")
"""Give the same session again and again, and close it by themselves."""
COMMITTING = frozenset({
    "sqlalchemy.engine.Engine.begin", "sqlalchemy.ext.asyncio.AsyncEngine.begin",
    "sqlalchemy.ext.asyncio.async_sessionmaker.begin", "sqlalchemy.orm.sessionmaker.begin",
})  # fmt: skip
"""Context managers that make a resource and commit when they are left."""


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """A place of a function where it gets hold of a resource of its own."""

    site: Site
    name: str
    """What makes it, by the dotted name of the library."""
    resource: Resource
    names: tuple[str, ...]
    """The local names that hold it."""
    way: tuple[Site, ...] = ()
    """The calls below the place, down to the library's, where a function of the program makes it."""
    manager: Frame | None = None
    """The generator of the program that makes it, yields it and closes it."""

    @property
    def frame(self) -> Frame:
        """The function call that acquires."""
        return self.site.frame

    @property
    def expr(self) -> Expr:
        """The call, or what `with` enters and `for` iterates."""
        return self.site.event[1]

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.site.event[5]

    @property
    def is_pooled(self) -> bool:
        """Whether it takes a connection out of a pool, or is one."""
        return self.resource.kind in POOLED

    def is_held_by(self, expr: Expr) -> bool:
        """Tell whether an expression is the resource itself: a name that holds it, or its acquisition."""
        expr = unwrapped(expr)
        if expr[0] == "any":
            return any(self.is_held_by(part) for part in expr[1])
        return expr is self.expr or (expr[0] == "name" and expr[1] in self.names)

    def is_handed_out(self, expr: Expr) -> bool:
        """Tell whether an expression is the resource, a container with it, or a call that is given it."""
        expr = unwrapped(expr)
        if self.is_held_by(expr):
            return True
        parts = expr[1] if expr[0] in ("any", "tuple", "list") else arguments(expr)
        parts = expr[2] if expr[0] == "dict" else parts
        return any(self.is_handed_out(part) for part in parts)

    def is_in(self, expr: Expr) -> bool:
        """Tell whether an expression contains the resource."""
        return any(part is self.expr for part in walk(expr)) or any(mentions(expr, n) for n in self.names)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that comes after the yield: a call, or the end of a `with` around it."""

    site: Site
    name: str
    """The dotted name of the library call."""


@dataclass(slots=True, eq=False)
class Provider:
    """A function that provides something, by returning or by yielding it."""

    frame: Frame
    acquisitions: list[Acquisition] = field(default_factory=list)
    yields: list[Event] = field(default_factory=list)

    @property
    def facts(self) -> FunctionFacts:
        """The facts of the function."""
        return self.frame.function.facts

    @property
    def given(self) -> list[Acquisition]:
        """What it acquires and hands out, alone or as an argument of what it hands out."""
        facts = self.facts
        values = facts.yields if facts.is_generator else facts.returns
        return [a for a in self.acquisitions if any(a.is_handed_out(value) for value in values)]

    @property
    def held(self) -> list[Acquisition]:
        """The sessions and connections that it has acquired and not given back when it yields."""
        if not self.yields:
            return []
        first = self.yields[0][5]
        found = []
        for acquisition in self.acquisitions:
            if acquisition.is_pooled and acquisition.span < first:
                ends = [r[1] for r in self.managers(acquisition)]
                closed = [e for e in self.closings(acquisition) if e[5] < first and not self._is_branch(e)]
                if not closed and (not ends or any(is_inside(first, span) for span in ends)):
                    found.append(acquisition)
        return found

    def managers(self, acquisition: Acquisition) -> list[Region]:
        """Return the `with` bodies at whose end the resource is given back."""
        return [r for r in self.facts.regions if "with" in r[0] and acquisition.is_in(r[2])]

    def closings(self, acquisition: Acquisition) -> list[Event]:
        """Return the calls that give a resource back, or make something else do so, by their looks."""
        return closings(self.facts, acquisition.names, acquisition.resource.close)

    def is_stored(self, acquisition: Acquisition) -> bool:
        """Tell whether it is put into an attribute, a container or an outer name, where others can close it."""
        facts = self.facts
        if any(name in facts.outer_names for name in acquisition.names):
            return True
        return any(acquisition.is_held_by(value) for _, _, value in facts.stores)

    def wrappers(self, acquisition: Acquisition) -> list[str]:
        """Return the names of what is made with the resource: `unit = UnitOfWork(session)`."""
        found = []
        for name, bindings in self.facts.bindings.items():
            for _, _, value in bindings:
                if (
                    unwrapped(value)[0] == "call"
                    and not acquisition.is_held_by(value)
                    and acquisition.is_handed_out(value)
                ):
                    found.append(name)
        return found

    def is_given_back(self, acquisition: Acquisition) -> bool:
        """Tell whether anything in the function closes it, by its looks, or may do so."""
        if acquisition.manager is not None or self.is_stored(acquisition):
            return True
        names = self.wrappers(acquisition)
        return bool(
            self.managers(acquisition)
            or self.closings(acquisition)
            or closings(self.facts, names)
            or any("with" in r[0] and any(mentions(r[2], name) for name in names) for r in self.facts.regions)
        )

    def around_yield(self, *kinds: str) -> list[Region]:
        """Return the regions that the first yield is in, innermost first."""
        return regions_around(self.facts, self.yields[0][5], *kinds) if self.yields else []

    def _is_branch(self, event: Event) -> bool:
        """Tell whether an event may be passed by: it stands in a branch or in a handler."""
        return event[3] > 0


class Providers:
    """Answers what functions acquire; their answers are remembered."""

    def __init__(
        self,
        graph: DependencyGraph,
        resolver: CallResolver,
        performs: Performs,
    ) -> None:
        self._graph = graph
        self._resolver = resolver
        self._performs = performs
        self._known: dict[Frame, Provider] = {}
        self._wrapped: dict[Frame, list[Frame]] = {}
        self._fresh: dict[Frame, list[tuple[str, Resource, tuple[Site, ...]]]] = {}
        self._commits: dict[Frame, list[Commit]] = {}

    def of(self, frame: Frame) -> Provider:
        """Return what a function acquires, whether it is a dependency or not."""
        known = self._known.get(frame)
        if known is None:
            facts = frame.function.facts
            known = self._known[frame] = Provider(frame)
            known.yields = [event for event in facts.events if event[0] == "yield"]
            sites = self._resolver.sites(frame)
            seen: set[int] = set()
            for site in sites:
                for acquisition in self._acquired(site):
                    if id(acquisition.expr) not in seen:
                        seen.add(id(acquisition.expr))
                        known.acquisitions.append(acquisition)
        return known

    def dependencies(self) -> Iterator[Provider]:
        """Yield the functions that FastAPI calls as dependencies, each once."""
        seen = set()
        for injection in self._graph.all():
            for provider in self.behind(injection):
                if provider.frame.function not in seen:
                    seen.add(provider.frame.function)
                    yield provider

    def behind(self, injection: Injection) -> list[Provider]:
        """Return what answers a need: the function itself, or the generator that a decorator has wrapped."""
        frame = injection.frame
        if frame is None:
            return []
        facts = frame.function.facts
        if frame not in self._wrapped:
            self._wrapped[frame] = [
                value.frame
                for value in (
                    self._resolver.inference.returned(frame)
                    if frame.parent and not facts.is_generator
                    else ()
                )
                if isinstance(value, Suspended) and value.kind in ("generator", "asyncgen")
            ]
        return [self.of(found) for found in self._wrapped[frame] or (frame,)]

    def injections(self, provider: Provider) -> list[Injection]:
        """Return where a dependency is asked for."""
        function = provider.frame.function
        return [i for i in self._graph.all() if any(p.frame.function is function for p in self.behind(i))]

    def managers(self, provider: Provider) -> Iterator[Provider]:
        """Yield the generators of the program that a function enters or iterates, and those that these do."""
        seen = {provider.frame}
        pending = [provider.frame]
        while pending:
            for site in self._resolver.sites(pending.pop()):
                for frame in _generators(site):
                    if frame not in seen:
                        seen.add(frame)
                        pending.append(frame)
                        yield self.of(frame)

    def managers_around_yield(self, provider: Provider) -> list[Provider]:
        """Return the context managers of the program that a dependency yields in."""
        around = [region[2] for region in provider.around_yield("with", "async with")]
        return [
            self.of(frame)
            for site in self._resolver.sites(provider.frame)
            if site.event[0] in ("enter", "aenter") and any(site.event[1] is expr for expr in around)
            for frame in _generators(site)
        ]

    def held(self, injections: list[Injection]) -> list[tuple[Injection, Acquisition]]:
        """Return the sessions and connections that a dependency tree holds until its exit code runs.

        Until when that is, the injection tells: `injection.need.scope`.
        """
        return [
            (injection, acquisition)
            for injection in injections
            for provider in self.behind(injection)
            for acquisition in provider.held
        ]

    def commits(self, provider: Provider) -> list[Commit]:
        """Return what commits after the yield of a provider, in handlers of exceptions excepted."""
        known = self._commits.get(provider.frame)
        if known is not None:
            return known
        found = self._commits[provider.frame] = []
        if not provider.yields:
            return found
        first = provider.yields[0][5]
        around = [region[2] for region in provider.around_yield("with", "async with")]
        for site in self._resolver.sites(provider.frame):
            kind, expr, span = site.event[0], site.event[1], site.event[5]
            if kind in ("enter", "aenter"):
                if not any(expr is manager for manager in around):
                    continue
                found += [Commit(site, act.name) for act in site.acts if "commit" in act.words]
                for frame in _generators(site):
                    found += [Commit(site, commit.name) for commit in self.commits(self.of(frame))]
            elif kind in ("call", "drop"):
                if span > first and not regions_around(provider.facts, span, "except"):
                    found += [Commit(site, step.name) for step in self._performs.at(site, "commit")[:1]]
                elif any(expr is manager for manager in around):
                    found += [Commit(site, m.name) for m in site.makes if m.name in COMMITTING]
        return found

    def is_closed_below(self, frame: Frame, names: Iterable[str]) -> bool:
        """Tell whether a function hands one of the names to something that closes something."""
        names = tuple(names)
        return any(
            site.event[0] in ("call", "drop")
            and any(mentions(argument, name) for argument in arguments(site.event[1]) for name in names)
            and self._performs.at(site, "close")
            for site in self._resolver.sites(frame)
        )

    def leaks(self, provider: Provider, acquisition: Acquisition) -> bool:
        """Tell whether a function surely leaves open what it acquires: whom it hands it to has to close it."""
        if provider.is_given_back(acquisition):
            return False
        if self.is_closed_below(provider.frame, acquisition.names):
            return False
        facts = provider.facts
        values = (
            *(facts.yields if facts.is_generator else facts.returns),
            *self._wrapping(provider, acquisition),
        )
        return all(self._leaves_open(value, acquisition, provider.frame) for value in values)

    def _wrapping(self, provider: Provider, acquisition: Acquisition) -> list[Expr]:
        """Return the calls that are given the resource and whose value is kept in a name."""
        found = [
            unwrapped(v) for n in provider.wrappers(acquisition) for _, _, v in provider.facts.bindings[n]
        ]
        return [value for value in found if value[0] == "call"]

    def _leaves_open(self, value: Expr, acquisition: Acquisition, frame: Frame) -> bool:
        """Tell whether what is handed out does not close the resource by itself: an object with it may do so."""
        value = unwrapped(value)
        if value[0] != "call" or acquisition.is_held_by(value) or not acquisition.is_handed_out(value):
            return True
        made = self._resolver.inference.values(value, frame)
        return bool(made) and not any(
            isinstance(v, Instance) and isinstance(v.cls, ProjectClass) and _has_closing(v.cls) for v in made
        )

    # Acquisitions

    def _acquired(self, site: Site) -> Iterator[Acquisition]:
        kind, expr = site.event[0], site.event[1]
        facts = site.frame.function.facts
        if kind in ("call", "drop"):
            for name, resource, way in self._made(site):
                yield Acquisition(site, name, resource, _holders(facts, expr), way)
            for frame in self._advanced(site):
                for inner in self.of(frame).given:
                    way = (inner.site, *inner.way)
                    yield Acquisition(site, inner.name, inner.resource, _holders(facts, expr), way, frame)
        elif kind in ("enter", "aenter", "iter", "aiter"):
            for frame in _generators(site):
                for inner in self.of(frame).given:
                    way = (inner.site, *inner.way)
                    names = _holders(facts, unwrapped(expr))
                    if not names and kind in ("iter", "aiter"):
                        names = _loop_names(facts, expr)
                    yield Acquisition(site, inner.name, inner.resource, names, way, frame)

    def _advanced(self, site: Site) -> list[Frame]:
        """Return the generators of the program that `next()` drives by hand."""
        call = site.event[1]
        if call[1][0] != "name" or call[1][1] not in ("next", "anext") or not call[2]:
            return []
        values = self._resolver.inference.values(call[2][0], site.frame)
        return [v.frame for v in values if isinstance(v, Suspended) and v.kind in ("generator", "asyncgen")]

    def _made(self, site: Site) -> Iterator[tuple[str, Resource, tuple[Site, ...]]]:
        """Yield what a call gives that is new: its library name, its kind, and the calls below."""
        for name, resource in site.makes:
            if not name.startswith(REGISTRIES):
                yield name, resource, ()
        for frame in (*site.runs, *(site.starts if site.is_awaited else ())):
            if not frame.function.facts.is_generator:
                for name, resource, way in self.fresh(frame):
                    yield name, resource, way

    def fresh(self, frame: Frame) -> list[tuple[str, Resource, tuple[Site, ...]]]:
        """Return the resources that a function makes for each caller and returns open."""
        known = self._fresh.get(frame)
        if known is None:
            self._fresh[frame] = []
            provider = self.of(frame)
            known = self._fresh[frame] = [
                (a.name, a.resource, (a.site, *a.way))
                for a in provider.acquisitions
                if a.manager is None
                and any(a.is_held_by(value) for value in provider.facts.returns)
                and not provider.is_stored(a)
                and not provider.managers(a)
            ]
        return known


def arguments(call: Expr) -> tuple[Expr, ...]:
    """Return the arguments of a call, by position and by name."""
    return (*call[2], *(value for _, value in call[3])) if call[0] == "call" else ()


def _has_closing(cls: ProjectClass) -> bool:
    """Tell whether a method of a class closes or enters something that the object has."""
    for method in cls.methods():
        for kind, expr, *_ in method.facts.events:
            if kind in ("enter", "aenter") and expr[0] == "attr":
                return True
            if kind in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in CLOSERS:
                return True
    return False


def _generators(site: Site) -> list[Frame]:
    """Return the generators of the program that a `with` enters or a `for` iterates."""
    if site.event[0] not in ("enter", "aenter", "iter", "aiter"):
        return []
    return [f for f in (*site.runs, *site.starts, *site.in_thread) if f.function.facts.is_generator]


def _holders(facts: FunctionFacts, expr: Expr) -> tuple[str, ...]:
    """Return the names that a value is bound to, and those that these are bound to."""
    names = names_bound_to(facts, expr)
    for name, bindings in facts.bindings.items():
        if name not in names and any(_renames(value, names) for _, _, value in bindings):
            names.append(name)
    return tuple(names)


def _renames(value: Expr, names: list[str]) -> bool:
    value = unwrapped(value)
    return value[0] == "name" and value[1] in names


def _loop_names(facts: FunctionFacts, expr: Expr) -> tuple[str, ...]:
    """Return the names of `for name in expression`."""
    return tuple(
        name
        for name, bindings in facts.bindings.items()
        if any(value[0] in ("elem", "aelem") and value[1] is expr for _, _, value in bindings)
    )


def closings(facts: FunctionFacts, names: Iterable[str], methods: frozenset[str] = CLOSERS) -> list[Event]:
    """Return the calls that close what one of the names holds, or make something else close it, by their looks."""
    methods = methods | CLOSERS
    return [
        event
        for event in facts.events
        if event[0] in ("call", "drop") and any(_closes(event[1], name, methods) for name in names)
    ]


def _closes(call: Expr, name: str, methods: frozenset[str]) -> bool:
    """Tell whether a call closes what a name holds: `x.close()`, `pool.release(x)`, `stack.callback(x.close)`."""
    if any(
        part[0] == "attr" and part[1][0] == "name" and part[1][1] == name and part[2] in methods
        for part in walk(call)
    ):
        return True
    callee = str(call[1][2] if call[1][0] == "attr" else call[1][1] if call[1][0] == "name" else "")
    if callee not in methods | KEEPERS and not any(word in callee.lower() for word in CLOSING_WORDS):
        return False
    return any(mentions(argument, name) for argument in arguments(call))
