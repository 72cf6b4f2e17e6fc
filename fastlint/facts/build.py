"""Read files and take their facts, in worker processes where there are enough files to pay for them."""

from __future__ import annotations

import ast
import gc
import marshal
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fastlint.facts.extract import extract
from fastlint.facts.lowering import lower
from fastlint.facts.model import ModuleFacts, unpack
from fastlint.sources.reading import SourceError, read_source

WORTH_A_WORKER = 80
"""Fewer files than this are read faster than a process starts."""
CHUNK = 12


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be understood: which rule says so, why, and where if that is known."""

    code: str
    message: str
    row: int = 1
    column: int = 1


FileFacts = ModuleFacts | Problem


def build_facts(
    paths: Sequence[Path], progress: Callable[[int, int], None] | None = None
) -> list[FileFacts]:
    """Return the facts of each file, or the problem that prevents them, in the order of the paths."""
    workers = min(available_cores(), len(paths) // WORTH_A_WORKER + 1)
    if workers < 2:
        return _build_here(paths, progress)
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    found: list[FileFacts] = []
    with ProcessPoolExecutor(workers, initializer=gc.disable) as pool:
        for rows in pool.map(_pack_chunk, chunks):
            # marshal is twice as fast as pickle here, and the bytes come from our own workers.
            for row in marshal.loads(rows):
                found.append(Problem(*row[1]) if row[0] == "problem" else unpack(row[1]))
            if progress is not None:
                progress(len(found), len(paths))
    return found


def _build_here(
    paths: Sequence[Path], progress: Callable[[int, int], None] | None
) -> list[FileFacts]:
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
    return marshal.dumps(rows)


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
            return extract(_parse(text), lines)
    except SyntaxError as error:
        reason = error.msg[:1].upper() + error.msg[1:]
        message = f"{reason}, so nothing in this file is checked"
        return Problem("FL900", message, error.lineno or 1, error.offset or 1)
    except (RecursionError, MemoryError, ValueError):
        message = "The code is nested too deeply to be read, so nothing in this file is checked"
        return Problem("FL900", message)


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        lowered = lower(text)
        if lowered is None:
            raise
        return lowered
