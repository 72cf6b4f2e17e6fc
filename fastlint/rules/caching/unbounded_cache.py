"""FL410: A container grows with what clients send, and nothing takes anything out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastlint.application.cached import CacheDecorator, Called, cache_decorators
from fastlint.application.containers import Containers, Growth
from fastlint.application.incoming import Incoming
from fastlint.diagnostics import Severity
from fastlint.facts.model import UNKNOWN, Expr
from fastlint.facts.structure import blocks_around, called_name
from fastlint.project.bindings import call_argument, matched_arguments
from fastlint.project.program import Frame, Function
from fastlint.project.values import Instance, LibraryName
from fastlint.rules.caching.sized_cache import give_size
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading, render

WRITING = re.compile(r"(POST|PUT|PATCH)( |$|\|(POST|PUT|PATCH))")
"""Routes that store what they are sent."""
DATA = ("db", "database", "fake", "store", "storage", "repo", "table", "mock", "dummy")
"""Parts of the names of containers that stand for a database, as tutorials have them."""
SHARED = ("Lock", "Semaphore", "Condition", "Event")
CONNECTIONS = ("fastapi.WebSocket", "starlette.websockets.WebSocket")
ENDLESS = "functools.cache"
LRU = frozenset({"functools.lru_cache", "async_lru.alru_cache"})
OF_ROUTES = "fastapi_cache.decorator.cache"
MEMORY = "InMemoryBackend"
AIOCACHE = frozenset({"aiocache.cached", "aiocache.cached_stampede"})


class UnboundedCache(ModelRule):
    """A container grows with what clients send, and nothing takes anything out."""

    code = "FL410"

    def find(self) -> Iterator[Finding]:
        """Look at containers that live as long as the process, and at caches without a size."""
        self.incoming = Incoming(self.application)
        self.containers = Containers(self.application)
        seen = set()
        for growth in self.containers.growths():
            if growth.container not in seen and self._is_endless(growth):
                seen.add(growth.container)
                yield self._about_container(growth)
        self.called = Called(self.application)
        fills_memory = False
        for function in self.application.program.functions():
            for decorator in cache_decorators(self.application, function):
                if _has_no_bound(decorator) and self._differs(function):
                    yield self._about_decorator(function, decorator)
                fills_memory |= decorator.name == OF_ROUTES and self._differs(function)
        if fills_memory:
            yield from self._memories()

    def _is_endless(self, growth: Growth) -> bool:
        """Tell whether a place adds something new again and again, that nothing takes out."""
        container = growth.container
        if any(word in part for part in container.name.lower().split("_") for word in DATA):
            return False
        if self.containers.is_bounded(container) or self._is_shared(growth):
            return False
        if self._is_data(growth):
            return False
        if growth.key is None:
            return self._is_entry(growth)
        if _is_looked_up(growth) or _is_replaced(growth):
            return False
        return self.incoming.is_sent(growth.key, growth.frame)

    def _is_entry(self, growth: Growth) -> bool:
        """Tell whether a list gets something of a request."""
        return growth.value is not None and self.incoming.is_sent(growth.value, growth.frame)

    def _is_shared(self, growth: Growth) -> bool:
        """Tell whether what is put in is a lock, or a connection whose end takes it out (another rule)."""
        parts = [part for part in (growth.key, growth.value) if part is not None]
        if self.containers.holds_resource(growth):
            return True
        for value in (v for part in parts for v in self.application.inference.values(part, growth.frame)):
            if isinstance(value, Instance) and isinstance(value.cls, str) and value.cls.endswith(SHARED):
                return True
            if any(self.application.inference.is_subclass(value, base) for base in CONNECTIONS):
                return True
        return any(part[0] == "call" and called_name(part).endswith(SHARED) for part in parts)

    def _is_data(self, growth: Growth) -> bool:
        """Tell whether a route that writes keeps there what it is sent: the container is the program's data.

        One that answers from it as well is a cache, and a key made for each request is nobody's data.
        """
        frame = growth.frame
        if "route" not in self.application.kinds_of(frame):
            return False
        value = growth.value
        if value is not None and value[0] == "name" and value[1] in frame.function.parameters:
            return True
        if any(not WRITING.match(e.label) for e in self.application.entries_of(frame) if e.kind == "route"):
            return False
        if growth.key is not None and self.incoming.is_new(growth.key, frame):
            return False
        return growth.key is None or not _is_read(growth)

    def _about_container(self, growth: Growth) -> Finding:
        name = growth.container.name
        what = (
            "list"
            if growth.container.kind in ("list", "deque")
            else "set"
            if growth.container.kind == "set"
            else "dictionary"
        )
        instead = (
            "`collections.deque(maxlen=1000)`"
            if what == "list"
            else "`defaultdict(lambda: deque(maxlen=1000))`"
            if growth.container.kind == "defaultdict" and growth.expr[0] == "call"
            else "`cachetools.TTLCache(maxsize=1000, ttl=300)`"
        )
        return self.finding(
            growth.frame,
            growth.span,
            f"`{name}` grows with what clients send{self.where(growth.frame)}, and nothing ever takes an entry out; "
            "the process needs more and more memory",
            f"Make `{name}` a {instead}, or take out what is no longer needed",
        )

    def _differs(self, function: Function) -> bool:
        """Tell whether requests call a function with something that clients choose."""
        frame = self.application.program.generic_frame(function)
        parameters = function.facts.parameters[int(frame.receiver is not None) :]
        if self.application.kinds_of(frame) & {"route", "dependency"}:
            return any(self.incoming.is_sent_parameter(frame, parameter) for parameter in parameters)
        return any(
            self._is_sent_by(function, frame, caller, call) for caller, call in self.called.calls(function)
        )

    def _is_sent_by(self, function: Function, frame: Frame, caller: Frame, call: Expr) -> bool:
        skip = int(frame.receiver is not None)
        return any(
            not self.incoming.is_fixed(frame, parameter) and self.incoming.is_sent(argument, caller)
            for parameter, argument in matched_arguments(function.facts.parameters[skip:], call)
        )

    def _about_decorator(self, function: Function, decorator: CacheDecorator) -> Finding:
        expr = decorator.expr
        is_aiocache = decorator.name in AIOCACHE
        return self.finding(
            function,
            expr[-1] if expr[0] in ("call", "attr") else heading(function),
            f"`@{render(expr)}` keeps an answer of `{function.facts.name}` for everything that clients send, "
            f"{'for ever' if is_aiocache else 'without a limit'}; the process needs more and more memory",
            "Give it a `ttl`" if is_aiocache else "Give it a size: `@lru_cache(maxsize=1000)`",
            Severity.WARNING,
            fix=give_size(function, decorator.expr, decorator.name),
        )

    def _memories(self) -> Iterator[Finding]:
        """Look at what keeps the answers of routes in the process: what nobody asks for again stays."""
        for function in self.application.program.functions_naming((MEMORY,)):
            frame = self.application.program.generic_frame(function)
            for kind, expr, *_, span in function.facts.events:
                if kind != "call" or called_name(expr) != MEMORY:
                    continue
                names = {
                    v.name
                    for v in self.application.inference.values(expr[1], frame)
                    if isinstance(v, LibraryName)
                }
                if any(name.startswith("fastapi_cache.") for name in names):
                    yield self.finding(
                        function,
                        span,
                        f"`{render(expr)}` keeps an answer for everything that clients send, and forgets an old one only "
                        "when it is asked for again; the process needs more and more memory",
                        "Give `FastAPICache` a `RedisBackend`, which forgets what has expired",
                    )


def _is_read(growth: Growth) -> bool:
    """Tell whether the function answers from the container: `names[key]`, `names.get(key)`."""
    for kind, expr, *_ in growth.frame.function.facts.events:
        base = expr[1] if kind == "sub" else UNKNOWN
        if kind == "call" and called_name(expr) == "get" and expr[1][0] == "attr":
            base = expr[1][1]
        if (
            base[0] in ("name", "attr")
            and (base[1] if base[0] == "name" else base[2]) == growth.container.name
        ):
            return True
    return False


def _is_looked_up(growth: Growth) -> bool:
    """Tell whether the key is looked up in another container first, so that there are no more than in that."""
    key = growth.key
    if key is None or key[0] != "name":
        return False
    for kind, expr, *_ in growth.frame.function.facts.events:
        base: Expr | None = None
        if kind == "sub" and expr[2][:2] == key[:2]:
            base = expr[1]
        elif kind == "call" and called_name(expr) == "get" and expr[1][0] == "attr" and expr[2]:
            base = expr[1][1] if expr[2][0][:2] == key[:2] else None
        elif kind == "op" and expr[1] in ("In", "NotIn") and expr[2][:2] == key[:2]:
            base = expr[3]
        if base is not None and base[0] in ("name", "attr"):
            name = str(base[1] if base[0] == "name" else base[2])
            if name != growth.container.name and name.strip("_").isupper():
                return True
    return False


def _is_replaced(growth: Growth) -> bool:
    """Tell whether only a key that is there gets another value: after `if key not in names: return`."""
    facts = growth.frame.function.facts
    left = {event[3] for event in facts.events if event[0] in ("return", "raise") and event[5] < growth.span}
    around = {block for block, _, _ in blocks_around(facts, _block_of(growth))}
    for index, (_, _, test) in enumerate(facts.blocks):
        asked = test[1:] if test[0] == "compare" and growth.key is not None else ()
        if asked and _is_about(asked[0], growth):
            if asked[1] == ("NotIn",) and index in left and index not in around:
                return True
            if asked[1] == ("In",) and index in around:
                return True
    return False


def _block_of(growth: Growth) -> int:
    events = growth.frame.function.facts.events
    return next(event[3] for event in events if event[1] is growth.expr)


def _is_about(parts: tuple[Expr, ...], growth: Growth) -> bool:
    """Tell whether a comparison asks for the key of what is put in, in the container that gets it."""
    if len(parts) != 2 or growth.key is None or parts[0][:2] != growth.key[:2]:
        return False
    base = parts[1]
    return base[0] in ("name", "attr") and base[1 if base[0] == "name" else 2] == growth.container.name


def _has_no_bound(decorator: CacheDecorator) -> bool:
    """Tell whether a cache keeps everything: no size, or no time for one that has no size."""
    call = decorator.expr
    if decorator.name == ENDLESS:
        return True
    if call[0] != "call":
        return False
    if decorator.name in LRU:
        return call_argument(call, 0, "maxsize") == ("const", None)
    if decorator.name in AIOCACHE:
        memory = call_argument(call, 6, "cache")
        is_memory = memory is None or str(memory[-2 if memory[0] == "attr" else 1]) in (
            "MEMORY",
            "SimpleMemoryCache",
        )
        return is_memory and call_argument(call, 0, "ttl") in (None, ("const", None))
    return False
