"""Write repaired files so that nothing is lost: all of a file or nothing of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from fastlint.sources.reading import SourceError, read_source


class WriteError(Exception):
    """A file was left as it was; the message says why."""


def write_text(path: Path, before: str, after: str) -> None:
    """Replace the file at `path`, which reads `before`, by one that reads `after`.

    Encoding, byte order mark, permissions and symbolic links stay. Two processes take turns.

    Raises:
        WriteError: the file no longer reads `before`, or cannot be written.
    """
    from filelock import FileLock

    target = path.resolve()
    name = sha256(os.fsencode(target)).hexdigest()[:32]
    directory = Path(tempfile.gettempdir()) / f"fastlint-{os.getuid() if hasattr(os, 'getuid') else 0}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        with FileLock(directory / f"{name}.lock"):
            _replace(target, before, after)
    except OSError as error:
        raise WriteError(f"it cannot be written: {error.strerror or error}") from None


def _replace(target: Path, before: str, after: str) -> None:
    try:
        source = read_source(target)
    except SourceError as error:
        raise WriteError(error.message) from None
    if source.text != before:
        raise WriteError("it was changed meanwhile")
    if not os.access(target, os.W_OK):
        raise WriteError("it is not writable")
    data = _encode(after, source.encoding)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, name)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _encode(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise WriteError(f"the fix has characters that {error.encoding} does not know") from None
