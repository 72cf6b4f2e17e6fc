"""Serves programs before and after their fix, under load, and prints what that does to the event loop.

    python benchmarks/fixes.py [--only FL101 ...] [--clients N] [--rounds N]

Each program is a small FastAPI application with one mistake. It is repaired by `fastlint check --fix
--unsafe-fixes`; both versions are served by uvicorn, each in a process of its own, and a client of this process
asks them in turns, with as many requests at a time as `repaired/loads.toml` says. Printed are the longest time
for which the loop could not run anything else, what its thread did in that time, the requests per second, the
answers that were not 200, and whether both versions answer the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from machine import describe_machine

PROGRAMS = Path(__file__).parent / "repaired"
REQUESTS = 40
"""In a round."""
START = 20.0
"""Seconds that a server may take to start."""
CALM = 10.0
"""Milliseconds that the loop may stand still after the fix of a call that blocked it."""
BETTER = 5
"""How many times as long it has to stand still before the fix."""


class Stall(NamedTuple):
    """The longest time in which the loop could run nothing else, and what its thread did meanwhile."""

    length: float
    """Milliseconds, as all of these."""
    computed: float
    """On a processor."""
    queued: float
    """Ready, while the processors had other work."""

    def waited(self) -> float:
        """Return how long it waited for a call, or for the interpreter."""
        return max(0.0, self.length - self.computed - self.queued)


@dataclass(slots=True)
class Measured:
    """How a version of a program answered the load."""

    bodies: frozenset[tuple[int, bytes]]
    """Answers to requests that came one at a time."""
    stalls: list[Stall] = field(default_factory=list)
    """The longest of each round."""
    seconds: list[float] = field(default_factory=list)
    """What each round took."""
    statuses: Counter[int] = field(default_factory=Counter)

    def stall(self) -> Stall:
        """Return the median of the rounds."""
        return sorted(self.stalls)[len(self.stalls) // 2]

    def rate(self) -> float:
        """Return the requests per second of the median round."""
        return REQUESTS / sorted(self.seconds)[len(self.seconds) // 2]

    def errors(self) -> int:
        """Return how many answers were not 200."""
        return self.statuses.total() - self.statuses[200]


class Client:
    """Sends requests to a server over a connection that it keeps for as long as the server does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and body of an answer, or zero if there was none."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            self._writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            status, body = await self._answer()
        except (OSError, asyncio.IncompleteReadError):
            status, body = 0, b""
        if status in (0, 500):  # after an exception the server ends the connection
            self.close()
        return status, body

    def close(self) -> None:
        """End the connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _answer(self) -> tuple[int, bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(None, 2)[1])
        if b"transfer-encoding: chunked" not in head:
            length = int(head.partition(b"content-length:")[2].split(None, 1)[0])
            return status, await self._reader.readexactly(length)
        body = b""
        while length := int(await self._reader.readuntil(b"\r\n"), 16):
            body += (await self._reader.readexactly(length + 2))[:-2]
        await self._reader.readexactly(2)
        return status, body


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the programs that are asked for; return 1 if a fix did not do what it should."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="CODE", help="the rules to look at")
    parser.add_argument("--clients", type=int, help="as many at a time for all (default: as loads.toml says)")
    parser.add_argument("--rounds", type=int, default=5, help="the rounds of each version (default: 5)")
    options = parser.parse_args(arguments)
    loads = tomllib.loads((PROGRAMS / "loads.toml").read_text())
    print(describe_machine())
    print(f"{options.rounds} rounds of {REQUESTS} requests\n")
    print(
        f"{'':<14}{'longest stall in ms, median (least)':>37}{'computed +':>13}{'requests/s':>15}{'not 200':>15}{'same':>9}\n"
        f"{'rule':<7}{'clients':>7}{'before':>19}{'after':>18}{'queued + waited':>18}"
        f"{'before':>10}{'after':>8}{'before':>9}{'after':>7}{'answers':>10}"
    )
    failed = False
    with _process([sys.executable, str(PROGRAMS / "upstream.py"), "8799"], 8799):
        for code, clients in sorted(loads.items()):
            if options.only is None or code in options.only:
                failed |= not _compare(code, options.clients or clients, options.rounds)
    return int(failed)


def _compare(code: str, clients: int, rounds: int) -> bool:
    with tempfile.TemporaryDirectory() as name:
        before, after = Path(name) / "before", Path(name) / "after"
        shutil.copytree(PROGRAMS / code, before)
        shutil.copytree(PROGRAMS / code, after)
        _repair(after, code)
        if (before / "main.py").read_text() == (after / "main.py").read_text():
            print(f"{code}: nothing was repaired")
            return False
        with _served(before) as first_port, _served(after) as second_port:
            first, second = asyncio.run(_measure((first_port, second_port), clients, rounds))
    blocks = code < "FL3"  # what the others cost is connections, threads or lost answers
    same = first.bodies == second.bodies
    stall = second.stall()
    columns = [
        f"{code:<7}{clients:>7}",
        *(f"{m.stall().length:.1f} ({min(m.stalls).length:.1f})".rjust(19) for m in (first, second)),
        f"{stall.computed:.1f} + {stall.queued:.1f} + {stall.waited():.1f}".rjust(18),
        f"{first.rate():>9.0f}{second.rate():>8.0f}{first.errors():>9}{second.errors():>7}",
        f"{'yes' if same else 'no':>10}",
    ]
    print("".join(columns), flush=True)
    calm = stall.length < CALM and first.stall().length >= BETTER * stall.length
    return not second.errors() and (not blocks or (same and calm))


def _repair(root: Path, code: str) -> None:
    command = [sys.executable, "-m", "fastlint", "check", ".", "--isolated", "--no-cache", "--fix"]
    subprocess.run(
        [*command, "--unsafe-fixes", "--select", code, "-q"], cwd=root, check=False, stdout=subprocess.DEVNULL
    )


async def _measure(ports: Sequence[int], clients: int, rounds: int) -> list[Measured]:
    found = [Measured(await _bodies(port)) for port in ports]
    for number in range(rounds + 1):
        for port, measured in zip(ports, found, strict=True):
            stall, seconds, statuses = await _round(port, clients)
            if number:  # the first round imports, connects and starts threads
                measured.stalls.append(stall)
                measured.seconds.append(seconds)
                measured.statuses += statuses
    return found


async def _bodies(port: int) -> frozenset[tuple[int, bytes]]:
    client = Client(port)
    bodies = {await client.get(path) for path in ("/?n=1", "/?n=2", "/missing", "/?n=x")}
    client.close()
    return frozenset(bodies)


async def _round(port: int, count: int) -> tuple[Stall, float, Counter[int]]:
    statuses: Counter[int] = Counter()
    numbers = iter(range(REQUESTS))

    async def send(client: Client) -> None:
        for number in numbers:
            statuses[(await client.get(f"/?n={number}"))[0]] += 1

    clients = [Client(port) for _ in range(count)]
    await asyncio.gather(*(client.get("/missing") for client in clients))
    meter = Client(port)
    await meter.get("/start")
    start = time.perf_counter()
    await asyncio.gather(*map(send, clients))
    seconds = time.perf_counter() - start
    stall = Stall(*json.loads((await meter.get("/stop"))[1]))
    for client in (meter, *clients):
        client.close()
    return stall, seconds, statuses


@contextmanager
def _served(root: Path) -> Iterator[int]:
    port = _free_port()
    with _process([sys.executable, str(PROGRAMS / "server.py"), str(port)], port, cwd=root):
        yield port


@contextmanager
def _process(command: list[str], port: int, cwd: Path | None = None) -> Iterator[None]:
    # What the programs do wrong ends in tracebacks that are not the point.
    process = subprocess.Popen(command, cwd=cwd, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command[-2]} does not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    raise SystemExit(main())
