"""Runs that were made before: where nothing changed that they depend on, they are only printed again.

This is asked before anything else of fastlint is imported, so it imports nothing that takes time.
"""

from __future__ import annotations

import os
import sys
import time
import zlib

from fastlint import __version__
from fastlint.cache.directory import CacheDirectory, open_directory
from fastlint.cache.inputs import Inputs, content, stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TextIO

    _LookTheSame = Callable[[Mapping[str, str], bytes], bool]

DEFAULT_NAME = ".fastlint_cache"
_MOST_RUNS = 16
_PREFIX = "run-"

_VARIABLES = frozenset({
    "CI", "COLORTERM", "COLUMNS", "FORCE_COLOR", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LINES", "NO_COLOR", "PATH",
    "TERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "USERPROFILE", "XDG_CONFIG_HOME",
})  # fmt: skip
_VARIABLE_PREFIXES = ("FASTLINT_", "GIT_", "GITHUB_", "JUPYTER_", "PYTHON")
"""With those above, what may change the output: how it looks, and what git, which is asked, goes by."""

_PARTS = ("key", "code", "paths", "stamps", "contents", "looks", "output", "errors")
"""What a file about a run consists of, after a line with the lengths."""
_UNKNOWN = "unknown"
"""In place of a content that was not seen, or changed during the run."""

_TEXT = ("utf-8", "surrogatepass")
_NAMES = ("utf-8", "surrogateescape")


class Outcome:
    """How a run ended: its exit code and what it printed."""

    __slots__ = ("code", "errors", "output")

    def __init__(self, code: int, output: str, errors: str) -> None:
        self.code = code
        self.output = output
        self.errors = errors

    def show(self) -> None:
        """Print it. Raises `BrokenPipeError` if nobody reads it."""
        for stream, text in ((sys.stderr, self.errors), (sys.stdout, self.output)):
            if text and stream is not None:
                stream.write(text.encode(stream.encoding, "replace").decode(stream.encoding))
                stream.flush()


class Run:
    """A run of the command line, by all that its outcome depends on besides files."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._started = time.time_ns()
        self._arguments = arguments
        self._asked: set[str] = set()
        try:
            self._key = "\0".join(_circumstances(arguments)).encode(*_NAMES)
        except OSError:  # the directory that the user stands in is gone, which the run itself will say
            self._key = b""
        self._name = f"{_PREFIX}{zlib.crc32(self._key):08x}"

    def recall(self) -> Outcome | None:
        """Return the outcome if this run was made before, going by the places where caches usually are."""
        if not self._key or self._arguments[:1] != ["check"]:
            return None
        for place in dict.fromkeys(_places(self._arguments)):
            directory = open_directory(place)
            outcome = None if directory is None else self.recall_from(directory)
            if outcome is not None:
                return outcome
        return None

    def recall_from(
        self, directory: CacheDirectory, look_the_same: _LookTheSame | None = None
    ) -> Outcome | None:
        """Return the outcome if this run is kept in a directory and nothing changed since.

        Files may have changed if they `look_the_same`, which is asked with the hashes of what was in them,
        by path, and with what the run looked at.
        """
        if directory.path in self._asked and look_the_same is None:
            return None
        self._asked.add(directory.path)
        data = directory.read(self._name)
        if data is None:
            return None
        try:
            record = dict(zip(_PARTS, _split(bytes(data)), strict=True))
        except ValueError:
            return None
        if record["key"] != self._key or not self._is_current(record, directory, look_the_same):
            return None
        return Outcome(int(record["code"]), record["output"].decode(*_TEXT), record["errors"].decode(*_TEXT))

    def keep(self, directory: CacheDirectory, outcome: Outcome, inputs: Inputs, looks: bytes = b"") -> None:
        """Keep an outcome, and what the run looked at, unless files that it depends on changed too recently to tell."""
        for path in _own_files():
            inputs.add(path, before=self._started)
        if not self._key or not inputs.are_settled:
            return
        contents = [(content(path), stamp(path) == before) for path, before in inputs.stamps.items()]
        record = {
            "key": self._key,
            "code": b"%d" % outcome.code,
            "paths": "\0".join(inputs.stamps).encode(*_NAMES),
            "stamps": "\n".join(inputs.stamps.values()).encode(),
            "contents": "\n".join(seen if seen and same else _UNKNOWN for seen, same in contents).encode(),
            "looks": looks,
            "output": outcome.output.encode(*_TEXT),
            "errors": outcome.errors.encode(*_TEXT),
        }
        self._write(record, directory)
        directory.keep_newest(_PREFIX, _MOST_RUNS)

    def _is_current(
        self,
        record: dict[str, bytes],
        directory: CacheDirectory,
        look_the_same: _LookTheSame | None,
    ) -> bool:
        """Tell whether all inputs are as they were, or mean the same; the record gets what differs."""
        paths = record["paths"].decode(*_NAMES).split("\0")
        before = record["stamps"].decode().split("\n")
        now = list(map(stamp, paths))
        if now == before:
            return True
        touched = Inputs()
        contents = record["contents"].decode().split("\n")
        changed: dict[str, str] = {}
        for number, path in enumerate(paths):
            if now[number] != before[number]:
                touched.add(path)
                found = content(path)
                if found != contents[number]:
                    if look_the_same is None or found is None:
                        return False
                    changed[path] = contents[number]
                    contents[number] = found
                before[number] = touched.stamps[path]
        if changed and (look_the_same is None or not look_the_same(changed, record["looks"])):
            return False
        if touched.are_settled and all(map(_is_unchanged, paths, before)):
            record["stamps"] = "\n".join(before).encode()
            record["contents"] = "\n".join(contents).encode()
            self._write(record, directory)
        return True

    def _write(self, record: dict[str, bytes], directory: CacheDirectory) -> None:
        parts = [record[name] for name in _PARTS]
        lengths = b" ".join(b"%d" % len(part) for part in parts)
        directory.write(self._name, b"".join((lengths, b"\n", *parts)))


def _is_unchanged(path: str, before: str) -> bool:
    return stamp(path) == before


def _split(data: bytes) -> Iterator[bytes]:
    lengths, _, rest = data.partition(b"\n")
    place = 0
    for length in map(int, lengths.split()):
        yield rest[place : place + length]
        place += length


def _circumstances(arguments: Sequence[str]) -> Iterator[str]:
    yield from (__version__, sys.version, sys.prefix, os.getcwd())
    for stream in (sys.stdout, sys.stderr):
        yield from _describe(stream)
    for name, value in sorted(os.environ.items()):
        if name in _VARIABLES or name.startswith(_VARIABLE_PREFIXES):
            yield f"{name}={value}"
    yield ""
    yield from arguments


def _describe(stream: TextIO | None) -> Iterator[str]:
    """Yield what reports go by: whether it is a terminal, how wide, and which characters it takes."""
    try:
        is_terminal = stream is not None and stream.isatty()
        yield (
            str(os.get_terminal_size(stream.fileno()))
            if stream is not None and is_terminal
            else "no terminal"
        )
    except (OSError, ValueError):
        yield "unknown"
    yield str(getattr(stream, "encoding", None))


def _places(arguments: Sequence[str]) -> Iterator[str]:
    """Yield where the cache of a run may be: above what it is asked about, or above where the user stands."""
    name = os.environ.get("FASTLINT_CACHE_DIR") or DEFAULT_NAME
    here = os.getcwd()
    asked = [word for word in arguments[1:] if not word.startswith("-") and os.path.exists(word)]
    for start in (*asked, here):
        directory, below = os.path.abspath(start), None
        while directory != below:
            yield os.path.join(directory, name)
            directory, below = os.path.dirname(directory), directory


def _own_files() -> Iterator[str]:
    """Yield the files of fastlint itself and the directory where what it uses is installed."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for directory, _, names in os.walk(package):
        if not directory.endswith("__pycache__"):
            yield from (os.path.join(directory, name) for name in names if name.endswith((".py", ".toml")))
    used = getattr(sys.modules.get("click"), "__file__", None)
    if used is not None:
        yield os.path.dirname(os.path.dirname(used))
