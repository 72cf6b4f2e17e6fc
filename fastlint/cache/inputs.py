"""What a run looked at in the file system: each file and directory as it was just before."""

from __future__ import annotations

import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_TICK = 50_000_000
"""Nanoseconds that the clock of a file system may stand still."""
_COARSE_TICK = 2_000_000_000
"""The same where times are whole seconds."""
_SECOND = 1_000_000_000

_MOST_BYTES = 50_000_000
_LEFT_BY_TOOLS = frozenset({
    "__pycache__", ".fastlint_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache",
})  # fmt: skip
"""Directories that appear when tools run, and hold nothing that a run looks at."""

_MARK = os.sep + ".git"
"""Of this directory it only matters that it is there: every command of git touches it."""

_noting: Inputs | None = None


class Inputs:
    """Collects what is noted while it is entered, as stamps that change when the thing does."""

    def __init__(self) -> None:
        self.stamps: dict[str, str] = {}
        self.are_settled = True
        """Whether a later change shows in the stamp of each: a second one in the same tick of the clock would not."""
        self._outer: Inputs | None = None

    def __enter__(self) -> Inputs:
        global _noting
        self._outer, _noting = _noting, self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _noting
        _noting, self._outer = self._outer, None

    def add(self, path: str, before: int | None = None) -> None:
        """Take a path in; what changed `before` (now, unless given) by less than a tick is not settled."""
        if path in self.stamps or "\0" in path:
            return
        try:
            status = os.stat(path)
        except OSError as error:
            self.stamps[path] = f"- {error.errno}"
            return
        self.stamps[path] = _stamp(path, status)
        if not path.endswith(_MARK):
            changed = status.st_mtime_ns if os.name == "nt" else status.st_ctime_ns
            tick = _TICK if changed % _SECOND else _COARSE_TICK
            self.are_settled &= changed + tick < (before or time.time_ns())


def note(path: str | os.PathLike[str]) -> None:
    """Say that a path is going to be looked at, whether or not there is anything."""
    if _noting is not None:
        _noting.add(os.fspath(path))


def note_all(inputs: Inputs) -> None:
    """Say that paths were looked at, as they were just before: another process has noted them."""
    if _noting is not None:
        for path, before in inputs.stamps.items():
            _noting.stamps.setdefault(path, before)
        _noting.are_settled &= inputs.are_settled


def is_noting() -> bool:
    """Tell whether what is noted goes anywhere."""
    return _noting is not None


def stamp(path: str) -> str:
    """Return what changes when the file or directory at a path does."""
    try:
        return _stamp(path, os.stat(path))
    except OSError as error:
        return f"- {error.errno}"


def content(path: str) -> str | None:
    """Return what differs when the file or directory at a path has another content; None if that is not known."""
    from hashlib import blake2b

    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            data = b"directory" if path.endswith(_MARK) else _listing(path)
        elif stat.S_ISREG(status.st_mode) and status.st_size <= _MOST_BYTES:
            with open(path, "rb") as file:
                data = file.read()
        else:
            return None
    except FileNotFoundError:
        return "nothing"
    except OSError:
        return None
    return blake2b(data, digest_size=16).hexdigest()


def _listing(directory: str) -> bytes:
    with os.scandir(directory) as entries:
        rows = [
            (entry.name, entry.is_dir(follow_symlinks=False), entry.is_symlink())
            for entry in entries
            if entry.name not in _LEFT_BY_TOOLS
        ]
    return repr(sorted(rows)).encode()


def _stamp(path: str, status: os.stat_result) -> str:
    if path.endswith(_MARK) and stat.S_ISDIR(status.st_mode):
        return "directory"
    return f"{status.st_mtime_ns} {status.st_ctime_ns} {status.st_size} {status.st_ino}"
