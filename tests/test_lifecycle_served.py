"""Serves what each rule about dependencies forbids and what it recommends, and looks at the difference."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import TypeVar

import pytest
from fastapi.exceptions import FastAPIError
from sqlalchemy.exc import (
    IllegalStateChangeError,
    IntegrityError,
    ResourceClosedError,
    SAWarning,
    TimeoutError,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import close_all_sessions
from sqlalchemy.orm.exc import DetachedInstanceError

from .serving import Answer, Message, converse, importable, request

FIXTURE = Path(__file__).parent / "fixtures" / "lifecycle"
POOL_SIZE = 2
BUSY = 503  # what the application answers when no connection is free

T = TypeVar("T")

pytestmark = pytest.mark.anyio


def serving(rule: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shop", [rule], indirect=True)


in_both_kinds = pytest.mark.parametrize("kind", ["def", "async"])


class Shop:
    """The application of a rule, on a database and with pools of its own."""

    def __init__(self, rule: str) -> None:
        self.rule = resolve_name(f"app.{rule}")
        self.database = resolve_name("app.database")
        self.database.Base.metadata.create_all(self.database.engine)

    async def get(self, path: str) -> Answer:
        return await request(self.rule.app, "GET", path)

    async def post(self, path: str) -> Answer:
        return await request(self.rule.app, "POST", path)

    async def connections(self) -> int:
        """How many connections are in use."""
        return self.database.engine.pool.checkedout() + self.database.async_engine.pool.checkedout()

    async def busy(self) -> bool:
        """Whether a request gets no connection."""
        return BUSY in [(await self.get(path)).status for path in ("/def/customers", "/async/customers")]

    async def while_answering(
        self, method: str, path: str, look: Callable[[], Awaitable[T]]
    ) -> tuple[Answer, T]:
        """The answer, and what `look` sees when the first part of its body has been sent."""
        seen: list[T] = []

        async def look_once(body: bytes) -> None:
            if not seen:
                seen.append(await look())

        answer = await request(self.rule.app, method, path, look_once)
        return answer, seen[0]

    async def while_streaming(self, path: str, look: Callable[[], Awaitable[T]]) -> T:
        """What `look` sees when a stream has begun."""
        answer, seen = await self.while_answering("GET", path, look)
        assert answer.error is None
        return seen

    async def while_idle(self, path: str, look: Callable[[], Awaitable[T]]) -> T:
        """What `look` sees when a websocket has answered a message and waits for the next."""
        seen: list[T] = []

        async def client_messages() -> AsyncGenerator[Message, None]:
            yield {"type": "websocket.connect"}
            yield {"type": "websocket.receive", "text": "how many?"}
            seen.append(await look())
            yield {"type": "websocket.disconnect", "code": 1000}

        sent = await converse(self.rule.app, path, client_messages())
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
        return seen[0]

    @asynccontextmanager
    async def all_connections_taken(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for _ in range(POOL_SIZE):
                stack.enter_context(self.database.engine.connect())
                await stack.enter_async_context(self.database.async_engine.connect())
            yield

    async def close(self) -> None:
        async with AsyncSession() as session:
            await session.run_sync(lambda _: close_all_sessions())
        assert await self.connections() == 0
        self.database.engine.dispose()
        await self.database.async_engine.dispose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """A session in a transaction is part of a reference cycle: chance would decide when it is collected."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
async def shop(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_garbage_collection: None,
) -> AsyncIterator[Shop]:
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.db"))
    with importable(FIXTURE):
        shop = Shop(request.param)
        yield shop
        await shop.close()


@contextmanager
def errors_of_forgotten_tasks() -> Iterator[list[Exception]]:
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    errors: list[Exception] = []
    loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    yield errors
    loop.set_exception_handler(handler)


async def assert_keeps_connections(shop: Shop, path: str, status: int = 200) -> None:
    """Every request keeps one, until there is none left for the next."""
    for kept in range(1, POOL_SIZE + 1):
        assert (await shop.get(path)).status == status
        assert await shop.connections() == kept
    assert (await shop.get(path)).status == BUSY


async def assert_gives_connections_back(shop: Shop, path: str, status: int = 200) -> None:
    for _ in range(POOL_SIZE + 1):
        assert (await shop.get(path)).status == status
        assert await shop.connections() == 0


@serving("session_returned_not_yielded")
@in_both_kinds
async def test_fl301_a_returned_session_keeps_its_connection(shop: Shop, kind: str) -> None:
    await assert_keeps_connections(shop, f"/{kind}/bad")


@serving("session_returned_not_yielded")
@in_both_kinds
async def test_fl301_a_yielded_session_gives_its_connection_back(shop: Shop, kind: str) -> None:
    await assert_gives_connections_back(shop, f"/{kind}/good")


@serving("session_returned_not_yielded")
async def test_fl301_the_garbage_collector_gives_the_connection_back(shop: Shop) -> None:
    await shop.get("/def/bad")
    gc.collect()

    assert await shop.connections() == 0


@serving("session_returned_not_yielded")
async def test_fl301_the_garbage_collector_ends_the_connection_of_an_async_session(shop: Shop) -> None:
    threads = set(threading.enumerate())
    await shop.get("/async/bad")
    (thread_of_connection,) = set(threading.enumerate()) - threads
    with pytest.warns(SAWarning, match="garbage collector .* will be terminated"):
        gc.collect()
    thread_of_connection.join()  # it tells the event loop, which has to be there

    assert await shop.connections() == 0


@serving("session_returned_not_yielded")
async def test_fl301_a_route_that_ends_the_transaction_hides_it(shop: Shop) -> None:
    await assert_gives_connections_back(shop, "/def/bad-but-committed")


@serving("yield_without_finally")
@in_both_kinds
async def test_fl302_an_error_skips_what_follows_a_bare_yield(shop: Shop, kind: str) -> None:
    with shop.database.SessionLocal.begin() as session:
        session.add(shop.database.Customer(name="ann"))

    await assert_gives_connections_back(shop, f"/{kind}/bad/ann")
    await assert_keeps_connections(shop, f"/{kind}/bad/nobody", status=404)


@serving("yield_without_finally")
@in_both_kinds
async def test_fl302_an_error_does_not_skip_finally(shop: Shop, kind: str) -> None:
    await assert_gives_connections_back(shop, f"/{kind}/good/nobody", status=404)


@serving("finally_uses_unbound_name")
@in_both_kinds
async def test_fl303_unbound_name_replaces_the_error(shop: Shop, kind: str) -> None:
    async with shop.all_connections_taken():
        answer = await shop.get(f"/{kind}/bad")

    assert answer.status == 500
    assert isinstance(answer.error, UnboundLocalError)
    assert isinstance(answer.error.__context__, TimeoutError)


@serving("finally_uses_unbound_name")
@in_both_kinds
async def test_fl303_acquired_before_try_the_error_reaches_its_handler(shop: Shop, kind: str) -> None:
    async with shop.all_connections_taken():
        answer = await shop.get(f"/{kind}/good")

    assert (answer.status, answer.body, answer.error) == (BUSY, b'{"detail":"busy"}', None)


@serving("finally_uses_unbound_name")
async def test_fl303_a_session_does_not_connect_when_it_is_made(shop: Shop) -> None:
    async with shop.all_connections_taken():
        assert (await shop.get("/def/session")).status == BUSY


@serving("missing_close")
@pytest.mark.parametrize("route", ["/def/bad", "/async/bad", "/def/bad-context-manager"])
async def test_fl304_what_is_never_closed_keeps_its_connection(shop: Shop, route: str) -> None:
    await assert_keeps_connections(shop, route)


@serving("missing_close")
@in_both_kinds
async def test_fl304_what_is_closed_gives_its_connection_back(shop: Shop, kind: str) -> None:
    await assert_gives_connections_back(shop, f"/{kind}/good")


@serving("dependency_swallows_exception")
@pytest.mark.parametrize("route", ["/def/bad", "/async/bad", "/def/bad-suppress"])
async def test_fl305_a_swallowed_404_becomes_a_500(shop: Shop, route: str) -> None:
    answer = await shop.get(route)

    assert answer.status == 500
    assert isinstance(answer.error, FastAPIError)
    assert answer.error.__context__ is None  # the log does not tell what happened


@serving("dependency_swallows_exception")
@pytest.mark.parametrize(
    ("route", "status"), [("/def/good", 404), ("/async/good", 404), ("/def/good-translated", 410)]
)
async def test_fl305_what_is_raised_again_is_answered(shop: Shop, route: str, status: int) -> None:
    answer = await shop.get(route)

    assert (answer.status, answer.error) == (status, None)


@serving("commit_after_yield")
@in_both_kinds
@pytest.mark.parametrize(
    ("route", "seen"), [("bad", 404), ("bad-begin", 404), ("good", 200), ("good-begin", 200)]
)
async def test_fl306_what_a_client_reads_at_once(shop: Shop, kind: str, route: str, seen: int) -> None:
    async def read() -> int:
        return (await shop.get("/customers/ann")).status

    answer, seen_at_once = await shop.while_answering("POST", f"/{kind}/{route}/ann", read)

    assert answer.status == 201
    assert seen_at_once == seen
    assert await read() == 200


@serving("commit_after_yield")
@in_both_kinds
@pytest.mark.parametrize("route", ["bad", "bad-begin"])
async def test_fl306_a_failed_commit_was_reported_as_success(shop: Shop, kind: str, route: str) -> None:
    await shop.post(f"/{kind}/{route}/ann")
    answer = await shop.post(f"/{kind}/{route}/ann")

    assert answer.status == 201
    assert isinstance(answer.error, RuntimeError)  # the handler's answer comes too late
    assert isinstance(answer.error.__cause__, IntegrityError)
    assert (await shop.get("/def/customers")).body == b"1"


@serving("commit_after_yield")
@in_both_kinds
@pytest.mark.parametrize("route", ["good", "good-begin"])
async def test_fl306_in_function_scope_a_failed_commit_is_answered(shop: Shop, kind: str, route: str) -> None:
    await shop.post(f"/{kind}/{route}/ann")
    answer = await shop.post(f"/{kind}/{route}/ann")

    assert (answer.status, answer.error) == (409, None)


@serving("dependency_generator_called_manually")
async def test_fl307_next_of_a_call_closes_the_session_before_its_use(shop: Shop) -> None:
    await assert_keeps_connections(shop, "/def/bad")

    assert shop.rule.events[:2] == ["closed", "used"]


@serving("dependency_generator_called_manually")
async def test_fl307_next_of_a_call_gives_a_closed_connection(shop: Shop) -> None:
    answer = await shop.get("/def/bad-connection")

    assert answer.status == 500
    assert isinstance(answer.error, ResourceClosedError)


@serving("dependency_generator_called_manually")
async def test_fl307_anext_of_a_call_closes_the_session_during_its_use(shop: Shop) -> None:
    with errors_of_forgotten_tasks() as errors:
        await assert_keeps_connections(shop, "/async/bad")

    assert {type(error) for error in errors} == {IllegalStateChangeError}


@serving("dependency_generator_called_manually")
@pytest.mark.parametrize("route", ["/def/good", "/async/good"])
async def test_fl307_a_context_manager_closes_the_session_after_its_use(shop: Shop, route: str) -> None:
    await assert_gives_connections_back(shop, route)

    assert shop.rule.events[:2] == ["used", "closed"]


@serving("dependency_generator_called_manually")
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="needs reference counting")
@pytest.mark.parametrize("route", ["/def/kept", "/def/loop"])
async def test_fl307_a_generator_in_a_variable_is_closed_when_the_function_ends(
    shop: Shop, route: str
) -> None:
    await assert_gives_connections_back(shop, route)

    assert shop.rule.events[:2] == ["used", "closed"]


@serving("resource_returned_from_with")
@pytest.mark.parametrize(
    ("route", "error"),
    [
        ("/def/bad", ResourceClosedError),
        ("/async/bad", ResourceClosedError),
        ("/def/bad-file", ValueError),
    ],
)
async def test_fl309_what_with_returns_is_closed(shop: Shop, route: str, error: type[Exception]) -> None:
    answer = await shop.get(route)

    assert answer.status == 500
    assert isinstance(answer.error, error)


@serving("resource_returned_from_with")
async def test_fl309_a_session_opens_again_and_keeps_its_connection(shop: Shop) -> None:
    await assert_keeps_connections(shop, "/def/bad-session")


@serving("resource_returned_from_with")
@in_both_kinds
async def test_fl309_what_with_yields_is_open(shop: Shop, kind: str) -> None:
    await assert_gives_connections_back(shop, f"/{kind}/good")


@serving("request_resource_in_background")
@in_both_kinds
@pytest.mark.parametrize(("route", "connections"), [("bad", 1), ("good", 0), ("request-scope", 0)])
async def test_fl310_after_the_background_task(shop: Shop, kind: str, route: str, connections: int) -> None:
    answer = await shop.post(f"/{kind}/{route}")

    assert answer.error is None
    assert shop.rule.reports == [0]
    assert await shop.connections() == connections


@serving("request_resource_in_background")
@pytest.mark.parametrize(("route", "connections"), [("bad", 1), ("good", 0)])
async def test_fl310_after_a_task_that_outlives_the_request(shop: Shop, route: str, connections: int) -> None:
    await shop.post(f"/task/{route}")
    assert shop.rule.mail.sent == []
    assert await shop.connections() == 0

    shop.rule.mail.answers.set()
    await asyncio.gather(*shop.rule.running)

    assert shop.rule.reports == [0]
    assert await shop.connections() == connections


@serving("request_resource_in_background")
async def test_fl310_an_object_of_a_closed_session_cannot_be_read(shop: Shop) -> None:
    answer = await shop.post("/def/bad-object/ann")

    assert answer.status == 201
    assert isinstance(answer.error, DetachedInstanceError)


@serving("request_resource_in_background")
async def test_fl310_an_object_is_loaded_by_the_task(shop: Shop) -> None:
    answer = await shop.post("/def/good-id/ann")

    assert (answer.status, answer.error) == (201, None)
    assert shop.rule.reports == [1]


@serving("dependency_held_by_stream")
@pytest.mark.parametrize(
    ("route", "connections"),
    [
        ("/def/bad", 1),
        ("/async/bad", 1),
        ("/async/bad-authorized", 1),
        ("/async/bad-generator", 1),
        ("/def/good", 0),
        ("/async/good", 0),
        ("/async/good-closed", 0),
        ("/async/good-authorized", 0),
        ("/async/good-generator", 0),
        ("/async/good-generator-authorized", 0),
    ],
)
async def test_fl311_while_streaming(shop: Shop, route: str, connections: int) -> None:
    busy_during_one = partial(shop.while_streaming, route, shop.busy)

    assert await shop.while_streaming(route, shop.connections) == connections
    assert await shop.while_streaming(route, busy_during_one) == bool(connections)
    assert await shop.connections() == 0


@serving("dependency_held_by_stream")
@pytest.mark.parametrize("route", ["/async/bad-chunks-in-function", "/async/bad-generator-in-function"])
async def test_fl311_function_scope_ends_before_a_generator_begins(shop: Shop, route: str) -> None:
    assert await shop.while_streaming(route, shop.connections) == 1
    assert await shop.connections() == 1


@serving("dependency_held_by_stream")
@pytest.mark.parametrize(("route", "connections"), [("bad-task", 1), ("good-task", 0)])
async def test_fl311_during_a_background_task(shop: Shop, route: str, connections: int) -> None:
    await shop.get(f"/async/{route}")

    assert shop.rule.connections_of_task == [connections]
    assert await shop.connections() == 0


@serving("dependency_held_by_websocket")
@in_both_kinds
@pytest.mark.parametrize(("route", "connections"), [("bad", 1), ("bad-function", 1), ("good", 0)])
async def test_fl312_while_websockets_are_idle(shop: Shop, kind: str, route: str, connections: int) -> None:
    path = f"/{kind}/{route}"
    busy_during_one = partial(shop.while_idle, path, shop.busy)

    assert await shop.while_idle(path, shop.connections) == connections
    assert await shop.while_idle(path, busy_during_one) == bool(connections)
    assert await shop.connections() == 0
