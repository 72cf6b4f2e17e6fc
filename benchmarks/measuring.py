"""What a command takes: seconds on the clock, processor time and memory, of all its processes together."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

MAY_EXIT_WITH = (0, 1)
"""Linters exit with 1 when they have found something."""
FAILED = b"Traceback (most recent call last)"
"""What a Python that failed says; it exits with 1 as well."""
SHARE_OF_WATCHING = 20
"""The memory is looked at again after so many times as long as a look took."""
SEES_ALL_MEMORY = Path("/proc/self/smaps_rollup").exists()
"""Whether the system tells what processes share (Linux)."""


class Cost(NamedTuple):
    """What one run took: seconds on the clock and of all processors, megabytes at most."""

    wall: float
    cpu: float
    memory: float


class Failed(SystemExit):
    """A command failed, so that its time means nothing."""


def medians(costs: Iterable[Cost]) -> Cost:
    """Return the medians of runs."""
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))


def run(command: Sequence[str], directory: Path, patience: float, *, watched: bool = False) -> Cost | None:
    """Run a command in a directory, its output thrown away, and return what it took.

    It is ended after so many seconds of patience, and then there is no cost. The memory is that of the
    largest process, or where the run is watched and the system allows it, that of all of them together.
    Watching costs time.

    Raises:
        Failed: the command exits with what linters do not exit with, or in an exception of Python.
    """
    with tempfile.TemporaryFile() as errors, ExitStack() as around:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # so that it can be ended with all that it started
        )
        around.enter_context(ended_after(patience, process.pid))
        seen = around.enter_context(watched_memory(process.pid)) if watched and SEES_ALL_MEMORY else None
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        around.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if wall > patience:
            return None
        errors.seek(0)
        said = errors.read()
        if process.returncode not in MAY_EXIT_WITH or FAILED in said:
            raise Failed(f"{command} exited with {process.returncode}:\n{said.decode(errors='replace')}")
    # The kernel counts memory in kilobytes, except that of macOS, which counts bytes. Linux begins to count before
    # the command takes the place of what started it, so that it never says less than this process has.
    largest = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    memory = largest if seen is None else max(seen)
    return Cost(wall, usage.ru_utime + usage.ru_stime, memory)


@contextmanager
def ended_after(patience: float, group: int) -> Iterator[None]:
    """End a group of processes when it has run for too long, and when it is not waited for any longer."""

    def end() -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)

    timer = threading.Timer(patience, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        end()


@contextmanager
def watched_memory(pid: int) -> Iterator[list[float]]:
    """Look again and again at the memory below a process; the list holds the most that was seen."""
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            look = time.perf_counter()
            peak[0] = max(peak[0], memory_of(pid), most_of(pid))
            done.wait(max(0.01, (time.perf_counter() - look) * SHARE_OF_WATCHING))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def memory_of(pid: int) -> float:
    """Return the megabytes that a process and those below it have, what they share counted once (Linux)."""
    return sum(kilobytes(process, "smaps_rollup", "Pss:") for process in processes_below(pid)) / 1024


def most_of(pid: int) -> float:
    """Return the megabytes that a process had when it had most, without those below it (Linux)."""
    return kilobytes(pid, "status", "VmHWM:") / 1024


def kilobytes(pid: int, file: str, title: str) -> int:
    """Return what a file about a process says under a title; nothing if the process has ended (Linux)."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(title))


def processes_below(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started (Linux)."""
    yield pid
    try:
        found = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return  # it has ended
    for child in " ".join(found).split():
        yield from processes_below(int(child))
