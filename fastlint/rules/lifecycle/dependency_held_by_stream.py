"""FL311: A dependency keeps its connection until a stream, or a background task, has ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fastlint.application.contexts import Application
from fastlint.application.dependencies import REQUEST_SCOPE
from fastlint.application.held import FILES, Carriers, Held, HeldConnections
from fastlint.application.routes import Route, callables
from fastlint.application.streams import Stream, find_streams, goes_on, is_endless, uses, waits
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import called_name
from fastlint.project.program import Frame
from fastlint.project.sessions import RETURNING, TAKING
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.acquiring import asked_for
from fastlint.rules.lifecycle.scopes import FunctionScopes
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class DependencyHeldByStream(ModelRule):
    """A dependency keeps its connection until a stream, or a background task, has ended."""

    code = "FL311"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._scopes = FunctionScopes(application)

    def applies(self) -> bool:
        """From 0.106 to 0.117 dependencies leave before the answer."""
        versions = self.application.versions
        return versions.is_below("fastapi", "0.106") or versions.is_at_least("fastapi", "0.118")

    def find(self) -> Iterator[Finding]:
        """Look at the streams and tasks of routes whose dependencies hold a connection meanwhile."""
        connections = HeldConnections(self.application)
        streams: dict[tuple[Frame, int], tuple[Stream, Held, list[Route]]] = {}
        for stream in find_streams(self.application):
            found = [
                h for h in connections.of(stream.route, self._end(stream)) if self._is_needless(stream, h)
            ]
            for held in found or self._polled(stream):
                key = (stream.frame, id(stream.call or stream.route.call))
                routes = streams.setdefault(key, (stream, held, []))[2]
                if stream.route not in routes:
                    routes.append(stream.route)
        for stream, held, routes in streams.values():
            yield self._about_stream(stream, held, routes)
        for route in self.application.routes:
            if not route.is_websocket and self._has_tasks(route):
                yield from self._about_tasks(route, connections)

    def _end(self, stream: Stream) -> Span | None:
        """Return the `return` of the endpoint that makes the stream."""
        return stream.returned if stream.frame in self.application.endpoints.get(stream.route, ()) else None

    def _is_needless(self, stream: Stream, held: Held) -> bool:
        """Tell whether the stream could do without what is held."""
        return held.injection.need.scope == REQUEST_SCOPE and not self._uses(stream, held)

    def _polled(self, stream: Stream) -> list[Held]:
        """Return the sessions that a stream without an end asks in its loop, never ending the transaction."""
        performs, frames = self.application.performs, stream.generators
        if (
            not goes_on(self.application, stream)
            or not any(performs.step(frame, word) for frame in frames for word in TAKING)
            or any(performs.step(frame, word) for frame in frames for word in RETURNING)
            or any(a.is_pooled for frame in frames for a in self.application.providers.of(frame).acquisitions)
        ):
            return []
        held = self.application.providers.held(self.application.needs(stream.route))
        found = [Held(*each) for each in held if not each[1].name.startswith(FILES)]
        return [each for each in found if self._uses(stream, each)]

    def _uses(self, stream: Stream, held: Held) -> bool:
        return uses(self.application, stream, held)

    def _about_stream(self, stream: Stream, held: Held, routes: list[Route]) -> Finding:
        severity = Severity.INFO
        if is_endless(self.application, stream):
            severity = Severity.ERROR
        elif waits(self.application, stream):
            severity = Severity.WARNING
        place = stream.frame if stream.call is not None else stream.route.frame
        if not self._is_needless(stream, held):
            return self.finding(
                place,
                stream.span,
                f"{self._who(held)} keeps a database connection for as long as the client of "
                f"{self.application.labels(routes)} listens, whichever scope it has: the stream asks it again and again",
                "Open a session for each round (`with ...() as session:`), and leave it before the `yield`",
                Severity.WARNING,
                entries=self.application.serving(routes),
            )
        return self.finding(
            place,
            stream.span,
            f"{self._who(held)} keeps a database connection until the stream of "
            f"{self.application.labels(routes)} has ended, and the stream does not need it",
            self._advice(held, "stream"),
            severity,
            entries=self.application.serving(routes),
            fix=self._scopes.of(held.injection.need),
        )

    def _has_tasks(self, route: Route) -> bool:
        return any(True for frame in self.application.endpoints.get(route, ()) for _ in _tasks(frame))

    def _about_tasks(self, route: Route, connections: HeldConnections) -> Iterator[Finding]:
        """Look at the background tasks that a route adds itself."""
        found: dict[int, tuple[Frame, Expr, Held]] = defaultdict()
        for held in connections.of(route):
            if held.injection.need.scope != REQUEST_SCOPE:
                continue
            carriers = Carriers(self.application, held)
            for frame in self.application.endpoints.get(route, ()):
                for call in _tasks(frame):
                    parts = (*call[2], *(value for _, value in call[3]))
                    if not any(carriers.carries(part, frame) for part in parts):
                        found.setdefault(id(call), (frame, call, held))
        for frame, call, held in found.values():
            yield self.finding(
                frame,
                call[4],
                f"{self._who(held)} keeps a database connection until `{render(call[2][0])}` has ended, after the "
                f"answer of {self.application.label(route)}, and the task does not need it",
                self._advice(held, "task"),
                Severity.WARNING if self._takes_long(call, frame) else Severity.INFO,
                entries=self.application.serving([route]),
                fix=self._scopes.of(held.injection.need),
            )

    def _takes_long(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a task waits for another service, or sleeps."""
        inference = self.application.inference
        tasks = [
            inference.enter(f, None, None) for f in callables(inference, inference.values(call[2][0], frame))
        ]
        return any(self.application.performs.step(t, w) for t in tasks for w in ("request", "sleep"))

    def _who(self, held: Held) -> str:
        frame = held.injection.frame
        name = asked_for(held.injection)
        if held.asked is not None and held.asked is not frame and held.asked not in self._endpoints():
            return f"`{name}`, used by `{held.asked.function.facts.name}`,"
        return f"`{name}`"

    def _endpoints(self) -> set[Frame]:
        return {frame for frames in self.application.endpoints.values() for frame in frames}

    def _advice(self, held: Held, what: str) -> str:
        need = held.injection.need
        name = render(need.call[2][0]) if need.call[2] else "the dependency"
        early = "close the session before the response is returned"
        if what == "task":
            early = "commit or close the session before the route returns"
        if self.application.versions.is_at_least("fastapi", "0.121"):
            return f'Write `Depends({name}, scope="function")` wherever it is needed, or {early}'
        return early[0].upper() + early[1:]


def _tasks(frame: Frame) -> Iterator[Expr]:
    """Yield the calls of a function that add a background task."""
    for kind, expr, *_ in frame.function.facts.events:
        if kind in ("call", "drop") and expr[2] and called_name(expr) in ("add_task", "BackgroundTask"):
            yield expr
