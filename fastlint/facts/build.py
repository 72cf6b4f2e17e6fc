"""Read files and take their facts, in worker processes where there are enough files to pay for them."""

from __future__ import annotations

import ast
import gc
import marshal
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastlint.facts.extract import extract
from fastlint.facts.lowering import lower
from fastlint.facts.model import ModuleFacts, unpack
from fastlint.sources.reading import SourceError, read_source

WORTH_A_WORKER = 80
"""Fewer files than this are read faster than a process starts."""
CHUNK = 12
STACK = 12_000
"""Frames of recursion that long expressions need; a limit of ours, far below what a thread has."""
PICKLED = b"\x80"
"""How pickled data begins, and marshalled data never does."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be understood: which rule says so, why, and where if that is known."""

    code: str
    message: str
    row: int = 1
    column: int = 1


FileFacts = ModuleFacts | Problem


def build_facts(paths: Sequence[Path], progress: Callable[[int, int], None] | None = None) -> list[FileFacts]:
    """Return the facts of each file, or the problem that prevents them, in the order of the paths."""
    workers = min(available_cores(), len(paths) // WORTH_A_WORKER + 1)
    if workers < 2:
        return _build_here(paths, progress)
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    found: list[FileFacts] = []
    with ProcessPoolExecutor(workers, initializer=_start_worker) as pool:
        for rows in pool.map(_pack_chunk, chunks):
            for kind, row in map(_unpacked, marshal.loads(rows)):
                found.append(Problem(*row) if kind == "problem" else unpack(row))
            if progress is not None:
                progress(len(found), len(paths))
    return found


def _build_here(paths: Sequence[Path], progress: Callable[[int, int], None] | None) -> list[FileFacts]:
    found = []
    for number, path in enumerate(paths, 1):
        found.append(file_facts(path))
        if progress is not None:
            progress(number, len(paths))
    return found


def _pack_chunk(paths: Sequence[Path]) -> bytes:
    rows = []
    for path in paths:
        facts = file_facts(path)
        if isinstance(facts, Problem):
            rows.append(("problem", (facts.code, facts.message, facts.row, facts.column)))
        else:
            rows.append(("facts", facts.pack()))
    return marshal.dumps([_packed(row) for row in rows])


def _packed(row: tuple[str, Any]) -> bytes:
    """Return a row as bytes; marshal is twice as fast as pickle but refuses very deep nesting."""
    try:
        return marshal.dumps(row)
    except ValueError:
        return pickle.dumps(row)


def _unpacked(data: bytes) -> tuple[str, Any]:
    return pickle.loads(data) if data.startswith(PICKLED) else marshal.loads(data)  # type: ignore[no-any-return]


def _start_worker() -> None:
    """Prepare a worker for many small objects and for deeply nested code."""
    gc.disable()
    sys.setrecursionlimit(STACK)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run itself answers an interrupt


def available_cores() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def file_facts(path: Path) -> FileFacts:
    """Return the facts of one file, or why there are none."""
    try:
        text = read_source(path).text
    except SourceError as error:
        return Problem(error.code, error.message)
    return text_facts(text)


def text_facts(text: str) -> FileFacts:
    """Return the facts of a source text; syntax newer than this Python is lowered first."""
    lines = text.count("\n") + 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return extract(parse_source(text), lines)
    except SyntaxError as error:
        reason = error.msg[:1].upper() + error.msg[1:]
        message = f"{reason}, so nothing in this file is checked"
        return Problem("FL900", message, error.lineno or 1, error.offset or 1)
    except (RecursionError, MemoryError, ValueError):
        message = "The code is nested too deeply to be read, so nothing in this file is checked"
        return Problem("FL900", message)


def parse_source(text: str) -> ast.Module:
    """Return the syntax of a source text, places included; newer syntax than this Python's is lowered first.

    Raises:
        SyntaxError, RecursionError, MemoryError, ValueError: the text cannot be parsed.
    """
    try:
        return ast.parse(text)
    except SyntaxError:
        lowered = lower(text)
        if lowered is None:
            raise
        return lowered
