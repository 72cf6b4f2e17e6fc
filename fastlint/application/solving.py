"""What one request runs of its dependencies, and in which order: each once, unless told otherwise."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from fastlint.application.dependencies import DependencyGraph, Injection, Need
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue, FunctionValue, Instance

MOST_RUNS = 400
"""More runs than this in one request are not told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A dependency that runs within a request."""

    need: Need
    frames: tuple[Frame, ...]
    """What runs: the provider, or what making an object of the class runs."""
    again: Need | None
    """What made the same callable run before, within the same request."""


def solve(graph: DependencyGraph, users: Iterable[Hashable]) -> list[Run]:
    """Return what a request runs of the dependencies of the users, in order.

    FastAPI 0.165: fastapi/dependencies/utils.py, solve_dependencies. What a dependency needs comes before
    it, and is asked for again wherever the dependency is; the values are kept by callable and scope.
    """
    return _Solver(graph).solve(users)


def identity(need: Need) -> Hashable:
    """Return what tells a provider from others; the need itself where that is not known.

    Closures and callable objects are made anew by each call of what makes them.
    """
    provider = need.provider
    if isinstance(provider, ClassValue):
        return provider.cls
    if isinstance(provider, FunctionValue):
        is_closure = provider.frame is not None and provider.frame.function.index > 0
        if not is_closure and not isinstance(provider.receiver, Instance):
            return provider.function
    return need


class _Solver:
    def __init__(self, graph: DependencyGraph) -> None:
        self._graph = graph
        self._runs: list[Run] = []
        self._kept: set[Hashable] = set()
        self._earlier: dict[Hashable, Need] = {}
        self._busy: set[Hashable] = set()
        self._settled: set[Hashable] = set()
        """Users of whose dependencies all values are kept, so that nothing runs again."""

    def solve(self, users: Iterable[Hashable]) -> list[Run]:
        for user in users:
            self._solve(user)
        return self._runs

    def _solve(self, user: Hashable) -> bool:
        """Run what a user needs; return whether another time would run nothing."""
        if user in self._settled or user in self._busy or len(self._runs) > MOST_RUNS:
            return True
        self._busy.add(user)
        is_settled = True
        for need, injections in _by_need(self._graph.of(user)).items():
            frames = tuple(i.frame for i in injections if i.frame is not None)
            for frame in frames:
                is_settled &= self._solve(frame)
            is_settled &= need.use_cache
            self._run(need, frames)
        self._busy.discard(user)
        if is_settled:
            self._settled.add(user)
        return is_settled

    def _run(self, need: Need, frames: tuple[Frame, ...]) -> None:
        provider = identity(need)
        key = (provider, need.effective_scope)
        if need.use_cache and key in self._kept:
            return
        self._kept.add(key)
        self._runs.append(Run(need, frames, self._earlier.get(provider)))
        self._earlier.setdefault(provider, need)


def _by_need(injections: list[Injection]) -> dict[Need, list[Injection]]:
    found: dict[Need, list[Injection]] = {}
    for injection in injections:
        found.setdefault(injection.need, []).append(injection)
    return found
