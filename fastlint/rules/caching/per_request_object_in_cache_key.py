"""FL409: A cache distinguishes its entries by an object that each request makes anew."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from fastlint.application.cached import CacheDecorator, Called, cache_decorators
from fastlint.application.request_objects import RequestObjects
from fastlint.diagnostics import Severity
from fastlint.facts.model import Parameter
from fastlint.facts.structure import called_name
from fastlint.project.bindings import call_argument
from fastlint.project.program import Function, ProjectClass
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading, render

OF_ROUTES = "fastapi_cache.decorator.cache"
BY_TEXT = frozenset({OF_ROUTES, "aiocache.cached", "aiocache.cached_stampede", "cashews.cache", "cashews.cache.early",
                     "cashews.cache.failover", "cashews.cache.hit", "cashews.cache.soft"})  # fmt: skip
"""Caches whose key is made of what `repr` or `str` gives for each argument."""
BY_OBJECT = frozenset({
    "functools.lru_cache", "functools.cache", "async_lru.alru_cache", "cachetools.cached", "cachetools.func.fifo_cache",
    "cachetools.func.lfu_cache", "cachetools.func.lru_cache", "cachetools.func.rr_cache", "cachetools.func.ttl_cache",
})  # fmt: skip
"""Caches whose key holds the arguments themselves."""
CHOICES: dict[str, tuple[tuple[int | None, str], ...]] = {
    OF_ROUTES: ((2, "key_builder"),),
    "aiocache.cached": ((1, "key"), (3, "key_builder")),
    "aiocache.cached_stampede": ((None, "key"), (None, "key_builder")),
    "cachetools.cached": ((1, "key"),),
    **{name: ((1, "key"),) for name in BY_TEXT if name.startswith("cashews.")},
}
"""The arguments by which a decorator is told what its key is: position and name."""


class PerRequestObjectInCacheKey(ModelRule):
    """A cache distinguishes its entries by an object that each request makes anew."""

    code = "FL409"

    def find(self) -> Iterator[Finding]:
        """Look at the parameters of every function under a cache that requests call."""
        self.called = Called(self.application)
        self.objects = RequestObjects(self.application)
        for function in self.application.program.functions():
            for decorator in cache_decorators(self.application, function):
                if (
                    decorator.name not in BY_TEXT
                    and function.facts.is_async
                    and "async_lru" not in decorator.name
                ):
                    continue  # it keeps a coroutine, and can be used once at all
                if decorator.name in BY_TEXT | BY_OBJECT and not self._has_key(decorator):
                    found = self._offender(function, decorator)
                    if found is not None and self.called.is_called(function):
                        yield self._finding(function, decorator, *found)
                        break

    def _has_key(self, decorator: CacheDecorator) -> bool:
        """Tell whether the program says itself what the key is made of."""
        call = decorator.expr
        if decorator.name == OF_ROUTES and self._has_builder_for_all:
            return True
        if call[0] != "call":
            return False
        choices = CHOICES.get(decorator.name, ())
        return any(call_argument(call, position, name) is not None for position, name in choices)

    @cached_property
    def _has_builder_for_all(self) -> bool:
        """Whether `FastAPICache.init(...)` is given a function that makes all keys."""
        return any(
            kind in ("call", "drop")
            and called_name(expr) == "init"
            and call_argument(expr, None, "key_builder")
            for function in self.application.program.functions_naming(("key_builder",))
            if function.module.mentions("FastAPICache")
            for kind, expr, *_ in function.facts.events
        )

    def _offender(self, function: Function, decorator: CacheDecorator) -> tuple[str, str] | None:
        """Return the parameter that makes each key a new one, and what it is."""
        frame = self.application.program.generic_frame(function)
        by_text = decorator.name in BY_TEXT
        parameters = list(function.facts.parameters)
        if frame.receiver is not None and parameters:
            receiver = parameters.pop(0)
            if self._is_anew(receiver, function, decorator):
                return receiver.name, f"a `{function.owner.facts.name}`" if function.owner else ""
        for parameter in parameters:
            what = self.objects.describe(frame, parameter, by_text=by_text)
            if what and not (decorator.name == OF_ROUTES and what == "the request"):
                return parameter.name, what
        return None

    def _is_anew(self, receiver: Parameter, function: Function, decorator: CacheDecorator) -> bool:
        """Tell whether a method belongs to an object that each request makes anew."""
        cls = function.owner
        if (
            cls is None
            or receiver.name == "cls"
            or (
                decorator.expr[0] == "call"
                and call_argument(decorator.expr, None, "noself") == ("const", True)
            )
        ):
            return False
        by_text = decorator.name in BY_TEXT
        if self.objects.is_by_value(cls, by_text=by_text) or cls not in self.objects.made:
            return False
        return not self._lives_elsewhere(cls)

    def _lives_elsewhere(self, cls: ProjectClass) -> bool:
        """Tell whether something that is no request makes an object of a class and keeps it, which has use of a cache."""
        name = cls.facts.name
        return any(
            value[0] == "call" and called_name(value) == name
            for function in self.application.program.functions_naming((name,))
            if function not in self.called.running
            for _, _, value in function.facts.stores
        )

    def _finding(self, function: Function, decorator: CacheDecorator, name: str, what: str) -> Finding:
        expr = decorator.expr
        span = expr[-1] if expr[0] in ("call", "attr") else heading(function)
        is_self = function.owner is not None and name == function.facts.parameters[0].name
        return self.finding(
            function,
            span,
            f"The key of `@{render(expr)}` on `{function.facts.name}` holds `{name}`, {what} that each request makes "
            "anew: what one request stores, no other finds, and the cache fills with what nobody asks for again",
            self._advice(decorator, name, is_self=is_self),
            Severity.WARNING if is_self and decorator.name in BY_OBJECT else Severity.ERROR,
        )

    def _advice(self, decorator: CacheDecorator, name: str, *, is_self: bool) -> str:
        if decorator.name in BY_OBJECT or is_self:
            return f"Cache a function that takes only what the answer depends on, without `{name}`"
        keyword = "key" if decorator.name.startswith("cashews.") else "key_builder"
        return f"Give it a `{keyword}=` that leaves out `{name}`, or cache a function that does not take it"
