"""FL306: A dependency commits when the client has its answer already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastlint.application.contexts import Application
from fastlint.application.dependencies import REQUEST_SCOPE, Injection
from fastlint.application.providers import Commit
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.project.program import Function
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.scopes import FunctionScopes
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
WRITES = ("write", "flush")


@dataclass(slots=True)
class LateCommit:
    """A commit after the yield of a dependency, and the routes whose answers it follows."""

    commit: Commit
    injections: list[Injection] = field(default_factory=list)
    writing: list[Route] = field(default_factory=list)
    reading: list[Route] = field(default_factory=list)


class CommitAfterYield(ModelRule):
    """A dependency commits when the client has its answer already."""

    code = "FL306"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._scopes = FunctionScopes(application)

    def applies(self) -> bool:
        """From 0.106 to 0.117 dependencies leave before the answer."""
        versions = self.application.versions
        return versions.is_below("fastapi", "0.106") or versions.is_at_least("fastapi", "0.118")

    def find(self) -> Iterator[Finding]:
        """Look at the dependencies that commit after their yield and leave only after the response."""
        for found in self._late_commits().values():
            if found.writing:
                yield self._finding(found, found.writing, Severity.ERROR)
            elif found.reading:
                yield self._finding(found, found.reading, Severity.INFO)

    def _late_commits(self) -> dict[Function, LateCommit]:
        found: dict[Function, LateCommit] = {}
        for route in self.application.routes:
            if route.is_websocket:
                continue
            writes: bool | None = None
            for injection in self.application.needs(route):
                commit = self._commit(injection)
                if injection.frame is None or commit is None:
                    continue
                late = found.setdefault(injection.frame.function, LateCommit(commit))
                late.injections.append(injection)
                writes = self._writes(route) if writes is None else writes
                routes = late.writing if writes else late.reading
                if route not in routes:
                    routes.append(route)
        return found

    def _commit(self, injection: Injection) -> Commit | None:
        """Return what a dependency commits after the response."""
        if injection.frame is None or injection.need.scope != REQUEST_SCOPE:
            return None
        providers = self.application.providers
        return next((c for p in providers.behind(injection) for c in providers.commits(p)), None)

    def _writes(self, route: Route) -> bool:
        """Tell whether a route leaves something to commit: it writes, and does not commit itself."""
        performs = self.application.performs
        frames = self.application.endpoints.get(route, ())
        if any(performs.step(frame, "commit") for frame in frames):
            return False
        writes = any(performs.step(frame, word) for frame in frames for word in WRITES)
        return writes or not READING.issuperset(route.methods)

    def _finding(self, found: LateCommit, routes: list[Route], severity: Severity) -> Finding:
        frame = found.commit.site.frame
        return self.finding(
            frame,
            found.commit.site.event[5],
            f"{self._what(found.commit)} when the client of {self.application.labels(routes)} has its answer "
            "already: the next request can miss the change, and a commit that fails was answered as a success",
            self._advice(found),
            severity,
            entries=self.application.serving(routes),
            fix=self._scopes.of(found.injections[0].need),
        )

    def _what(self, commit: Commit) -> str:
        kind, expr = commit.site.event[0], commit.site.event[1]
        name = commit.site.frame.function.facts.name
        if kind in ("enter", "aenter") or commit.name.endswith(".begin"):
            return f"`{name}` commits at the end of `with {render(expr)}`,"
        return f"`{name}` runs `{render(expr)}`"

    def _advice(self, found: LateCommit) -> str:
        versions = self.application.versions
        need = found.injections[0].need
        name = render(need.call[2][0]) if need.call[2] else found.commit.site.frame.function.facts.name
        if versions.is_at_least("fastapi", "0.121"):
            return f'Write `Depends({name}, scope="function")` wherever it is needed, or commit in the routes that write'
        if versions.is_at_least("fastapi", "0.118"):
            return f'Commit in the routes that write; from FastAPI 0.121 on, `Depends({name}, scope="function")` does it'
        return "Commit in the routes that write"
