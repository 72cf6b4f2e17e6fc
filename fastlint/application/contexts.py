"""Where every function runs: on the event loop or in the thread pool, for requests or at start-up."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from fastlint.application.below import Below
from fastlint.application.changes import Changes
from fastlint.application.computing import Computing
from fastlint.application.connection_waits import ConnectionWaits
from fastlint.application.context_variables import ContextVariables
from fastlint.application.counted import CountedRows
from fastlint.application.dependencies import Injection, needs_of_parameter
from fastlint.application.engines import Engines
from fastlint.application.entries import EntryFinder
from fastlint.application.expiry import Expiry
from fastlint.application.imported import find_imported_modules
from fastlint.application.iterables import Iterables
from fastlint.application.kept_objects import KeptObjects
from fastlint.application.lazy_reads import LazyReads
from fastlint.application.leading import Leading
from fastlint.application.lent_objects import LentObjects
from fastlint.application.library_objects import LibraryObjects
from fastlint.application.lifespans import Lifespans, find_lifespans
from fastlint.application.local_files import LocalFiles
from fastlint.application.model import LOOP, REQUEST, STARTUP, THREAD, Entry
from fastlint.application.pausing import Pausing
from fastlint.application.provided import Provided
from fastlint.application.providers import Providers
from fastlint.application.references import References
from fastlint.application.request_loops import RequestLoops
from fastlint.application.requests import RequestPath
from fastlint.application.responses import Responses
from fastlint.application.routes import ROUTERS, Route
from fastlint.application.servers import Servers
from fastlint.application.sharing import Sharing
from fastlint.application.socket_registries import SocketRegistries
from fastlint.application.solving import Run, solve
from fastlint.application.threads import Threads
from fastlint.application.transactions import Transactions
from fastlint.application.validators import VALIDATING
from fastlint.application.waiting import WaitedFor
from fastlint.application.ways import Ways
from fastlint.deployment.read import Deployment
from fastlint.facts.model import Parameter
from fastlint.project.calls import CallResolver, Site
from fastlint.project.infer import Inference
from fastlint.project.members import class_attribute, subclasses
from fastlint.project.performs import Performs
from fastlint.project.program import Frame, Function, Module, Program, ProjectClass
from fastlint.project.queries import Queries
from fastlint.project.reach import Reach, Way
from fastlint.project.rows import RowsOfQueries
from fastlint.project.sessions import Sessions
from fastlint.project.statements import Statements
from fastlint.project.tracing import Tracing
from fastlint.project.values import FunctionValue, Instance
from fastlint.sources.versions import Versions

MOST_SUBCLASSES = 8
PASSIVE_BASES = frozenset(
    {"builtins", "abc", "typing", "typing_extensions", "enum", "pydantic", "sqlalchemy", "sqlmodel"}
)
"""Libraries whose classes do not call the methods that programs add to them."""
OFF_LOOP_ROOTS = frozenset(
    {"celery", "click", "typer", "dramatiq", "rq", "invoke", "huey", "prefect", "airflow"}
)


class Application:
    """The program as the server runs it.

    `on_loop` holds the frames that run on the event loop and are not called by plain code: coroutine
    functions and the plain functions that the loop itself runs. Each maps to the phase in which it runs.
    """

    def __init__(self, program: Program, versions: Versions, deployment: Deployment | None = None) -> None:
        self.program = program
        self.deployment = deployment or Deployment()
        self.versions = versions
        self.inference = Inference(program, ROUTERS)
        self.resolver = CallResolver(self.inference, VALIDATING)
        finder = EntryFinder(self.inference, self.resolver)
        self.entries: list[Entry] = finder.find()
        self.routes: list[Route] = finder.table.routes
        self.table = finder.table
        self.dependencies = finder.dependencies
        self.endpoints = finder.endpoints
        self.on_loop: dict[Frame, str] = {}
        self.in_thread: dict[Frame, Entry] = {}
        self.reach = Reach(self.resolver)
        self._found: dict[Frame, dict[Frame, None]] = defaultdict(dict)
        """Who runs a frame, each once, in the order in which they are being found."""
        self._call_sites: dict[Frame, list[Site]] | None = None
        self._by_frame: dict[Frame, list[Entry]] = defaultdict(list)
        self._awaited: set[Frame] = set()
        self._entries_of: dict[Frame, tuple[Entry, ...]] = {}
        self._solved: dict[Route, list[Run]] = {}
        self._scheduled: set[Frame] = set()
        self._offloaded: dict[Frame, None] = {}
        for entry in self.entries:
            self._by_frame[entry.frame].append(entry)
        for injection in self.dependencies.all():
            users = self.endpoints.get(injection.user, ()) if isinstance(injection.user, Route) else ()
            for user in [injection.user] if isinstance(injection.user, Frame) else users:
                if injection.frame is not None:
                    self._found[injection.frame][user] = None
        self._spread()
        self._callers = {callee: tuple(self._found.pop(callee)) for callee in list(self._found)}
        """Who runs a frame; so they take less room."""
        self.reach.explore([*self.on_loop, *self.in_thread])
        self.requests = RequestPath(self.entries, self.resolver)
        self.performs = Performs(self.resolver)
        self.tracing = Tracing(self.inference)
        self.queries = Queries(Statements(self.tracing))
        self.rows = RowsOfQueries(self.queries)
        self.responses = Responses(self.inference, finder.table)
        self.models = self.resolver.models
        self.iterables = Iterables(self)
        self.loops = RequestLoops(self)
        self.ways = Ways(self.performs)
        self.lazy_reads = LazyReads(self.rows, self.models)
        self.expiry = Expiry(self.resolver, self.rows, self.models, self.performs)
        self.providers = Providers(self.dependencies, self.resolver, self.performs)

    def _spread(self) -> None:
        """Follow calls from the entry points: for requests first, then from start-up, then the rest."""
        for entry in self.entries:
            if entry.runs_on == THREAD:
                self.in_thread.setdefault(entry.frame, entry)
        self._follow((e.frame for e in self.entries if e.runs_on == LOOP and e.phase == REQUEST), REQUEST)
        self._follow_threads()
        self._follow((e.frame for e in self.entries if e.runs_on == LOOP and e.phase == STARTUP), STARTUP)
        self._follow(self._unlinked(), REQUEST)
        self._follow(self._inherited(), REQUEST)

    def _follow(self, frames: Iterable[Frame], phase: str) -> None:
        queue = deque((frame, phase) for frame in frames)
        seen_plain: set[tuple[Frame, str]] = set()
        while queue:
            frame, phase = queue.popleft()
            if self.on_loop.get(frame) == REQUEST or (frame in self.on_loop and phase == STARTUP):
                continue
            self.on_loop[frame] = phase
            pending = [frame]
            while pending:
                current = pending.pop()
                for site in self.resolver.sites(current):
                    for callee in site.runs:
                        self._found[callee][current] = None
                        if (callee, phase) not in seen_plain:
                            seen_plain.add((callee, phase))
                            pending.append(callee)
                    self._scheduled.update(site.scheduled)
                    self._offloaded.update(dict.fromkeys(site.in_thread))
                    if site.is_awaited:
                        self._awaited.update(site.starts)
                    for callee in (*site.starts, *site.on_loop):
                        self._found[callee][current] = None
                        queue.append((callee, self._phase(site, phase)))

    def _phase(self, site: Site, phase: str) -> str:
        """What start-up awaits belongs to start-up; what it leaves running serves on."""
        return phase if phase == REQUEST or site.is_awaited else REQUEST

    def _follow_threads(self) -> None:
        """Follow plain code in threads to the coroutines and callbacks that it hands back to the loop."""
        seen: set[Frame] = set()
        handed_back: list[Frame] = []
        pending = [*self.in_thread, *self._offloaded]
        while pending:
            frame = pending.pop()
            if frame in seen:
                continue
            seen.add(frame)
            for site in self.resolver.sites(frame):
                for callee in (*site.runs, *site.starts, *site.on_loop):
                    self._found[callee][frame] = None
                pending += site.runs
                pending += site.in_thread
                handed_back += [*site.starts, *site.on_loop]
        self._follow(handed_back, REQUEST)

    def _unlinked(self) -> list[Frame]:
        """Return coroutine functions that no known call reaches but the server may still run.

        Left out are tests, scripts, what nothing names, and what only other event loops run.
        """
        reached = {frame.function for frame in self.on_loop}
        left_out = reached | self._on_other_loops() | self.resolver.dropped
        own_loops = self.resolver.modules_with_loops
        found = []
        for function in self.program.functions():
            facts = function.facts
            if not facts.is_async or function in left_out:
                continue
            if function.module.is_offline or function.module in own_loops or self._is_off_loop(function):
                continue
            if facts.decorators or self.program.mentions(facts.name) or self._is_called_by_library(function):
                found.append(self.program.generic_frame(function))
        return found

    def _is_called_by_library(self, function: Function) -> bool:
        """Tell whether a method may be called by the library that its class derives from."""
        if function.owner is None:
            return False
        bases = self.inference.mro(function.owner)
        return function.facts.name.startswith("__") or any(
            isinstance(base, str) and base.partition(".")[0] not in PASSIVE_BASES for base in bases
        )

    def _inherited(self) -> list[Frame]:
        """Return the calls of coroutine methods on subclasses that inherit them."""
        found = []
        for frame, phase in self.on_loop.items():
            receiver, function = frame.receiver, frame.function
            if (
                phase != REQUEST
                or frame.bound
                or function.owner is None
                or not isinstance(receiver, Instance)
            ):
                continue
            if receiver.cls is not function.owner:
                continue
            for cls in subclasses(self.inference, function.owner)[:MOST_SUBCLASSES]:
                below = Instance(cls)
                for method in class_attribute(self.inference, cls, function.facts.name, below) or ():
                    if isinstance(method, FunctionValue) and method.function is function:
                        found.append(self.program.frame(function, frame.parent, below))
        return found

    def _is_off_loop(self, function: Function) -> bool:
        names = self.resolver.decorator_names(function)
        return any(name.partition(".")[0] in OFF_LOOP_ROOTS for name in names)

    def _on_other_loops(self) -> set[Function]:
        """Return the coroutine functions that other event loops run, and what these call."""
        pending = [frame for _, frame in self.resolver.detached]
        for cls in self.program.classes():
            if cls.facts.name.endswith("WorkerSettings"):  # arq: a worker process of its own
                pending += self._functions_in(cls)
        seen: set[Frame] = set()
        while pending:
            frame = pending.pop()
            if frame not in seen:
                seen.add(frame)
                for site in self.resolver.sites(frame):
                    pending += site.starts
                    pending += site.runs
        return {frame.function for frame in seen}

    def _functions_in(self, cls: ProjectClass) -> list[Frame]:
        """Return the functions that a class names as its attributes, alone or in lists."""
        scope = self.program.frame_around(cls)
        found = []
        for bindings in cls.facts.bindings.values():
            for _, _, value in bindings:
                values = self.inference.values(value, scope)
                values = (*values, *self.inference.iterated(values, scope))
                found += [self.inference.enter(v, None, None) for v in values if isinstance(v, FunctionValue)]
        return found

    # Questions that rules ask

    @cached_property
    def waited_for(self) -> WaitedFor:
        """The code that has to end before there is an answer."""
        return WaitedFor(self.entries, self.resolver)

    @cached_property
    def context_variables(self) -> ContextVariables:
        """Which functions set context variables."""
        return ContextVariables(self.resolver)

    @cached_property
    def references(self) -> References:
        """Who names which function."""
        return References(self.inference)

    @cached_property
    def sharing(self) -> Sharing:
        """Which functions touch what requests share."""
        objects = KeptObjects(self.inference, self.lent, self.library_objects)
        return Sharing(self.inference, self.lent, objects, self.below, self.changes)

    @cached_property
    def below(self) -> Below:
        """What functions run below them."""
        return Below(self.resolver)

    @cached_property
    def changes(self) -> Changes:
        """What functions change that outlives their calls."""
        return Changes(self.inference, self.below)

    @cached_property
    def lent(self) -> LentObjects:
        """Which sessions and their like belong to one request."""
        return LentObjects(self.inference, self.references)

    @cached_property
    def library_objects(self) -> LibraryObjects:
        """Which objects of libraries may change, or are for one thread alone."""
        return LibraryObjects(self.inference)

    @cached_property
    def provided(self) -> Provided:
        """Whether what dependencies give belongs to one request."""
        return Provided(self.resolver, self.lent, self.library_objects, self.below, self.changes)

    @cached_property
    def threads(self) -> Threads:
        """Which functions can run in another thread."""
        return Threads(self.resolver, self.below, self.context_variables)

    @cached_property
    def local_files(self) -> LocalFiles:
        """Which functions use files."""
        return LocalFiles(self.resolver, self.below)

    @cached_property
    def transactions(self) -> Transactions:
        """Where sessions have written and not committed."""
        return Transactions(self.sessions, self.given_to)

    @cached_property
    def sessions(self) -> Sessions:
        """Which sessions functions use."""
        return Sessions(self.inference, self.resolver)

    @cached_property
    def engines(self) -> Engines:
        """What the engines of the program connect to."""
        return Engines(self.inference, self.versions)

    @cached_property
    def connection_waits(self) -> ConnectionWaits:
        """Which requests would wait for a thread while they hold a connection."""
        return ConnectionWaits(self)

    @cached_property
    def pausing(self) -> Pausing:
        """Which functions can let other requests run where they did not before."""
        return Pausing(self)

    @cached_property
    def imported_modules(self) -> list[Module]:
        """The modules that the running application imports."""
        return find_imported_modules(self)

    @cached_property
    def lifespans(self) -> Lifespans:
        """How the applications of the program start."""
        return find_lifespans(self.inference)

    @cached_property
    def socket_registries(self) -> SocketRegistries:
        """Which WebSockets endpoints leave behind."""
        return SocketRegistries(self.resolver, self.performs)

    @cached_property
    def servers(self) -> Servers:
        """How the application is started, and which proxies lead to it."""
        return Servers(self)

    @cached_property
    def computing(self) -> Computing:
        """Which functions only compute."""
        return Computing(self.resolver)

    @cached_property
    def counted(self) -> CountedRows:
        """Rows that are loaded for nothing but their number, or one of them."""
        return CountedRows(self)

    @cached_property
    def _leading(self) -> Leading:
        return Leading(self.entries, self._callers)

    def entries_of(self, frame: Frame) -> tuple[Entry, ...]:
        """Return the entry points that lead to a frame, the nearest first, routes before others."""
        if frame not in self._entries_of:
            self._entries_of[frame] = self._leading.to(frame)
        return self._entries_of[frame]

    def awaiting(self, frame: Frame) -> list[Frame]:
        """Return the coroutine functions that run a frame."""
        return [caller for caller in self._callers.get(frame, ()) if caller.function.facts.is_async]

    def is_task(self, frame: Frame) -> bool:
        """Tell whether somewhere a task is made of a coroutine function, to run beside the one that made it."""
        return frame in self._scheduled

    def kinds_of(self, frame: Frame) -> frozenset[str]:
        """Return the kinds of the entry points that a frame itself is."""
        return self._kinds.get(frame, frozenset())

    @cached_property
    def _kinds(self) -> dict[Frame, frozenset[str]]:
        return {
            frame: frozenset(entry.kind for entry in entries) for frame, entries in self._by_frame.items()
        }

    def calls_of(self, frame: Frame) -> list[Site]:
        """Return the places that run a frame for requests."""
        if self._call_sites is None:
            self._call_sites = defaultdict(list)
            for site in self.requests.sites:
                for callee in (*site.runs, *site.starts):
                    self._call_sites[callee].append(site)
        return self._call_sites.get(frame, [])

    def is_background(self, frame: Frame) -> bool:
        """Tell whether a coroutine function only ever runs beside requests: as a background task or task."""
        kinds = self.kinds_of(frame)
        is_task = kinds == {"background task"} or (not kinds and frame in self._scheduled)
        return is_task and frame not in self._awaited

    def label(self, route: Route) -> str:
        """Return what a reader calls a route: "GET /users/{id}"."""
        return self.table.label(route)

    def labels(self, routes: Sequence[Route]) -> str:
        """Return what a reader calls some routes: "GET /users and 3 more"."""
        more = f" and {len(routes) - 1} more" if len(routes) > 1 else ""
        return f"{self.label(routes[0])}{more}"

    def serving(self, routes: Iterable[Route]) -> tuple[Entry, ...]:
        """Return the routes as entry points."""
        return tuple(
            entry
            for route in routes
            for frame in self.endpoints.get(route, ())[:1]
            for entry in self._by_frame.get(frame, ())
            if entry.kind in ("route", "websocket")
        )

    def needs(self, route: Route) -> list[Injection]:
        """Return the whole dependency tree of a route: its own, its routers' and its application's."""
        users = (*self.endpoints.get(route, ()), route, *self.table.above(route.router))
        return self.dependencies.tree(users)

    def given_to(self, frames: Collection[Frame]) -> list[Injection]:
        """Return what functions depend on, and the routes that they are."""
        routes = {route for frame in frames for route in self._routes_of.get(frame, ())}
        return [*self.dependencies.tree(frames), *(each for route in routes for each in self.needs(route))]

    @cached_property
    def _routes_of(self) -> dict[Frame, list[Route]]:
        found: dict[Frame, list[Route]] = defaultdict(list)
        for route, frames in self.endpoints.items():
            for frame in frames:
                found[frame].append(route)
        return found

    def solved(self, route: Route) -> list[Run]:
        """Return what a request of a route runs of its dependencies, in order."""
        if route not in self._solved:
            users = (*reversed(self.table.above(route.router)), route, *self.endpoints.get(route, ())[:1])
            self._solved[route] = solve(self.dependencies, users)
        return self._solved[route]

    def is_injected(self, frame: Frame, parameter: Parameter) -> bool:
        """Tell whether FastAPI injects a parameter of the frame's function."""
        outer = frame.parent or self.inference.defining_frame(frame.function)
        return any(True for _ in needs_of_parameter(self.inference, parameter, outer))

    def chain(self, way: Way) -> list[Way]:
        """Return the steps of a way to block."""
        return self.reach.steps(way)
