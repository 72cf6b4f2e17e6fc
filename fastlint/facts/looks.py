"""What a run looked at in the facts of a file, and whether other facts would have looked the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import msgpack

from fastlint.facts.bodies import BODY, SURROGATES
from fastlint.facts.model import WHOLE_FILE, ClassFacts, FileFacts, FunctionFacts, ModuleFacts, Parameter

_FACTS = (ModuleFacts, FunctionFacts, ClassFacts, Parameter)
_WORDS = frozenset({"mentions", "names"})
"""Fields of which a run only asks whether a name is among them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a run looked at in a file whose text it did not need and that it says nothing about.

    Of classes and headings it saw everything but the rows in which they stand.
    """

    asked: frozenset[str] = frozenset()
    """The names that it looked for in all bodies and files."""
    unread: frozenset[int] | None = frozenset()
    """The functions whose bodies it did not look at; None if it saw neither classes nor headings either,
    as it was about tests and none of the names is in one."""

    def together(self, other: Look) -> Look:
        """Return what two parts of a run looked at."""
        asked = self.asked | other.asked
        if self.unread is None or other.unread is None:
            return Look(asked, self.unread if other.unread is None else other.unread)
        return Look(asked, self.unread & other.unread)


def looks_the_same(before: FileFacts, now: FileFacts, look: Look) -> bool:
    """Tell whether a run would find out the same about two versions of a file."""
    if not isinstance(before, ModuleFacts) or not isinstance(now, ModuleFacts):
        return False
    if look.unread is None:
        return _outside(before, look) == _outside(now, look) and not any(
            asked_among(function.names, look.asked) for function in now.functions
        )
    return len(before.functions) == len(now.functions) and _only_rows_differ(before, now, look)


def _outside(facts: ModuleFacts, look: Look) -> object:
    return facts.imports, facts.stars, look.asked & facts.mentions


def asked_among(words: str | frozenset[str], asked: frozenset[str]) -> frozenset[str]:
    """Return which of the names that were looked for are among those of a function, or of a file."""
    return asked.intersection(words.split(" ") if isinstance(words, str) else words)


def _only_rows_differ(before: ModuleFacts, now: ModuleFacts, look: Look) -> bool:
    """Tell whether what was looked at is the same but for the rows, with each row above those it was above of."""
    unread = {id(before.functions[index]) for index in look.unread or ()}
    rows: dict[int, int] = {}
    pending: list[tuple[Any, Any]] = [(before, now)]
    while pending:
        old, new = pending.pop()
        if type(old) is not type(new):
            return False
        if old == new == WHOLE_FILE:
            continue
        if _is_span(old) and _is_span(new):
            if old[1::2] != new[1::2]:
                return False
            if any(
                rows.setdefault(row, moved) != moved for row, moved in zip(old[::2], new[::2], strict=True)
            ):
                return False
        elif isinstance(old, tuple | list):
            if len(old) != len(new):
                return False
            pending += zip(old, new, strict=True)
        elif isinstance(old, dict):
            if list(old) != list(new):
                return False
            pending += zip(old.values(), new.values(), strict=True)
        elif isinstance(old, _FACTS):
            for name in (field.name for field in fields(old)):
                if name in _WORDS:
                    words = (getattr(old, name), getattr(new, name))
                    pending.append((asked_among(words[0], look.asked), asked_among(words[1], look.asked)))
                elif name not in BODY or id(old) not in unread:
                    pending.append((getattr(old, name), getattr(new, name)))
        elif old != new:
            return False
    moved = [rows[row] for row in sorted(rows)]
    return all(above < below for above, below in pairwise(moved))


def _is_span(part: object) -> bool:
    return isinstance(part, tuple) and len(part) == 4 and all(type(number) is int for number in part)


def looks_to_bytes(looks: Mapping[str, Look]) -> bytes:
    """Pack what was looked at, by path."""
    asked = list({look.asked for look in looks.values()})
    files = {
        path: (asked.index(look.asked), None if look.unread is None else sorted(look.unread))
        for path, look in looks.items()
    }
    packed: bytes = msgpack.packb(([sorted(names) for names in asked], files), **SURROGATES)
    return packed


def looks_from_bytes(packed: bytes) -> dict[str, Look]:
    """Return what `looks_to_bytes` packed; nothing if that is not what it is."""
    try:
        asked, files = msgpack.unpackb(packed, **SURROGATES)
        names = list(map(frozenset, asked))
        return {
            path: Look(names[number], None if unread is None else frozenset(unread))
            for path, (number, unread) in files.items()
        }
    except (ValueError, TypeError, LookupError):
        return {}
