"""FL310: Work that outlives a request uses the session of the request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fastlint.application.background import AFTER, HandOver, hand_overs, started
from fastlint.application.contexts import Application
from fastlint.application.dependencies import FUNCTION_SCOPE, REQUEST_SCOPE, Injection
from fastlint.application.held import Carriers, Held
from fastlint.application.providers import Acquisition
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.sessions import RETURNING, TAKING
from fastlint.project.values import Instance
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.acquiring import asked_for
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

SESSIONS = (
    "sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.engine.Connection",
    "sqlalchemy.ext.asyncio.AsyncConnection", "asyncpg.Connection", "psycopg.Connection", "psycopg.AsyncConnection",
)  # fmt: skip


class RequestResourceInBackground(ModelRule):
    """Work that outlives a request uses the session of the request."""

    code = "FL310"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._held: dict[Route, list[tuple[Injection, Acquisition]]] = {}
        self._carriers: dict[Frame | None, Carriers] = {}

    def find(self) -> Iterator[Finding]:
        """Look at what tasks and threads are handed."""
        by_endpoint: dict[Frame, list[Route]] = defaultdict(list)
        for route in self.application.routes:
            for frame in self.application.endpoints.get(route, ()):
                by_endpoint[frame].append(route)
        for hand_over in hand_overs(self.application):
            routes = [
                route
                for entry in self.application.entries_of(hand_over.frame)
                if entry.kind == "route" or (entry.kind == "websocket" and hand_over.when != AFTER)
                for route in by_endpoint.get(entry.frame, ())
            ]
            for route in routes:
                found = self._handed(hand_over, route)
                if found is not None:
                    yield self._finding(hand_over, *found, routes)
                    break

    def _handed(self, hand_over: HandOver, route: Route) -> tuple[Expr, Held, str] | None:
        """Return what of the request is handed over, whose it is, and what it is."""
        frame, known = hand_over.frame, self._carriers
        if route not in self._held:
            self._held[route] = self.application.providers.held(self.application.needs(route))
        for injection, acquisition in self._held[route]:
            if not injection.need.scope:
                continue
            held = Held(injection, acquisition)
            carriers = known.get(injection.frame)
            if carriers is None:
                carriers = known[injection.frame] = Carriers(self.application, held, surely=True)
            for argument in hand_over.arguments:
                if carriers.carries(argument, frame):
                    if self._is_session(argument, frame):
                        return argument, held, "session"
                    if self._works(hand_over):
                        return argument, held, "service"
            target = hand_over.target
            bound = target[1] if target[0] == "attr" else target
            if carriers.carries(bound, frame) and self._works(hand_over):
                return target, held, "function"
            for argument in hand_over.arguments:
                if self._is_row(argument, frame) and (carriers.names(frame) or frame in self._tree(route)):
                    return argument, held, "object"
        return None

    def _tree(self, route: Route) -> list[Frame]:
        return self.application.endpoints.get(route, [])

    def _is_session(self, expr: Expr, frame: Frame) -> bool:
        inference = self.application.inference
        return any(inference.is_subclass(v, s) for v in inference.values(expr, frame) for s in SESSIONS)

    def _is_row(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether a name is a mapped object."""
        values = self.application.inference.values(expr, frame) if expr[0] == "name" else ()
        models = self.application.resolver.models
        return bool(values) and all(
            isinstance(v, Instance) and isinstance(v.cls, ProjectClass) and models.of(v.cls) for v in values
        )

    def _works(self, hand_over: HandOver) -> bool:
        """Tell whether what is started does something with a session."""
        performs = self.application.performs
        frames = started(self.application, hand_over)
        return any(performs.step(frame, word) for frame in frames for word in (*TAKING, *RETURNING))

    def _finding(
        self, hand_over: HandOver, handed: Expr, held: Held, what: str, routes: list[Route]
    ) -> Finding:
        provider = asked_for(held.injection)
        name = render(hand_over.target)
        kept = {
            "session": f"`{render(handed)}`, the session of `{provider}`",
            "service": f"`{render(handed)}`, which has the session of `{provider}`",
            "function": f"the session of `{provider}`",
            "object": f"`{render(handed)}`, an object of the session of `{provider}`",
        }[what]
        ends = self._ends_before(hand_over, held)
        when = (
            "is closed by then"
            if ends
            else "stays open for it, with its connection, until the work has ended"
        )
        if hand_over.when != AFTER:
            when = "is closed while the work goes on"
        advice = f"Let `{name}` open a session of its own"
        if what == "object":
            advice = f"Pass the key of `{render(handed)}`, and let `{name}` load it in a session of its own"
        return self.finding(
            hand_over.frame,
            hand_over.span,
            f"`{name}` outlives the request of {self.application.labels(routes)} and uses {kept}: the session {when}",
            advice,
            self._severity(hand_over, what, ends=ends),
            entries=self.application.serving(routes),
        )

    def _ends_before(self, hand_over: HandOver, held: Held) -> bool:
        """Tell whether the session ends before the work begins, or at any time during it."""
        versions = self.application.versions
        if hand_over.when != AFTER or held.injection.need.scope == FUNCTION_SCOPE:
            return True
        is_early = versions.is_at_least("fastapi", "0.106") and not versions.is_at_least("fastapi", "0.118")
        return is_early or held.injection.need.scope != REQUEST_SCOPE

    def _severity(self, hand_over: HandOver, what: str, *, ends: bool) -> Severity:
        if what == "object":
            return Severity.WARNING if ends else Severity.INFO
        return Severity.ERROR if ends else Severity.WARNING
