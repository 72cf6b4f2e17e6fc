"""Facts as bytes and back, in a format whose reader runs nothing of what it reads."""

from __future__ import annotations

import sys
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgpack

from fastlint.facts.bodies import SURROGATES, PackedFunction, function_row
from fastlint.facts.model import ClassFacts, FileFacts, ModuleFacts, Problem


def to_bytes(facts: FileFacts) -> bytes | None:
    """Return facts as bytes; None if they are nested deeper than the format allows, or a number is too large."""
    try:
        packed: bytes = msgpack.packb(_row(facts), **SURROGATES)
    except (ValueError, OverflowError, RecursionError):
        return None
    return packed


def from_bytes(data: bytes | memoryview) -> FileFacts | None:
    """Return the facts that `to_bytes` was given; None if it did not make the bytes."""
    try:
        row = msgpack.unpackb(data, use_list=False, **SURROGATES)
        if isinstance(row[0], str):
            return Problem(*row)
        functions, classes, stars, mentions, imports = row
        return ModuleFacts(
            [PackedFunction(function) for function in functions],
            [_class(cls) for cls in classes],
            list(stars),
            frozenset(mentions),
            frozenset(imports),
        )
    except (msgpack.UnpackException, ValueError, TypeError, LookupError, AttributeError):
        return None


def _row(facts: FileFacts) -> tuple[Any, ...]:
    if isinstance(facts, Problem):
        return (facts.code, facts.message, facts.row, facts.column)
    functions, classes = map(function_row, facts.functions), map(_class_row, facts.classes)
    return ([*functions], [*classes], facts.stars, sorted(facts.mentions), [*facts.imports])


def version() -> bytes:
    """Return what facts depend on besides the text that they are of: who makes them."""
    package = Path(__file__).parent
    makers = [*sorted(package.glob("*.py")), package.parent / "sources" / "reading.py"]
    lowering = find_spec("libcst")
    installed = Path(lowering.origin).stat() if lowering is not None and lowering.origin else None
    parts = [sys.version, "" if installed is None else f"{installed.st_mtime_ns} {installed.st_size}"]
    return b"".join((*(part.encode() for part in parts), *(path.read_bytes() for path in makers)))


def _class_row(facts: ClassFacts) -> list[Any]:
    return [getattr(facts, name) for name in _CLASS]


def _class(row: tuple[Any, ...]) -> ClassFacts:
    """Return a class with lists where facts have lists; what is inside those are tuples."""
    values = list(row)
    for place in _LISTS:
        values[place] = list(values[place])
    values[_BINDINGS] = {name: list(bound) for name, bound in values[_BINDINGS].items()}
    return ClassFacts(*values)


_CLASS = tuple(field.name for field in fields(ClassFacts))
_LISTS = tuple(place for place, field in enumerate(fields(ClassFacts)) if str(field.type).startswith("list["))
_BINDINGS = _CLASS.index("bindings")
