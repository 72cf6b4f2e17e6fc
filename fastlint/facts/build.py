"""Read files and take their facts, in worker processes where there are enough files to pay for them."""

from __future__ import annotations

import ast
import gc
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from fastlint.cache.kept import content_hash
from fastlint.facts.extract import extract
from fastlint.facts.lowering import lower
from fastlint.facts.model import FileFacts, Problem
from fastlint.facts.packing import from_bytes, to_bytes
from fastlint.sources.reading import SourceError, decode_source, read_bytes

WORTH_A_WORKER = 80
"""Fewer files than this are read faster than a process starts."""
CHUNK = 12
STACK = 12_000
"""Frames of recursion that long expressions need; a limit of ours, far below what a thread has."""
PICKLED = b"\x80"
"""How pickled data begins, and packed facts never do."""


class Kept(Protocol):
    """Facts in packed form, under a hash of the bytes that they are of."""

    def get(self, key: bytes) -> bytes | memoryview | None:
        """Return what is kept under a hash."""

    def put(self, key: bytes, piece: bytes) -> None:
        """Keep something under a hash."""


def build_facts(
    paths: Sequence[Path], progress: Callable[[int, int], None] | None = None, kept: Kept | None = None
) -> list[FileFacts]:
    """Return the facts of each file, or the problem that prevents them, in the order of the paths.

    What is `kept` is not built again, and what is built is kept.
    """
    found: dict[Path, FileFacts] = {}
    if kept is not None:
        found = {path: facts for path in paths if (facts := _recall(path, kept)) is not None}
    missing = [path for path in paths if path not in found]
    workers = min(available_cores(), len(missing) // WORTH_A_WORKER + 1)
    built = map(_packed_facts, missing) if workers < 2 else _build_elsewhere(missing, workers)
    for path, (key, piece) in zip(missing, built, strict=True):
        found[path] = _unpacked(piece)
        if progress is not None:
            progress(len(found), len(paths))
        if kept is not None and key and not piece.startswith(PICKLED):
            kept.put(key, piece)
    return [found[path] for path in paths]


def _recall(path: Path, kept: Kept) -> FileFacts | None:
    """Return the facts of a file if they are kept."""
    try:
        piece = kept.get(content_hash(read_bytes(path)))
    except SourceError:
        return None
    return None if piece is None else from_bytes(piece)


def _build_elsewhere(paths: Sequence[Path], workers: int) -> Iterator[tuple[bytes, bytes]]:
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    with ProcessPoolExecutor(workers, initializer=_start_worker) as pool:
        for rows in pool.map(_pack_chunk, chunks):
            yield from rows


def _pack_chunk(paths: Sequence[Path]) -> list[tuple[bytes, bytes]]:
    return [_packed_facts(path) for path in paths]


def _packed_facts(path: Path) -> tuple[bytes, bytes]:
    """Return the hash of what is in a file and its facts; no hash for a file that cannot be read."""
    key = b""
    try:
        data = read_bytes(path)
        key = content_hash(data)
        return key, _packed(text_facts(decode_source(data).text))
    except SourceError as error:
        return key, _packed(Problem(error.code, error.message))


def packed_and_back(facts: FileFacts) -> FileFacts:
    """Return facts in the form that takes little memory, as those of all files are."""
    return _unpacked(_packed(facts))


def _packed(facts: FileFacts) -> bytes:
    """Return facts as bytes for the way between processes of ours, where pickle is safe and takes any depth."""
    return to_bytes(facts) or pickle.dumps(facts)


def _unpacked(data: bytes) -> FileFacts:
    facts: FileFacts | None = pickle.loads(data) if data.startswith(PICKLED) else from_bytes(data)
    assert facts is not None
    return facts


@contextmanager
def room_for_nesting() -> Iterator[None]:
    """Let functions call each other as deeply as deeply nested code makes necessary."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, STACK))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


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


def text_facts(text: str) -> FileFacts:
    """Return the facts of a source text; syntax newer than this Python is lowered first."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return extract(parse_source(text))
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
