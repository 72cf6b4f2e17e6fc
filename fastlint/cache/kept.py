"""Pieces of data under the hash of what they were made from, for the runs to come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b

from fastlint.cache.directory import CacheDirectory

SHARDS = 16
"""Files that the pieces are spread over, so that one new piece rewrites little."""
ROOM = 4_000_000
"""Bytes in a shard up to which it keeps pieces that the last run did not use."""
_HASH = 16
_LENGTH = 4


def content_hash(data: bytes) -> bytes:
    """Return the hash under which what was made from the data is kept."""
    return blake2b(data, digest_size=_HASH).digest()


class Kept:
    """The pieces in a directory; a shard is read when one of its pieces is asked for.

    Those made by another `version` of what makes them do not count. The version is asked for when it is
    needed.
    """

    def __init__(self, directory: CacheDirectory, version: Callable[[], bytes]) -> None:
        self._directory = directory
        self._version = version
        self._shards: dict[int, dict[bytes, bytes | memoryview]] = {}
        self._used: dict[bytes, bytes | memoryview] = {}
        self._new: set[int] = set()

    def get(self, key: bytes) -> bytes | memoryview | None:
        """Return the piece under a hash."""
        number = key[0] % SHARDS
        if number not in self._shards:
            self._shards[number] = dict(self._read(number))
        piece = self._shards[number].get(key)
        if piece is not None:
            self._used[key] = piece
        return piece

    def put(self, key: bytes, piece: bytes) -> None:
        """Take a piece, to be written by `save`."""
        self._used[key] = piece
        self._new.add(key[0] % SHARDS)

    def save(self) -> None:
        """Write the shards that got something new, what was used last at their beginning."""
        for number in sorted(self._new):
            pieces = {key: piece for key, piece in self._used.items() if key[0] % SHARDS == number}
            size = sum(map(len, pieces.values()))
            for key, piece in self._read(number):  # another run may have written meanwhile
                if key not in pieces:
                    size += len(piece)
                    if size > ROOM:
                        break
                    pieces[key] = piece
            rows = (part for key, piece in pieces.items() for part in (key, _length(piece), piece))
            self._directory.write(_name(number), b"".join((self._hash_of_version(), *rows)))
        self._new.clear()

    def _read(self, number: int) -> Iterator[tuple[bytes, memoryview]]:
        content = self._directory.read(_name(number))
        if content is None or content[:_HASH] != self._hash_of_version():
            return
        place = _HASH
        while place < len(content):
            key = bytes(content[place : place + _HASH])
            start = place + _HASH + _LENGTH
            place = start + int.from_bytes(content[start - _LENGTH : start], "big")
            yield key, content[start:place]

    def _hash_of_version(self) -> bytes:
        return content_hash(self._version())


def _name(number: int) -> str:
    return f"facts-{number:x}"


def _length(piece: bytes | memoryview) -> bytes:
    return len(piece).to_bytes(_LENGTH, "big")
