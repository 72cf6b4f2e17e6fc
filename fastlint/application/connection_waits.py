"""Requests that would wait for a thread while they hold a connection that the threads wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastlint.application.dependencies import Injection
from fastlint.application.pausing import Around
from fastlint.project.program import Frame
from fastlint.project.sessions import RETURNING, TAKING, Use

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

THREADS = 40
"""AnyIO's limit of threads, which FastAPI leaves as it is."""
SQLALCHEMY = ("sqlalchemy.", "sqlmodel.")


class ConnectionWaits:
    """Answers whether a thread more for a request can use up the connections.

    If more requests come than there are threads and connections, those that hold all connections wait for a thread,
    and all threads wait for a connection, until the pool gives up. Where the event loop itself waits for
    connections, the requests stop earlier, thread or not.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._is_holding = Around(self._holds, application.awaiting)

    def are_possible(self, frame: Frame) -> bool:
        """Tell whether a function, or one that awaits it, holds a connection of a small pool, and no loop waits for one."""
        most = self._application.engines.most_connections
        return most is not None and most < THREADS and self._is_holding(frame)

    def _holds(self, frame: Frame) -> bool:
        injections = self._application.given_to([frame])
        if any(map(self._keeps_from_thread, injections)):
            return True
        facts, parameters = frame.function.facts, frame.function.parameters
        is_of_loop = any(map(self._gives_on_loop, injections))
        uses = [
            use
            for use in self._application.sessions.uses(frame)
            if _is_pooled(use)
            and (is_of_loop if use.path[0] in parameters else use.path[0] in facts.bindings)
        ]
        return len(uses) > 1

    def _keeps_from_thread(self, injection: Injection) -> bool:
        """Tell whether a dependency takes a connection in its thread, and leaves it to the request."""
        frame = injection.frame
        if frame is None or frame.function.facts.is_async:
            return False
        uses = [
            use
            for use in self._application.sessions.uses(frame)
            if _is_pooled(use) and use.path[0] in frame.function.parameters
        ]
        return bool(uses) and not uses[-1].words & RETURNING

    def _gives_on_loop(self, injection: Injection) -> bool:
        """Tell whether a coroutine function provides a session, and gives its connection back on the loop."""
        frame = injection.frame
        return (
            frame is not None
            and frame.function.facts.is_async
            and any(
                self._application.sessions.is_session(given, frame)
                for given in (*frame.function.facts.yields, *frame.function.facts.returns)
            )
        )


def _is_pooled(use: Use) -> bool:
    return (
        use.name.startswith(SQLALCHEMY)
        and ".asyncio." not in use.name
        and bool(use.words & (TAKING | RETURNING))
    )
