"""Dependencies that run more than once in one request."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fastlint.application.contexts import Application
from fastlint.application.dependencies import Need
from fastlint.application.routes import Route
from fastlint.application.solving import Run

SESSIONS = (
    "sqlalchemy.orm.Session", "sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.async_scoped_session",
)  # fmt: skip
CONNECTIONS = (
    "sqlalchemy.engine.Connection", "sqlalchemy.ext.asyncio.AsyncConnection", "asyncpg.Connection",
    "psycopg.Connection", "psycopg.AsyncConnection", "psycopg2.extensions.connection",
    "databases.Database", "aiosqlite.Connection", "sqlite3.Connection",
)  # fmt: skip


@dataclass(slots=True)
class Repetition:
    """A `Depends(...)` that makes a request run a callable twice, with another one."""

    need: Need
    """The one of the two that stands in the way of more routes; of equals, the later."""
    other: Need
    run: Run
    """The second run."""
    routes: list[Route] = field(default_factory=list)
    """The routes in whose requests that happens."""


def repetitions(application: Application) -> list[Repetition]:
    """Return every `Depends(...)` that runs something again, with the routes where it does."""
    pairs: dict[tuple[int, int], tuple[Run, list[Route]]] = {}
    weights: Counter[int] = Counter()
    for route in application.routes:
        for run in application.solved(route):
            if run.again is not None:
                pair = (id(run.need.call), id(run.again.call))
                weights.update(pair)
                pairs.setdefault(pair, (run, []))[1].append(route)
    found: dict[int, Repetition] = {}
    for run, routes in pairs.values():
        second, first = run.need, run.again
        if first is None:
            continue
        if run.need.use_cache and weights[id(first.call)] > weights[id(second.call)]:
            first, second = second, first
        repetition = found.setdefault(id(second.call), Repetition(second, first, run))
        repetition.routes += [route for route in routes if route not in repetition.routes]
    return list(found.values())


def gives_session(application: Application, need: Need) -> bool:
    """Tell whether a provider yields or returns a session, or a connection of a database."""
    inference = application.inference
    values = inference.provide(need.provider, need.frame)
    return any(inference.is_subclass(value, kind) for value in values for kind in (*SESSIONS, *CONNECTIONS))
