"""Serves programs before and after their fix, under load, and prints what that does to the event loop.

    python benchmarks/fixes.py [--only FL101 ...]

Each program is a small FastAPI application with one mistake. It is repaired by `fastlint check --fix
--unsafe-fixes`; both versions are served by uvicorn in a process of their own, while a client of this process
sends CLIENTS requests at a time. Printed are the longest time that the loop could not run anything else, the
requests per second, the answers that were not 200, and whether both versions answer the same.
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
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from speed import describe_machine

HERE = Path(__file__).parent
PROGRAMS = HERE / "repaired"
REQUESTS = 96
CLIENTS = 16
START = 20.0
"""Seconds that a server may take to start."""
CALM = 10.0
"""Milliseconds that the loop may stand still after the fix of a call that blocked it."""
SERVER = """\
import asyncio, json, sys, time
import uvicorn

sys.path.insert(0, {root!r})
from main import app


async def measured(scope, receive, send, longest=[0.0], beat=[]):
    async def watch():
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest[0] = max(longest[0], time.perf_counter() - before - 0.001)

    if scope["type"] == "http" and scope["path"] == "/stall":
        if not beat:
            beat.append(asyncio.create_task(watch()))
        body = json.dumps(longest[0] * 1000).encode()
        longest[0] = 0.0
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": body}})
        return
    await app(scope, receive, send)


uvicorn.run(measured, port={port}, log_level="error", access_log=False)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """How a version of a program answered the load."""

    stall: float
    """Milliseconds."""
    rate: float
    """Requests per second."""
    statuses: Counter[int]
    bodies: frozenset[tuple[int, bytes]]
    """Answers to requests that came one at a time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the programs that are asked for; return 1 if a fix did not do what it should."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="CODE", help="the rules to look at")
    options = parser.parse_args(arguments)
    print(describe_machine())
    print(f"{REQUESTS} requests, {CLIENTS} at a time\n")
    print(
        f"{'rule':<7}{'stall before':>14}{'after':>10}{'req/s before':>15}{'after':>9}  not 200   same answers"
    )
    failed = False
    with _process([sys.executable, str(PROGRAMS / "upstream.py"), "8799"], 8799):
        for program in sorted(PROGRAMS.glob("FL*")):
            if options.only is None or program.name[:5] in options.only:
                failed |= not _compare(program)
    return int(failed)


def _compare(program: Path) -> bool:
    with tempfile.TemporaryDirectory() as name:
        before, after = Path(name) / "before", Path(name) / "after"
        shutil.copytree(program, before)
        shutil.copytree(program, after)
        _repair(after, program.name[:5])
        if (before / "main.py").read_text() == (after / "main.py").read_text():
            print(f"{program.name}: nothing was repaired")
            return False
        first, second = _measure(before), _measure(after)
    blocks = program.name < "FL3"  # what the others cost is connections, threads or lost answers
    errors = [sum(n for status, n in m.statuses.items() if status != 200) for m in (first, second)]
    same = first.bodies == second.bodies
    print(
        f"{program.name:<7}{first.stall:>11.1f} ms{second.stall:>7.1f} ms{first.rate:>15.0f}{second.rate:>9.0f}"
        f"  {errors[0]:>2} -> {errors[1]:<2}  {'yes' if same else 'no'}"
    )
    return (second.stall < CALM or not blocks) and not errors[1] and (same or not blocks)


def _repair(root: Path, code: str) -> None:
    command = [sys.executable, "-m", "fastlint", "check", ".", "--isolated", "--no-cache", "--fix"]
    subprocess.run(
        [*command, "--unsafe-fixes", "--select", code, "-q"], cwd=root, check=False, stdout=subprocess.DEVNULL
    )


def _measure(root: Path) -> Measured:
    port = _free_port()
    server = root / "serve_measured.py"
    server.write_text(SERVER.format(root=str(root), port=port))
    with _process([sys.executable, str(server)], port, cwd=root):
        return asyncio.run(_load(f"http://127.0.0.1:{port}"))


async def _load(address: str) -> Measured:
    limits = httpx.Limits(max_keepalive_connections=0)  # an error may end a connection
    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        bodies = set()
        for path in ("/?n=1", "/?n=2", "/missing", "/?n=x"):
            try:
                answer = await client.get(path)
                bodies.add((answer.status_code, answer.content))
            except httpx.TransportError:
                bodies.add((0, b""))
        statuses: Counter[int] = Counter()
        numbers = iter(range(REQUESTS))

        async def send() -> None:
            for number in numbers:
                try:
                    statuses[(await client.get(f"/?n={number}")).status_code] += 1
                except httpx.TransportError:
                    statuses[0] += 1

        await client.get("/stall")
        await asyncio.sleep(0.2)
        await client.get("/stall")
        start = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(CLIENTS)))
        seconds = time.perf_counter() - start
        stall = json.loads((await client.get("/stall")).content)
    return Measured(stall, REQUESTS / seconds, statuses, frozenset(bodies))


@contextmanager
def _process(command: list[str], port: int, cwd: Path | None = None) -> Iterator[None]:
    # What the programs do wrong ends in tracebacks that are not the point.
    process = subprocess.Popen(command, cwd=cwd, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError(f"{command[-1]} does not start") from None
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
