"""Bytes of a file to text, the way Python itself decodes them."""

from __future__ import annotations

import codecs
import io
import stat
import tokenize
from dataclasses import dataclass
from pathlib import Path

from fastlint.cache.inputs import note

MAX_BYTES = 2_000_000

_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # begins with the mark of UTF-16, so it comes first
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


class SourceError(Exception):
    """A file that cannot be taken as source: `code` is the rule that reports it, `message` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file, its line ends as they are and without a byte order mark."""

    text: str
    encoding: str = "utf-8"
    """The name of the codec that gives the bytes of the file back, byte order mark included."""

    def lines(self) -> list[str]:
        """The lines as Python counts them, without their ends."""
        return [line.rstrip("\n") for line in io.StringIO(self.text, newline=None)]


def read_source(path: Path) -> Source:
    """Read the file at `path`. Raises `SourceError` (FL901 unreadable, FL902 too large)."""
    return decode_source(read_bytes(path))


def decode_source(data: bytes) -> Source:
    """Return the bytes of a file as source. Raises `SourceError` (FL901) if they are none."""
    wide = next((name for mark, name in _WIDE_MARKS.items() if data.startswith(mark)), None)
    if wide is not None:
        raise SourceError("FL901", f"The file is {wide}, which Python does not read; save it as UTF-8")
    if b"\0" in data:
        raise SourceError("FL901", "The file contains NUL bytes, so it is binary and not Python source")
    encoding = _encoding(data)
    return Source(_decode(data, encoding), encoding)


def read_bytes(path: Path) -> bytes:
    """Return what is in the file at `path`. Raises `SourceError` (FL901 unreadable, FL902 too large)."""
    try:
        note(path)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError("FL901", "The path is not a regular file")
        if status.st_size > MAX_BYTES:
            raise SourceError(
                "FL902",
                f"The file is {status.st_size / 1e6:.1f} MB and was skipped; the limit is "
                f"{MAX_BYTES / 1e6:.0f} MB, which generated files exceed and written ones do not",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise SourceError("FL901", "The file does not exist any more, or is a link to nowhere") from None
    except OSError as error:
        raise SourceError("FL901", f"The file cannot be read: {error.strerror or error}") from None


def _decode(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
        text.encode()
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise SourceError(
            "FL901",
            f"The file is not valid {error.encoding.upper()}: byte 0x{data[error.start]:02x} in line {row}; "
            "save it as UTF-8 or declare its encoding in the first line",
        ) from None
    except (UnicodeError, LookupError):
        # Codecs for things other than text, and text with half a surrogate pair in it.
        raise SourceError(
            "FL901",
            f"The file declares the encoding {encoding}, but cannot be read with it; save it as UTF-8",
        ) from None
    return text


def _encoding(data: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        if error.msg == "invalid or missing encoding declaration":
            return "utf-8"  # one of the first lines is not UTF-8, which decoding tells more about
        raise SourceError("FL901", f"The encoding of the file cannot be told: {error.msg}") from None
