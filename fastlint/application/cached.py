"""What is cached: by a decorator, by the body of a function, or by a function further up."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from fastlint.application.contexts import Application
from fastlint.application.model import REQUEST
from fastlint.application.routes import Route
from fastlint.facts.model import Expr, FunctionFacts, Parameter
from fastlint.facts.structure import called_name, outlives_call, walk
from fastlint.project.program import Frame, Function
from fastlint.project.values import LibraryName

MEMORIES = frozenset({
    "functools.lru_cache", "functools.cache", "methodtools.lru_cache", "cachetools.cached", "cachetools.cachedmethod",
    "cachetools.func.fifo_cache", "cachetools.func.lfu_cache", "cachetools.func.lru_cache", "cachetools.func.rr_cache",
    "cachetools.func.ttl_cache", "async_lru.alru_cache", "aiocache.cached", "aiocache.cached_stampede",
    "aiocache.multi_cached", "cashews.cache", "cashews.cache.early", "cashews.cache.failover", "cashews.cache.hit",
    "cashews.cache.soft", "fastapi_cache.decorator.cache", "diskcache.Cache.memoize", "joblib.Memory.cache",
    "dogpile.cache.region.CacheRegion.cache_on_arguments", "cachier.cachier",
})  # fmt: skip
"""Decorators that keep the results of a function, one for each way to call it."""
WORDS = ("cache", "memo")
"""Parts of the names of decorators and stores that keep results, whoever wrote them."""
SETTERS = frozenset({"set", "setex", "put", "set_many", "mset", "hset", "psetex", "cache_set", "set_cache"})
FARTHEST = 4
MOST_CALLERS = 20


@dataclass(frozen=True, slots=True)
class CacheDecorator:
    """A decorator that keeps results: the library name, and the decorator as it is written."""

    name: str
    expr: Expr

    @property
    def short(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]


def cache_decorators(application: Application, function: Function) -> Iterator[CacheDecorator]:
    """Yield the decorators of libraries that keep what a function returns, the lowest first."""
    if not function.facts.decorators:
        return
    frame = application.inference.defining_frame(function)
    for decorator in reversed(function.facts.decorators):
        target = decorator[1] if decorator[0] == "call" else decorator
        for value in application.inference.values(target, frame):
            if isinstance(value, LibraryName) and value.name in MEMORIES:
                yield CacheDecorator(value.name, decorator)


class Caches:
    """Answers whether what a function does is remembered: there, or by whoever calls it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def remembers(self, frame: Frame) -> bool:
        """Tell whether a function, or one of the functions that lead to it, keeps what it found."""
        seen = {frame}
        queue = deque([(frame, 0)])
        while queue:
            current, distance = queue.popleft()
            if self.is_cache(current.function):
                return True
            if distance < FARTHEST:
                for site in self.application.calls_of(current):
                    if site.frame not in seen:
                        seen.add(site.frame)
                        queue.append((site.frame, distance + 1))
        return False

    def is_cache(self, function: Function) -> bool:
        """Tell whether a function keeps its result: under a decorator, or in something that outlives the call."""
        if function.index == 0:
            return False
        decorators = (d[1] if d[0] == "call" else d for d in function.facts.decorators)
        return any(map(_is_named_cache, decorators)) or keeps(function.facts)


def keeps(facts: FunctionFacts) -> bool:
    """Tell whether a function puts something where it outlives the call, or into a cache."""
    if facts.outer_names:
        return True
    if any(outlives_call(base, facts, is_maker=facts.name == "__init__") for base, _, _ in facts.stores):
        return True
    return any(
        kind in ("call", "drop")
        and called_name(expr) in SETTERS
        and expr[1][0] == "attr"
        and len(expr[2]) + len(expr[3]) > 1
        for kind, expr, *_ in facts.events
    )


def _is_named_cache(decorator: Expr) -> bool:
    names = []
    while decorator[0] in ("attr", "call"):
        if decorator[0] == "attr":
            names.append(str(decorator[2]))
        decorator = decorator[1]
    if decorator[0] == "name":
        names.append(str(decorator[1]))
    return any(word in name.lower() for name in names for word in WORDS)


class Called:
    """Answers which functions requests call, those under a cache included: their bodies run once for each key."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.running = {frame.function for frame in application.requests}
        self._entries = {entry.frame.function for entry in application.entries if entry.phase == REQUEST}

    def calls(self, function: Function) -> Iterator[tuple[Frame, Expr]]:
        """Yield the calls of a function in code that runs for requests."""
        inference = self.application.inference
        for caller, call in inference.call_sites.named(function)[:MOST_CALLERS]:
            if caller not in self.running:
                continue
            frame = self.application.program.generic_frame(caller)
            callees = inference.values(call[1], frame)
            if any(getattr(v, "function", None) is function for v in callees) or not callees:
                yield frame, call

    def is_called(self, function: Function) -> bool:
        """Tell whether requests call a function: as a route, a dependency, or from what they run."""
        if function in self._entries or function in self.running:
            return True
        return any(True for _ in self.calls(function))


HEADERS = frozenset({"cache-control", "etag", "last-modified", "expires"})
"""What a response says about being kept, in small letters."""
SECRETS = frozenset({"Header", "Cookie", "Security", "Request", "HTTPConnection", "SecurityScopes"})
"""What makes an answer depend on who asks."""


CHECKS = re.compile(
    r"[/_.-](health(check)?|ready|readiness|live|liveness|alive|heartbeat|ping|status)z?($|[/_.-])",
    re.IGNORECASE,
)
"""Paths of routes whose answer has to be new each time."""
SENDING = frozenset({
    "celery.Celery.send_task", "celery.Task.apply_async", "celery.Task.delay", "celery.canvas.Signature.apply_async",
    "celery.canvas.Signature.delay", "dramatiq.Actor.send", "dramatiq.Actor.send_with_options", "rq.Queue.enqueue",
})  # fmt: skip
"""Calls that give work to somebody else: the route is asked for what it does, not for its answer."""


class PublicAnswers:
    """Answers which routes give everybody the same for the same address, and whether these are cached.

    Such a route is a `GET` that knows nothing of who asks, writes nothing, and is no check of what works now.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.caches = Caches(application)

    def routes(self) -> Iterator[tuple[Route, Frame]]:
        """Yield the routes, and the calls of the functions that serve them; none behind a proxy that caches."""
        if self.application.servers.keeps_answers:
            return
        for route, frames in self.application.endpoints.items():
            if route.methods != ("GET",) or len(frames) != 1 or CHECKS.search(self.application.label(route)):
                continue
            if not self._depends_on_user(route, frames[0]) and self._only_reads(frames[0]):
                yield route, frames[0]

    def _only_reads(self, frame: Frame) -> bool:
        performs = self.application.performs
        request = performs.step(frame, "request")
        if request is not None and request.name in SENDING:
            return False
        return not any(performs.step(frame, word) for word in ("commit", "write", "flush"))

    def is_cached(self, frame: Frame) -> bool:
        """Tell whether the route, or something that it calls, remembers what it found."""
        if any(True for _ in cache_decorators(self.application, frame.function)):
            return True
        return any(self.caches.is_cache(each.function) for each in self._below(frame))

    def calls_cached(self, frame: Frame) -> bool:
        """Tell whether a call of the route has a name that speaks of a cache."""
        return any(
            any(word in called_name(expr).lower() for word in (*WORDS, "redis"))
            for each in self._below(frame)
            for kind, expr, *_ in each.function.facts.events
            if kind in ("call", "drop")
        )

    def sets_headers(self, frame: Frame) -> bool:
        """Tell whether the program names one of the headers that let clients keep an answer."""
        modules = {each.function.module for each in self._below(frame)}
        return self._names_headers or any(_names_header(f.facts) for m in modules for f in m.functions)

    @cached_property
    def _names_headers(self) -> bool:
        """Whether a middleware of the program sets them for all routes."""
        return any(
            _names_header(entry.frame.function.facts)
            for entry in self.application.entries
            if entry.kind in ("middleware", "dependency")
        )

    def _below(self, frame: Frame) -> list[Frame]:
        """Return what a route calls, to some depth."""
        found, queue = [frame], deque([(frame, 0)])
        while queue:
            current, depth = queue.popleft()
            for site in self.application.resolver.sites(current) if depth < FARTHEST else ():
                for callee in (*site.runs, *site.starts, *site.in_thread):
                    if callee not in found:
                        found.append(callee)
                        queue.append((callee, depth + 1))
        return found

    def _depends_on_user(self, route: Route, frame: Frame) -> bool:
        """Tell whether a route, or something that it depends on, looks at more than path and query."""
        functions = [frame.function]
        for injection in self.application.needs(route):
            if injection.frame is None:
                return True
            functions.append(injection.frame.function)
        return any(_asks_who(parameter) for function in functions for parameter in function.facts.parameters)


def _asks_who(parameter: Parameter) -> bool:
    parts = [
        part for expr in (parameter.annotation, parameter.default) if expr is not None for part in walk(expr)
    ]
    return any(
        part[0] in ("name", "attr") and (part[1] if part[0] == "name" else part[2]) in SECRETS
        for part in parts
    )


def _names_header(facts: FunctionFacts) -> bool:
    return any(
        part[0] == "const" and isinstance(part[1], str) and part[1].lower() in HEADERS
        for event in facts.events
        for part in walk(event[1])
    )
