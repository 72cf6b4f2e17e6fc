"""Serves a FastAPI application and compares the thread that ran each function with the table of contexts."""

from __future__ import annotations

import threading
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # which HTTP library the client stands on does not matter here
    from fastapi.testclient import TestClient

from .serving import importable

FIXTURE = Path(__file__).parent / "fixtures" / "contexts"
ROWS = tomllib.loads((FIXTURE / "expected.toml").read_text(encoding="utf-8"))["row"]
FIELDS = {"name": "shoe", "user": "me"}


class Seen(NamedTuple):
    function: str
    runs_on: str
    has_running_loop: bool


class LoopWatcher:
    """An ASGI application around another one; it notes the thread of the event loop."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.thread = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.thread = threading.get_ident()
        await self.app(scope, receive, send)


class Server:
    """The fixture's applications; `observe` makes a visit and tells what recorded itself."""

    def __init__(self) -> None:
        self.recorder = resolve_name("app.recorder:recorder")
        # Each visit is made once, as some code runs only the first time. Lifespans come before any request:
        # an application builds its middleware when it first starts.
        lives = sorted({row["visit"] for row in ROWS if row["visit"].startswith("LIFESPAN ")})
        self.visits = {visit: self._live(visit) for visit in lives}
        self.watcher = LoopWatcher(resolve_name("app.main:app"))
        self.client = TestClient(self.watcher, raise_server_exceptions=False)

    def observe(self, visit: str) -> dict[str, Seen]:
        if visit not in self.visits:
            self.recorder.clear()
            self._request(*visit.split(" "))
            self.visits[visit] = self._seen(self.watcher)
        return self.visits[visit]

    def _live(self, visit: str) -> dict[str, Seen]:
        self.recorder.clear()
        watcher = LoopWatcher(resolve_name(visit.removeprefix("LIFESPAN ")))
        with TestClient(watcher):
            pass
        return self._seen(watcher)

    def _request(self, method: str, path: str) -> None:
        if method == "WS":
            with self.client.websocket_connect(path) as websocket:
                assert websocket.receive_text() == "done"
        elif method == "FORM":
            assert self.client.post(path, data=FIELDS).is_success
        else:
            body = FIELDS if method == "POST" else None
            assert self.client.request(method, path, json=body).is_success

    def _seen(self, watcher: LoopWatcher) -> dict[str, Seen]:
        return {
            name: Seen(
                observation.function,
                "loop" if observation.thread == watcher.thread else "thread",
                observation.has_running_loop,
            )
            for name, observation in self.recorder.observations.items()
        }


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with importable(FIXTURE):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # on_event and def lifespans are rows
            server = Server()
        with server.client:
            yield server


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_runs_where_the_table_says(server: Server, row: dict[str, Any]) -> None:
    seen = server.observe(row["visit"]).get(row["name"])

    assert seen is not None, f"{row['visit']} does not run it"
    assert seen.function == row["function"]
    assert seen.runs_on == row["runs_on"]
    assert seen.has_running_loop == (row["runs_on"] == "loop" or row.get("own_loop", False))


def test_every_observation_has_a_row(server: Server) -> None:
    names = {name for row in ROWS for name in server.observe(row["visit"])}

    assert names == {row["name"] for row in ROWS}


@pytest.mark.parametrize("source", sorted({row["source"] for row in ROWS}))
def test_source_exists(source: str) -> None:
    path, _, rest = source.partition(": ")
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    function = rest.partition(" (")[0]

    assert callable(resolve_name(f"{module}:{function}"))


def test_names_are_unique_and_values_known() -> None:
    assert len({row["name"] for row in ROWS}) == len(ROWS)
    assert {row["runs_on"] for row in ROWS} == {"loop", "thread"}
    assert {row["phase"] for row in ROWS} == {"request", "startup"}
    assert all((row["phase"] == "startup") == row["visit"].startswith("LIFESPAN ") for row in ROWS)
