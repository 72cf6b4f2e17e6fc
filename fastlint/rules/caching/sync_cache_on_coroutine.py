"""FL408: A cache for plain functions stands on a coroutine function."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Function, Module
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
                found = self._cache(function)
                if found is not None:
                    decorator, name = found
                    yield self.finding(
                        function,
                        heading(function),
                        f"`@{name.rpartition('.')[2]}` keeps the coroutine of `{function.facts.name}` and gives it out "
                        "again; awaiting it a second time raises `RuntimeError`",
                        "Use a cache that awaits: `@alru_cache(ttl=...)` of async-lru",
                        fix=self._awaiting_cache(function, decorator, name),
                    )

    def _cache(self, function: Function) -> tuple[Expr, str] | None:
        """Return the decorator of a function that is a cache for plain functions, and its dotted name."""
        frame = self.application.inference.defining_frame(function)
        for decorator in function.facts.decorators:
            target = decorator[1] if decorator[0] == "call" else decorator
            for value in self.application.inference.values(target, frame):
                if isinstance(value, LibraryName) and value.name in CACHES:
                    return decorator, value.name
        return None

    def _awaiting_cache(self, function: Function, decorator: Expr, name: str) -> FixMaker:
        """Return what puts `alru_cache` in place of `lru_cache`, for a project that has async-lru."""

        def make(files: Files) -> Fix:
            if name not in ("functools.lru_cache", "functools.cache"):
                raise NoFix(f"`{name}` has no counterpart that awaits")
            if not any(_imports(module, "async_lru") for module in self.application.program.modules.values()):
                raise NoFix("the project does not use async-lru")
            module = files.python(function.module.path)
            position = next(i for i, found in enumerate(function.facts.decorators) if found is decorator)
            node = module.function(function.facts.span).decorator_list[position]
            called = node.func if isinstance(node, ast.Call) else node
            named = name_of(module, "async_lru", "alru_cache")
            code = f"{named.code}(maxsize=None)" if name == "functools.cache" else named.code
            edits = (module.replace_node(called, code), *named.edits)
            return Fix("Use `alru_cache`", Applicability.UNSAFE, edits)

        return make


def _imports(module: Module, package: str) -> bool:
    """Tell whether a module imports something of a package."""
    bindings = module.facts.functions[0].bindings.values()
    return any(value[0] == "import" and value[1] == package for found in bindings for _, _, value in found)
