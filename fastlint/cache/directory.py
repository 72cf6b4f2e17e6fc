"""The directory of the cache: whose it is, and files in it that are whole or count as missing.

It is used before anything else of fastlint is imported, so it imports nothing that takes time.
"""

from __future__ import annotations

import os
import stat
import time
import zlib

TAG = "CACHEDIR.TAG"
_TAG_TEXT = b"""\
Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by fastlint.
# For information about cache directory tags, see https://bford.info/cachedir/
"""
_IGNORE = ".gitignore"
_IGNORE_TEXT = b"*\n"

_TEMPORARY = "tmp-"
_PREFIXES = ("facts-", "run-", _TEMPORARY)
"""How the names of all files begin that are written here."""
_ABANDONED = 3600
"""Seconds after which the writer of a temporary file is taken to have been killed."""

_MAGIC = b"fastlint cache 1\n"
_MOST_BYTES = 1 << 30
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class CacheDirectory:
    """A directory of ours; `open_directory` and `make_directory` vouch for that.

    Each file carries the identity of the tag beside it, which is known only once the directory exists on
    this machine, so that nothing is believed that came with a clone or a copy; and a checksum of its
    content.
    """

    __slots__ = ("_seal", "path")

    def __init__(self, path: str, tag: os.stat_result) -> None:
        self.path = path
        self._seal = (tag.st_ino, tag.st_ctime_ns)

    def read(self, name: str) -> memoryview | None:
        """Return what was written under a name; None if there is nothing, or not what was written."""
        data = _read(os.path.join(self.path, name))
        if data is None:
            return None
        start = data.find(b"\n", len(_MAGIC)) + 1
        content = memoryview(data)[start:]
        return content if data[:start] == self._heading(content) else None

    def write(self, name: str, content: bytes) -> None:
        """Put content under a name, all of it or nothing; a disk that is full or read-only is no error."""
        _write(self.path, name, self._heading(content) + content)

    def _heading(self, content: bytes | memoryview) -> bytes:
        return b"%s%d %d %d %d\n" % (_MAGIC, *self._seal, len(content), zlib.crc32(content))

    def keep_newest(self, prefix: str, most: int) -> None:
        """Remove the oldest files whose names begin like this, and what killed runs left half written."""
        now = time.time()
        try:
            with os.scandir(self.path) as entries:
                listed = [(entry.stat(follow_symlinks=False).st_mtime, entry.name) for entry in entries]
        except OSError:
            return
        aged = sorted(one for one in listed if one[1].startswith(prefix))
        surplus = [name for _, name in aged[:-most]]
        surplus += [n for age, n in listed if n.startswith(_TEMPORARY) and now - age > _ABANDONED]
        for name in surplus:
            _remove(os.path.join(self.path, name))

    def remove(self) -> None:
        """Remove what was written here, and the directory if that leaves it empty."""
        for name in os.listdir(self.path):
            if _is_ours(name):
                _remove(os.path.join(self.path, name))
        try:
            os.rmdir(self.path)
        except OSError:
            return


def open_directory(path: str) -> CacheDirectory | None:
    """Return the cache at a path, or None where there is none that may be trusted."""
    try:
        if not _is_trusted(os.lstat(path), stat.S_IFDIR):
            return None
        place = os.path.join(path, TAG)
        tag = os.lstat(place)
    except (OSError, ValueError):
        return None
    if not _is_trusted(tag, stat.S_IFREG) or _read(place) != _TAG_TEXT:
        return None
    return CacheDirectory(path, tag)


def make_directory(path: str) -> CacheDirectory | None:
    """Return the cache at a path, made if need be; None where that is impossible or something else is there."""
    found = open_directory(path)
    if found is not None:
        return found
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not _is_trusted(os.lstat(path), stat.S_IFDIR) or not all(map(_is_ours, os.listdir(path))):
                return None
    except (OSError, ValueError):
        return None
    _write(path, _IGNORE, _IGNORE_TEXT)
    _write(path, TAG, _TAG_TEXT)
    return open_directory(path)


def _is_ours(name: str) -> bool:
    return name in (TAG, _IGNORE) or name.startswith(_PREFIXES)


def _is_trusted(status: os.stat_result, kind: int) -> bool:
    """Tell whether something is of that kind (no link), belongs to the user and cannot be changed by everybody."""
    if stat.S_IFMT(status.st_mode) != kind:
        return False
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & stat.S_IWOTH)


def _read(path: str) -> bytes | None:
    try:
        descriptor = os.open(path, _READ)
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                return None
            return file.read(status.st_size)
    except OSError:
        return None


def _write(directory: str, name: str, data: bytes) -> None:
    temporary = os.path.join(directory, f"{_TEMPORARY}{os.getpid()}-{time.time_ns()}")
    try:
        with open(os.open(temporary, _WRITE, 0o600), "wb") as file:
            file.write(data)
        os.replace(temporary, os.path.join(directory, name))
    except OSError:
        _remove(temporary)
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
