"""What routes run that answer with lists: `GET` routes, and others whose response is a collection."""

from __future__ import annotations

from collections import deque
from functools import cached_property

from fastlint.application.answers import Answers
from fastlint.application.contexts import Application
from fastlint.application.routes import Route
from fastlint.facts.model import Expr
from fastlint.project.annotations import annotated_values
from fastlint.project.program import Frame, Function
from fastlint.project.values import Collection, Values


def response_type(application: Application, route: Route, frame: Frame) -> Values:
    """Return what a route's response is declared to be; nothing if it is not declared."""
    declared = application.responses.declared(route, frame)
    return annotated_values(application.inference, *declared) if declared is not None else ()


class ListRoutes:
    """The frames that routes with lists run to make their answers; dependencies are not followed."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.routes: dict[Frame, Route] = {}
        """By frame, the nearest route that it works for."""
        self.answers = Answers()
        self._answering: dict[Frame, Route] = {}
        queue: deque[Frame] = deque()
        for route, frames in application.endpoints.items():
            for frame in frames:
                if frame not in self.routes and self._answers_with_list(route, frame):
                    self.routes[frame] = route
                    queue.append(frame)
        while queue:
            current = queue.popleft()
            for site in application.resolver.sites(current):
                for callee in (*site.runs, *site.starts, *site.in_thread):
                    if callee not in self.routes and callee in application.requests:
                        self.routes[callee] = self.routes[current]
                        queue.append(callee)

        self._follow_answers()

    def _follow_answers(self) -> None:
        pending = deque(
            (frame, route)
            for frame, route in self.routes.items()
            if "route" in self._application.kinds_of(frame)
        )
        while pending:
            current, route = pending.popleft()
            if current in self._answering:
                continue
            self._answering[current] = route
            for site in self._application.resolver.sites(current):
                below = [f for f in (*site.runs, *site.starts, *site.in_thread) if f in self.routes]
                if below and self.answers.holds(site.event[1], current.function):
                    pending += [(frame, route) for frame in below]

    def answered(self, expr: Expr, frame: Frame) -> Route | None:
        """Return a route whose answer the value of an expression gets into."""
        is_given = frame in self._answering and self.answers.holds(expr, frame.function)
        return self._answering[frame] if is_given else None

    @cached_property
    def functions(self) -> set[Function]:
        """The functions of these frames."""
        return {frame.function for frame in self.routes}

    def _answers_with_list(self, route: Route, frame: Frame) -> bool:
        if "GET" in route.methods:
            return True
        values = response_type(self._application, route, frame)
        if self._application.performs.step(frame, "commit") is not None:
            return False  # it answers with what it has written
        return any(isinstance(v, Collection) and v.kind != "dict" for v in values)
