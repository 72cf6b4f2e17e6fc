"""What runs when a function runs: the calls, context managers, loops and properties in its body."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fastlint.catalog.model import Effect, Resource
from fastlint.facts.model import DIRECTLY, FLOW, UNKNOWN, WHOLE_FILE, Event, Expr
from fastlint.project import members
from fastlint.project.bindings import call_argument, merge_partial
from fastlint.project.builtin_calls import CONSUMERS, IN_MEMORY, closes_only
from fastlint.project.call_indexes import (
    HANDING_OVER,
    asks_for_types,
    blocking_attributes,
    class_attribute_names,
    guarding_kinds,
    hands_over,
    property_names,
    registered_implementations,
    sets,
    special_method_names,
)
from fastlint.project.infer import Inference
from fastlint.project.lazy_loads import QUERY, LazyLoads
from fastlint.project.models import Models
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import (
    ClassValue,
    FunctionValue,
    Instance,
    LibraryName,
    Partial,
    Suspended,
    Text,
    Value,
)

CONSTRUCTION = ("__new__", "__init__", "__post_init__", "model_post_init")
MODEL_FACTORIES = frozenset({
    "pydantic.BaseModel.model_validate", "pydantic.BaseModel.model_validate_json",
    "pydantic.BaseModel.model_validate_strings", "pydantic.BaseModel.parse_obj", "pydantic.BaseModel.parse_raw",
})  # fmt: skip
RESPONSE = "starlette.responses.Response"
OTHER_LOOP_METHODS = frozenset({"run", "run_until_complete", "new_event_loop"})
NEW_LOOP = "asyncio.BaseEventLoop"
"""What `asyncio.new_event_loop()` gives: never the loop that serves requests."""
COMPUTES = frozenset({"compute"})
CALLING = frozenset({"call", "drop", "enter", "aenter", "iter", "aiter"})
"""Kinds of events that run code whatever they name."""
UNGUARDED: frozenset[str] = frozenset()
ITEMS = {"sub": "__getitem__", "setitem": "__setitem__"}
OTHER_LOOPS = frozenset({
    "asyncio.run", "asyncio.Runner.run", "asyncio.AbstractEventLoop.run_until_complete", "anyio.run", "trio.run",
    "uvloop.run",
})  # fmt: skip
SCHEDULERS = frozenset({
    "asyncio.create_task", "asyncio.ensure_future",
    "asyncio.AbstractEventLoop.create_task",
})  # fmt: skip
ENTERING = frozenset({"contextlib.ExitStack.enter_context", "contextlib.AsyncExitStack.enter_context"})
LAZY = frozenset({"builtins.map", "builtins.filter"})
"""Functions whose callable runs only when the result is consumed."""
TAKING_CODE = MODEL_FACTORIES | SCHEDULERS | CONSUMERS | ENTERING
"""Functions that run something that belongs to their first argument, or to their receiver."""


class Sink(NamedTuple):
    """A library call that blocks: its dotted name and what it does."""

    name: str
    effect: Effect


class Act(NamedTuple):
    """A library call and what it does, in words of the catalog ("query", "commit", "request", ...)."""

    name: str
    words: frozenset[str]


class Making(NamedTuple):
    """A library call that makes a resource: its dotted name, and what it makes."""

    name: str
    resource: Resource


class Said(NamedTuple):
    """What the name of a library function says of calls of it."""

    sink: Sink | None
    act: Act | None
    making: Making | None
    takes_code: bool
    """Whether such a call may run what it is given."""


@dataclass(slots=True)
class Site:
    """One place of a frame that runs other code."""

    frame: Frame
    event: Event
    runs: Sequence[Frame] = ()
    """Plain functions of the program that run right here."""
    sinks: Sequence[Sink] = ()
    acts: Sequence[Act] = ()
    makes: Sequence[Making] = ()
    starts: Sequence[Frame] = ()
    """Coroutine functions that are awaited or scheduled from here."""
    on_loop: Sequence[Frame] = ()
    """Callbacks that the event loop will run."""
    in_thread: Sequence[Frame] = ()
    scheduled: Sequence[Frame] = ()
    """Coroutines that are made tasks of, to run beside the caller."""
    in_while: bool = False
    """Whether it stands inside a `while` loop."""

    @property
    def is_awaited(self) -> bool:
        """Whether the value is awaited, directly or as part of an awaited expression."""
        return self.event[4] > 0


class OpenSite:
    """A place whose site is being found: the same as `Site`, in lists that fill."""

    def __init__(self, frame: Frame, event: Event = ("", UNKNOWN, 0, 0, 0, WHOLE_FILE)) -> None:
        self.frame = frame
        self.event = event
        self._begin()

    def _begin(self) -> None:
        self.runs: list[Frame] = []
        self.sinks: list[Sink] = []
        self.acts: list[Act] = []
        self.makes: list[Making] = []
        self.starts: list[Frame] = []
        self.on_loop: list[Frame] = []
        self.in_thread: list[Frame] = []
        self.scheduled: list[Frame] = []

    @property
    def is_awaited(self) -> bool:
        """Whether the value is awaited, directly or as part of an awaited expression."""
        return self.event[4] > 0

    def says_anything(self) -> bool:
        """Tell whether the place runs anything at all."""
        return bool(
            self.runs or self.sinks or self.acts or self.makes
            or self.starts or self.on_loop or self.in_thread or self.scheduled
        )  # fmt: skip

    def closed(self, *, in_while: bool) -> Site:
        """Return the site with all that was found; what follows begins anew."""
        site = Site(
            self.frame, self.event,
            tuple(self.runs), tuple(self.sinks), tuple(self.acts), tuple(self.makes),
            tuple(self.starts), tuple(self.on_loop), tuple(self.in_thread), tuple(self.scheduled),
            in_while,
        )  # fmt: skip
        self._begin()
        return site


class CallResolver:
    """Finds the sites of frames."""

    def __init__(self, inference: Inference, construction_hooks: frozenset[str] = frozenset()) -> None:
        self.inference = inference
        self.catalog = inference.catalog
        self.construction_hooks = construction_hooks
        """Decorators whose functions run whenever an object of the class is made."""
        self._sites: dict[Frame, list[Site]] = {}
        self.detached: list[tuple[object, Frame]] = []
        """Coroutines made for another event loop: `asyncio.run(f())`, `Thread(target=asyncio.run, args=(f(),))`."""
        self.dropped: set[Function] = set()
        """Coroutine functions of which some call is never awaited: that call runs nothing."""
        self.modules_with_loops: set[object] = set()
        """Modules that run an event loop of their own: scripts, workers, threads of bots."""
        self._detached_calls = self._find_detached()
        self._decorators: dict[Function, list[str]] = {}
        """By function, the dotted names of its decorators."""
        self._hooks: dict[ProjectClass, list[FunctionValue]] = {}
        self._factories: dict[ProjectClass, list[tuple[Expr, Frame]]] = {}
        self._said: dict[str, Said] = {}
        self._properties = property_names(inference)
        self._special = special_method_names(inference)
        self.models = Models(inference)
        self._lazy_loads = LazyLoads(inference, self.models)
        self._read_names = self._properties | self._lazy_loads.names() | blocking_attributes(self.catalog)
        """Attributes that may run code when they are read."""
        self.lazy_names = self._lazy_loads.names()
        """Relationships that may send a query when they are read."""
        self._bound_by_classes, made = class_attribute_names(inference)
        if "__get__" in self._special:
            self._read_names |= made
        self._registered = registered_implementations(inference)

    def _find_detached(self) -> set[object]:
        """Return the places of calls whose coroutines another event loop runs."""
        for function in self.inference.program.functions_naming(HANDING_OVER):
            if not function.module.mentions(*OTHER_LOOP_METHODS):
                continue
            for kind, expr, *_ in function.facts.events:
                if kind in ("call", "drop") and hands_over(expr):
                    frame = self.inference.program.generic_frame(function)
                    handed = (expr[1], *expr[2], *(value for _, value in expr[3]))
                    for part in handed:
                        if any(map(_is_other_loop, self.inference.values(part, frame))):
                            self.modules_with_loops.add(function.module)
                            self._detach(handed, frame)
        return {place for place, _ in self.detached}

    def _detach(self, parts: Iterable[Expr], frame: Frame) -> None:
        for part in parts:
            if part[0] in ("tuple", "list"):
                self._detach(part[1], frame)
                continue
            place = (frame.function.module, part[4]) if part[0] == "call" else None
            values = self.inference.values(part, frame)
            for value in (*values, *self.inference.iterated(values, frame)):
                if isinstance(value, Suspended) and value.kind == "coroutine":
                    self.detached.append((place, value.frame))
            for callee in self.inference.values(part[1], frame) if part[0] == "call" else ():
                if isinstance(callee, FunctionValue) and callee.function.facts.is_stub:
                    for target in members.implementations(self.inference, callee):
                        self.detached.append((place, self.inference.enter(target, None, None)))

    def sites(self, frame: Frame) -> list[Site]:
        """Return the places of a frame that run other code, in source order.

        Code behind a guard that lets it run once (`if _client is None`) is left out.
        """
        known = self._sites.get(frame)
        if known is None:
            known = self._sites[frame] = []
            facts = frame.function.facts
            kinds_of = guarding_kinds(facts.blocks)
            place = OpenSite(frame)
            for event in facts.events:
                kind = event[0]
                if kind not in CALLING and (kind in FLOW or not self._may_run(kind, event[1])):
                    continue
                kinds = kinds_of[event[3]] if kinds_of else UNGUARDED
                if "once" in kinds:
                    continue
                self._resolve(place, event)
                if place.says_anything() and (site := self._close(place, kinds)) is not None:
                    known.append(site)
        return known

    def _close(self, place: OpenSite, kinds: frozenset[str]) -> Site | None:
        """Return the site of a place, or nothing for a call behind a guard on something that it sets itself."""
        site = place.closed(in_while="while" in kinds)
        names = {name for kind in kinds if kind.startswith("fills ") for name in kind[6:].split(",")}
        fills = bool(names) and any(sets(frame.function, names) for frame in (*site.runs, *site.starts))
        return None if fills else site

    def _may_run(self, kind: str, expr: Expr) -> bool:
        """Tell by names alone whether what is no call can run code; most reads of attributes cannot."""
        if kind == "attr":
            if expr[2] in self._read_names:
                return True
            return "__getattr__" in self._special and not self._is_attribute(expr[2])
        if kind == "set":
            return expr[2] in self._properties
        if kind == "op":
            return members.OPERATORS.get(expr[1]) in self._special
        return ITEMS[kind] in self._special

    def _is_attribute(self, name: str) -> bool:
        """Tell whether something of the program has an attribute of that name: `__getattr__` is not asked for it."""
        return name in self._bound_by_classes or self.inference.stores.is_stored(name)

    def _resolve(self, site: OpenSite, event: Event) -> None:
        inference, frame = self.inference, site.frame
        site.event = event
        kind, expr = event[0], event[1]
        if kind in ("call", "drop"):
            self._resolve_call(site, expr)
        elif kind in ("enter", "aenter"):
            values = inference.values(expr, frame)
            closes = closes_only(inference, expr, frame)
            for value in values:
                if closes:
                    self._methods(site, value, "close" if kind == "enter" else "aclose")
                else:
                    self._enter(site, value, is_async=kind == "aenter")
        elif kind in ("iter", "aiter"):
            for value in inference.values(expr, frame):
                self._iterate(site, value)
        elif kind == "attr":
            self._read(site, expr)
        elif kind == "set":
            self._write(site, expr)
        elif kind in ("sub", "setitem"):
            self._operate(site, expr[1], ITEMS[kind])
        elif kind == "op":
            method = members.OPERATORS[expr[1]]
            self._operate(site, expr[3] if method == "__contains__" else expr[2], method)

    # Calls

    def _resolve_call(self, site: OpenSite, call: Expr) -> None:
        callees = self.inference.values(call[1], site.frame)
        awaited = site.event[4] == DIRECTLY
        if len(callees) > 1:
            awaitable = tuple(c for c in callees if self._is_awaitable(c))
            if awaited:
                callees = awaitable or callees
            elif any(isinstance(c, FunctionValue) for c in awaitable):
                # One object stands for a synchronous and an asynchronous client: which, is unknown.
                callees = tuple(c for c in callees if c in awaitable or not isinstance(c, FunctionValue))
        for callee in callees:
            self._call(site, callee, call, awaited=awaited)
        if awaited:
            self._await(site, call)

    def _await(self, site: OpenSite, call: Expr) -> None:
        """Note what awaiting an object of a library does, such as a query: `await User.all()`."""
        for value in self.inference.values(call, site.frame):
            if isinstance(value, Instance) and isinstance(value.cls, str):
                for method in members.special_method(self.inference, value, "__await__"):
                    if isinstance(method, LibraryName):
                        _note(site, self._says(method.name))

    def _is_awaitable(self, callee: Value) -> bool:
        """Tell whether calling a value surely gives an awaitable."""
        if isinstance(callee, FunctionValue):
            return callee.function.facts.is_async or "offloads" in callee.marks
        if isinstance(callee, LibraryName):
            parsed = self.catalog.return_type(callee.name)
            return parsed is not None and parsed[0] == "awaitable"
        return False

    def _call(self, site: OpenSite, callee: Value, call: Expr | None, *, awaited: bool = False) -> None:
        match callee:
            case FunctionValue():
                self._call_function(site, callee, call, awaited=awaited)
            case ClassValue(cls=ProjectClass() as cls):
                self._construct(site, cls, call)
            case ClassValue(cls=str() as name):
                self._call_library(site, LibraryName(name), call, awaited=awaited)
            case LibraryName():
                self._call_library(site, callee, call, awaited=awaited)
            case Partial():
                inner = site.frame
                site.frame = callee.frame
                self._call(site, callee.target, merge_partial(callee, call), awaited=awaited)
                site.frame = inner
            case Instance():
                for method in members.special_method(self.inference, callee, "__call__"):
                    self._call(site, method, call, awaited=awaited)

    def _call_function(
        self, site: OpenSite, callee: FunctionValue, call: Expr | None, *, awaited: bool
    ) -> None:
        if "memoises" in callee.marks:
            return
        targets = members.implementations(self.inference, callee)
        for function in self._registered.get(callee.function, ()):
            targets.append(FunctionValue(function, callee.receiver))
        if awaited and any(t.function.facts.is_async for t in targets):
            targets = [t for t in targets if t.function.facts.is_async]
        for target in targets:
            entered = self.inference.enter(target, call, site.frame)
            facts = target.function.facts
            if "offloads" in callee.marks:
                site.in_thread.append(entered)
            elif facts.is_async:
                place = (site.frame.function.module, site.event[5])
                if place in self._detached_calls:
                    continue
                if site.event[0] == "drop" and not facts.is_generator:
                    self.dropped.add(target.function)
                else:
                    site.starts.append(entered)
            elif not facts.is_generator:
                site.runs.append(entered)
                if site.is_awaited:
                    site.starts += self._coroutines(entered)
            if callee.blocks is not None and not facts.is_async and not awaited:
                site.sinks.append(Sink(*callee.blocks))

    def _coroutines(self, frame: Frame) -> list[Frame]:
        """Return the coroutines that a plain function gives to its caller, who awaits them."""
        returned = self.inference.returned(frame) if frame.function.facts.returns else ()
        return [v.frame for v in returned if isinstance(v, Suspended) and v.kind == "coroutine"]

    def _construct(self, site: OpenSite, cls: ProjectClass, call: Expr | None) -> None:
        receiver = Instance(cls)
        names = (*CONSTRUCTION, "render") if self.inference.is_subclass(receiver, RESPONSE) else CONSTRUCTION
        for name in names:
            for method in members.class_attribute(self.inference, cls, name, receiver) or ():
                if isinstance(method, FunctionValue):
                    bound = FunctionValue(method.function, receiver, method.frame, method.marks)
                    site.runs.append(self.inference.enter(bound, call, site.frame))
                elif isinstance(method, LibraryName) and name == "__init__":
                    self._call_library(site, method, call, awaited=False)
        for base in self.inference.mro(cls):
            if isinstance(base, str):
                said = self._says(base)
                self._add_sink(site, said, call)
                _note(site, said)
        self._run_hooks(site, cls)

    def construction(self, cls: ProjectClass) -> list[Frame]:
        """Return the functions that making an object of a class runs, about whose arguments nothing is known."""
        frame = cls.module.frame
        site = OpenSite(frame, ("call", UNKNOWN, 0, 0, 0, cls.facts.span))
        self._construct(site, cls, None)
        return site.runs

    def _run_hooks(self, site: OpenSite, cls: ProjectClass) -> None:
        """Run what making an object runs besides its constructor: validators and default factories."""
        for hook in self.hooks(cls):
            if not asks_for_types(hook.function):
                site.runs.append(self.inference.enter(hook, None, None))
        for factory, scope in self._factories_of(cls):
            for found in self.inference.values(factory, scope):
                self._call(site, found, None)

    def _factories_of(self, cls: ProjectClass) -> list[tuple[Expr, Frame]]:
        """Return the default factories of fields of a class, and where they are evaluated."""
        known = self._factories.get(cls)
        if known is None:
            known = self._factories[cls] = []
            for base in self.inference.mro(cls):
                if isinstance(base, ProjectClass):
                    scope = self.inference.program.frame_around(base)
                    for bindings in base.facts.bindings.values():
                        for _, _, value in bindings:
                            made = value[2] if value[0] == "typed" else value
                            if made and made[0] == "call":
                                factory = call_argument(made, None, "default_factory")
                                if factory is not None:
                                    known.append((factory, scope))
        return known

    def hooks(self, cls: ProjectClass) -> list[FunctionValue]:
        """Return the functions that run whenever an object of the class is made (validators)."""
        known = self._hooks.get(cls)
        if known is None:
            known = self._hooks[cls] = []
            for base in self.inference.mro(cls):
                if isinstance(base, ProjectClass):
                    known += [FunctionValue(f, Instance(cls)) for f in base.methods() if self._is_hook(f)]
        return known

    def _is_hook(self, function: Function) -> bool:
        return any(name in self.construction_hooks for name in self.decorator_names(function))

    def decorator_names(self, function: Function) -> list[str]:
        """Return the dotted names of the library decorators of a function."""
        if not function.facts.decorators:
            return []
        names = self._decorators.get(function)
        if names is None:
            names = self._decorators[function] = []
            frame = self.inference.defining_frame(function)
            for decorator in function.facts.decorators:
                target = decorator[1] if decorator[0] == "call" else decorator
                names += [v.name for v in self.inference.values(target, frame) if isinstance(v, LibraryName)]
        return names

    def is_memoised(self, function: Function) -> bool:
        """Tell whether a decorator keeps the result of a function, so that its body hardly ever runs."""
        decorators = (self.catalog.decorators.get(name) for name in self.decorator_names(function))
        return any(decorator is not None and decorator.effect == "memoises" for decorator in decorators)

    def _call_library(self, site: OpenSite, callee: LibraryName, call: Expr | None, *, awaited: bool) -> None:
        name = callee.name
        said = self._says(name)
        if not awaited:
            self._add_sink(site, said, call)
        _note(site, said)
        if not said.takes_code:
            return
        model = getattr(callee.receiver, "cls", None) if name in MODEL_FACTORIES else None
        if isinstance(model, ProjectClass):
            self._construct(site, model, None)
        if call is None:
            return
        runs = self.catalog.runs.get(name)
        if runs is not None and not (name in LAZY and site.event[0] == "drop"):
            for where in runs.callables:
                position, keyword = (where, "") if isinstance(where, int) else (None, where)
                argument = call_argument(call, position, keyword)
                if argument is not None:
                    self._hand_over(site, argument, runs.where)
        if not call[2]:
            return
        if name in SCHEDULERS:
            for value in self.inference.values(call[2][0], site.frame):
                if isinstance(value, Suspended) and value.kind == "coroutine":
                    site.scheduled.append(value.frame)
        if name in CONSUMERS:
            for value in self.inference.values(call[2][0], site.frame):
                self._iterate(site, value)
        if name in ENTERING:
            for value in self.inference.values(call[2][0], site.frame):
                self._enter(site, value, is_async=False)
        method = _special_of(name)
        if method in self._special:
            self._operate(site, call[2][0], method)

    def _says(self, name: str) -> Said:
        known = self._said.get(name)
        if known is None:
            effect, words = self.catalog.effect(name), self.catalog.acts_of(name)
            resource = self.catalog.resource(name)
            known = self._said[name] = Said(
                Sink(name, effect) if effect is not None else None,
                Act(name, words) if words and words != COMPUTES else None,
                Making(name, resource) if resource is not None else None,
                name in TAKING_CODE or name in self.catalog.runs or _special_of(name) in self._special,
            )
        return known

    def _hand_over(self, site: OpenSite, argument: Expr, where: str) -> None:
        """Follow a callable to the place where a library function runs it."""
        for value in self.inference.values(argument, site.frame):
            if where == "caller":
                self._call(site, value, None)
                continue
            inner = OpenSite(site.frame, ("call", *site.event[1:]))
            self._call(inner, value, None)
            if site.is_awaited:
                site.acts += inner.acts
            if where == "thread":
                site.makes += inner.makes
            frames = inner.runs + inner.starts
            (site.on_loop if where == "loop" else site.in_thread).extend(frames)

    def _add_sink(self, site: OpenSite, said: Said, call: Expr | None) -> None:
        sink = said.sink
        if sink is not None and (call is None or not self._is_exempt(sink.effect, call, site.frame)):
            site.sinks.append(sink)

    def _is_exempt(self, effect: Effect, call: Expr, frame: Frame) -> bool:
        for condition in effect.unless:
            where, _, literal = condition.partition("=")
            position, keyword = (int(where), "") if where.isdigit() else (None, where)
            argument = call_argument(call, position, keyword)
            if argument is not None and _source(argument) == literal:
                return True
        first = call_argument(call, 0, "fileobj")
        for value in self.inference.values(first, frame) if first is not None else ():
            if isinstance(value, Instance) and value.cls in effect.unless_first:
                return True
            if isinstance(value, Text) and effect.kind == "file" and value.text.startswith(IN_MEMORY):
                return True
        return False

    # Everything else that runs code

    def _methods(self, site: OpenSite, value: Value, *names: str) -> None:
        """Follow special methods of a value."""
        for name in names:
            for method in members.special_method(self.inference, value, name):
                if isinstance(method, FunctionValue):
                    entered = self.inference.enter(method, None, site.frame)
                    facts = method.function.facts
                    if facts.is_async:
                        site.starts.append(entered)
                    else:
                        site.runs.append(entered)
                elif isinstance(method, LibraryName):
                    said = self._says(method.name)
                    self._add_sink(site, said, None)
                    _note(site, said)

    def _enter(self, site: OpenSite, value: Value, *, is_async: bool) -> None:
        if isinstance(value, Suspended):
            if value.frame.function.facts.is_async:
                site.starts.append(value.frame)
            elif is_async:
                site.in_thread.append(value.frame)  # `async with contextmanager_in_threadpool(...)`
            else:
                site.runs.append(value.frame)
        elif isinstance(value, Instance):
            names = ("__aenter__", "__aexit__") if is_async else ("__enter__", "__exit__")
            self._methods(site, value, *names)

    def _iterate(self, site: OpenSite, value: Value) -> None:
        if isinstance(value, Suspended):
            if value.kind == "generator":
                # `async for` over a plain generator goes through `iterate_in_threadpool`.
                (site.in_thread if site.event[0] == "aiter" else site.runs).append(value.frame)
            elif value.kind == "asyncgen":
                site.starts.append(value.frame)
        elif isinstance(value, Instance):
            names = ("__aiter__", "__anext__") if site.event[0] == "aiter" else ("__iter__", "__next__")
            self._methods(site, value, *names)

    def _read(self, site: OpenSite, expr: Expr) -> None:
        for value in self.inference.values(expr[1], site.frame):
            if isinstance(value, Instance):
                self._read_library(site, value, expr[2])
                if self._lazy_loads.loads(value, expr, site.frame):
                    site.sinks.append(Sink(f"lazy load of {expr[2]}", QUERY))
            getter = members.property_getter(self.inference, value, expr[2])
            if getter is None:
                self._read_hooked(site, value, expr[2])
            elif "memoises" not in getter.marks:
                self._call_function(site, getter, None, awaited=False)

    def _read_library(self, site: OpenSite, value: Instance, name: str) -> None:
        """Some properties of library classes reach the network."""
        bases = [value.cls] if isinstance(value.cls, str) else self.inference.mro(value.cls)
        for base in bases:
            if isinstance(base, str):
                member = self.catalog.member(base, name)
                if member in self.catalog.attributes:
                    self._add_sink(site, self._says(member), None)

    def _read_hooked(self, site: OpenSite, value: Value, name: str) -> None:
        """Reading an attribute runs `__getattr__` where there is no such attribute, or a descriptor."""
        if not isinstance(value, Instance) or not isinstance(value.cls, ProjectClass):
            return
        found = members.class_attribute(self.inference, value.cls, name, value)
        if found is None:
            self._methods(site, value, "__getattr__")
        for descriptor in found or ():
            if isinstance(descriptor, Instance):
                self._methods(site, descriptor, "__get__")

    def _write(self, site: OpenSite, expr: Expr) -> None:
        for value in self.inference.values(expr[1], site.frame):
            if not isinstance(value, Instance) or not isinstance(value.cls, ProjectClass):
                continue
            for base in self.inference.mro(value.cls):
                if isinstance(base, ProjectClass):
                    scope = self.inference.program.frame_around(base)
                    for _, _, binding in base.own(expr[2]):
                        for found in self.inference.values(binding, scope):
                            if isinstance(found, FunctionValue) and "setter" in found.marks:
                                bound = FunctionValue(found.function, value, found.frame, found.marks)
                                site.runs.append(self.inference.enter(bound, None, site.frame))

    def _operate(self, site: OpenSite, operand: Expr, method: str) -> None:
        for value in self.inference.values(operand, site.frame):
            if isinstance(value, Instance):
                self._methods(site, value, method)


def _note(site: OpenSite, said: Said) -> None:
    """Note what a library call does and makes."""
    if said.act is not None:
        site.acts.append(said.act)
    if said.making is not None:
        site.makes.append(said.making)


def _special_of(name: str) -> str:
    """Return the special method that a builtin function calls: `len(x)`, `next(x)`."""
    module, _, function = name.rpartition(".")
    return f"__{function}__" if module == "builtins" else ""


def _source(expr: Expr) -> str:
    """Return a literal or dotted name as source text."""
    if expr[0] == "const":
        return repr(expr[1])
    if expr[0] == "attr":
        return f"{_source(expr[1])}.{expr[2]}"
    return str(expr[1]) if expr[0] == "name" else ""


def _is_other_loop(value: Value) -> bool:
    """Tell whether a value is another event loop, or a function or method that runs one."""
    if isinstance(value, LibraryName):
        return value.name in OTHER_LOOPS or getattr(value.receiver, "cls", "") == NEW_LOOP
    return isinstance(value, Instance) and value.cls == NEW_LOOP
