"""Serves what the pages say of lifespans and context variables, and looks at what happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar

import pytest
from fastapi import APIRouter, Depends, FastAPI

from .serving import request

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

tenant: ContextVar[str] = ContextVar("tenant", default="unset")


class Log:
    """What ran, in order."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def lifespan(self, name: str) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def run(app: FastAPI) -> AsyncIterator[None]:
            self.ran.append(name)
            yield

        return run

    def handler(self, name: str) -> Callable[[], None]:
        return lambda: self.ran.append(name)


@pytest.fixture
def log() -> Log:
    return Log()


async def start(app: FastAPI) -> None:
    """Start and stop an application as a server does."""
    async with app.router.lifespan_context(app):
        pass


async def test_handlers_run_without_a_lifespan(log: Log) -> None:
    app = FastAPI(lifespan=None)
    app.on_event("startup")(log.handler("handler"))
    await start(app)
    assert log.ran == ["handler"]


async def test_handlers_are_ignored_beside_a_lifespan(log: Log) -> None:
    app = FastAPI(lifespan=log.lifespan("lifespan"), on_startup=[log.handler("keyword")])
    app.on_event("startup")(log.handler("decorator"))
    app.router.add_event_handler("startup", log.handler("call"))
    app.router.on_startup.append(log.handler("list"))
    await start(app)
    assert log.ran == ["lifespan"]


async def test_handlers_are_ignored_beside_a_lifespan_that_is_set(log: Log) -> None:
    app = FastAPI()
    app.router.lifespan_context = log.lifespan("lifespan")
    app.on_event("startup")(log.handler("decorator"))
    await start(app)
    assert log.ran == ["lifespan"]


async def test_handlers_of_included_routers_run(log: Log) -> None:
    app = FastAPI(lifespan=log.lifespan("lifespan"))
    router, other = APIRouter(), APIRouter(lifespan=log.lifespan("other"))
    router.on_event("startup")(log.handler("router"))
    other.on_event("startup")(log.handler("beside the other's lifespan"))
    app.include_router(router)
    app.include_router(other)
    await start(app)
    assert sorted(log.ran) == ["lifespan", "other", "router"]


async def test_mounted_applications_are_not_started(log: Log) -> None:
    app, first, second = FastAPI(), FastAPI(lifespan=log.lifespan("first")), FastAPI()
    second.on_event("startup")(log.handler("second"))
    app.mount("/first", first)
    app.mount("/second", second)
    await start(app)
    assert log.ran == []


async def test_a_lifespan_starts_a_mounted_application(log: Log) -> None:
    inner = FastAPI(lifespan=log.lifespan("inner"))

    @asynccontextmanager
    async def outer(app: FastAPI) -> AsyncIterator[None]:
        async with inner.router.lifespan_context(inner):
            yield

    app = FastAPI(lifespan=outer)
    app.mount("/inner", inner)
    await start(app)
    assert log.ran == ["inner"]


def set_in_thread() -> None:
    tenant.set("set")


async def set_on_loop() -> None:
    tenant.set("set")


def read_in_thread() -> str:
    return tenant.get()


async def read_on_loop() -> str:
    return tenant.get()


@pytest.mark.parametrize("route", [read_in_thread, read_on_loop])
@pytest.mark.parametrize(("dependency", "seen"), [(set_in_thread, "unset"), (set_on_loop, "set")])
async def test_what_routes_see_of_dependencies(
    route: Callable[[], object], dependency: Callable[[], object], seen: str
) -> None:
    app = FastAPI()
    app.get("/", dependencies=[Depends(dependency)])(route)
    assert (await request(app, "GET", "/")).body == f'"{seen}"'.encode()


async def test_a_token_belongs_to_another_copy_of_the_context() -> None:
    failures: list[str] = []

    def keep() -> Iterator[None]:
        token = tenant.set("set")
        try:
            yield
        finally:
            try:
                tenant.reset(token)
            except ValueError as error:
                failures.append(str(error))

    app = FastAPI()
    app.get("/", dependencies=[Depends(keep)])(read_on_loop)
    await request(app, "GET", "/")
    assert len(failures) == 1
    assert "created in a different Context" in failures[0]
