"""FL408: A cache for plain functions stands on a coroutine function."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.project.program import Function
from fastlint.project.values import LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading

CACHES = frozenset({
    "functools.lru_cache", "functools.cache", "functools.cached_property", "cachetools.cached",
    "cachetools.cachedmethod", "cachetools.func.lru_cache", "cachetools.func.ttl_cache",
    "cachetools.func.lfu_cache", "cachetools.func.fifo_cache", "cachetools.func.rr_cache", "methodtools.lru_cache",
})  # fmt: skip
"""Caches that keep what the function returns, as it is."""


class SyncCacheOnCoroutine(ModelRule):
    """A cache for plain functions stands on a coroutine function."""

    code = "FL408"

    def find(self) -> Iterator[Finding]:
        """Look at the decorators of coroutine functions."""
        for function in self.application.program.functions():
            if function.facts.is_async and not function.facts.is_generator and function.facts.decorators:
                name = self._cache(function)
                if name is not None:
                    yield self.finding(
                        function,
                        heading(function),
                        f"`@{name}` keeps the coroutine of `{function.facts.name}` and gives it out again; "
                        "awaiting it a second time raises `RuntimeError`",
                        "Use a cache that awaits: `@alru_cache(ttl=...)` of async-lru",
                    )

    def _cache(self, function: Function) -> str | None:
        frame = self.application.inference.defining_frame(function)
        for decorator in function.facts.decorators:
            target = decorator[1] if decorator[0] == "call" else decorator
            for value in self.application.inference.values(target, frame):
                if isinstance(value, LibraryName) and value.name in CACHES:
                    return value.name.rpartition(".")[2]
        return None
