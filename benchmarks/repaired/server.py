"""Serves the program of a directory, and measures between /start and /stop how late its event loop was."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import uvicorn

PERIOD = 0.001
"""Seconds between two looks at the clock."""
Message = MutableMapping[str, Any]


class Moment(NamedTuple):
    """Seconds until now: on the clock, of the loop's thread on a processor, and of it in the queue for one."""

    clock: float
    computed: float
    queued: float


class Meter:
    """A timer of the loop that keeps the longest time by which it was late.

    It is late for as long as the loop can do nothing else, answer another request for example: because the
    loop's thread computes, because it waits in a call that blocks, because another thread holds the
    interpreter, or because the processors are busy.
    """

    def __init__(self) -> None:
        self._queue = -1
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure, in the thread of the loop."""
        self.longest = Moment(0.0, 0.0, 0.0)
        if self._queue < 0:
            with suppress(OSError):  # only Linux tells
                self._queue = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        self._wait()

    def stop(self) -> Moment:
        """End the measurement, and say how late the timer was at worst and what the loop's thread did then."""
        assert self._timer is not None
        self._timer.cancel()
        self._look()
        return self.longest

    def _wait(self) -> None:
        self._last = self._now()
        self._timer = asyncio.get_running_loop().call_later(PERIOD, self._beat)

    def _beat(self) -> None:
        self._look()
        self._wait()

    def _look(self) -> None:
        passed = Moment(*(now - last for now, last in zip(self._now(), self._last, strict=True)))
        self.longest = max(self.longest, passed._replace(clock=passed.clock - PERIOD))

    def _now(self) -> Moment:
        queued = 0.0
        if self._queue >= 0:
            queued = int(os.pread(self._queue, 100, 0).split()[1]) / 1e9
        return Moment(time.perf_counter(), time.thread_time(), queued)


METER = Meter()


async def measured(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer as the program does, and two paths more."""
    path = scope.get("path")
    if path not in ("/start", "/stop"):
        await app(scope, receive, send)
        return
    body = b""
    if path == "/start":
        METER.start()
    else:
        body = json.dumps([seconds * 1000 for seconds in METER.stop()]).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    app = resolve_name("main:app")
    port = int(sys.argv[1])
    uvicorn.run(
        measured,
        port=port,
        loop="asyncio",
        http="h11",
        log_level="error",
        access_log=False,
        timeout_keep_alive=60,  # longer than a round
    )
