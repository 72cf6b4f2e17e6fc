"""Imports the application of a fixture and visits it as a server does, so that a test can look at it meanwhile."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio

Message = dict[str, Any]


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Make the package `app` of a folder importable, and forget it afterwards."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
            del sys.modules[name]


class Answer(NamedTuple):
    status: int
    body: bytes
    error: Exception | None  # what the application raised; a server logs it
    headers: dict[str, str] = {}


async def ignore(body: bytes) -> None:
    pass


async def request(
    app: Any,
    method: str,
    path: str,
    on_body: Callable[[bytes], Awaitable[None]] = ignore,
    *,
    json: bytes = b"",
) -> Answer:
    """Make a request; the application waits for `on_body` whenever it has sent a part of the body.

    A body that is sent in one part is complete when `on_body` sees it: the client has its answer.
    """
    statuses: list[int] = []
    headers: dict[str, str] = {}
    body: list[bytes] = []
    client_messages = [{"type": "http.request", "body": json, "more_body": False}]
    path, _, query = path.partition("?")
    sent_headers = [(b"content-type", b"application/json")] if json else []

    async def receive() -> Message:
        if not client_messages:
            await anyio.sleep_forever()
        return client_messages.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
            headers.update({name.decode(): value.decode() for name, value in message["headers"]})
        elif message["body"]:
            body.append(message["body"])
            await on_body(message["body"])

    error = None
    try:
        scope = _scope("http", path, method=method, query_string=query.encode(), headers=sent_headers)
        await app(scope, receive, send)
    except Exception as raised:
        error = raised
    return Answer(statuses[-1], b"".join(body), error, headers)


async def converse(app: Any, path: str, client_messages: AsyncGenerator[Message, None]) -> list[Message]:
    """Open a websocket; the next client message is asked for when the application waits for one."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async with aclosing(client_messages):
        await app(_scope("websocket", path, subprotocols=[]), client_messages.__anext__, send)
    return sent


def _scope(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("client", 1),
        "server": ("server", 2),
        "state": {},
        **more,
    }
