"""Facts as bytes and back, in a format whose reader runs nothing of what it reads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgpack

from fastlint.facts.model import ClassFacts, FileFacts, FunctionFacts, ModuleFacts, Parameter, Problem

_Kind = type[FunctionFacts] | type[ClassFacts]

_SURROGATES = {"unicode_errors": "surrogatepass"}
"""Half of a surrogate pair is a legal literal."""


def to_bytes(facts: FileFacts) -> bytes | None:
    """Return facts as bytes; None if they are nested deeper than the format allows, or a number is too large."""
    if isinstance(facts, Problem):
        row: tuple[Any, ...] = (facts.code, facts.message, facts.row, facts.column)
    else:
        row = (_rows(facts.functions), _rows(facts.classes), facts.stars, facts.lines, facts.mentions)
    try:
        packed: bytes = msgpack.packb(row, default=_parameter, **_SURROGATES)
    except (ValueError, OverflowError):
        return None
    return packed


def from_bytes(data: bytes | memoryview) -> FileFacts | None:
    """Return the facts that `to_bytes` was given; None if it did not make the bytes."""
    try:
        row = msgpack.unpackb(data, use_list=False, **_SURROGATES)
        if isinstance(row[0], str):
            return Problem(*row)
        functions, classes, stars, lines, mentions = row
        return ModuleFacts(
            [_function(function) for function in functions],
            [_class(cls) for cls in classes],
            list(stars),
            lines,
            list(mentions),
        )
    except (msgpack.UnpackException, ValueError, TypeError, LookupError, AttributeError):
        return None


def version() -> bytes:
    """Return what facts depend on besides the text that they are of: who makes them."""
    package = Path(__file__).parent
    makers = [*sorted(package.glob("*.py")), package.parent / "sources" / "reading.py"]
    lowering = find_spec("libcst")
    installed = Path(lowering.origin).stat() if lowering is not None and lowering.origin else None
    parts = [sys.version, "" if installed is None else f"{installed.st_mtime_ns} {installed.st_size}"]
    return b"".join((*(part.encode() for part in parts), *(path.read_bytes() for path in makers)))


def _rows(items: Sequence[FunctionFacts] | Sequence[ClassFacts]) -> list[list[Any]]:
    return [[getattr(item, name) for name in _FIELDS[type(item)]] for item in items]


def _parameter(item: object) -> list[Any]:
    if isinstance(item, Parameter):
        return [item.name, item.kind, item.annotation, item.default]
    raise ValueError(f"{type(item).__name__} cannot be packed")


def _function(row: tuple[Any, ...]) -> FunctionFacts:
    values = _with_lists(FunctionFacts, row)
    values[_PARAMETERS] = [Parameter(*parameter) for parameter in values[_PARAMETERS]]
    return FunctionFacts(*values)


def _class(row: tuple[Any, ...]) -> ClassFacts:
    return ClassFacts(*_with_lists(ClassFacts, row))


def _with_lists(kind: _Kind, row: tuple[Any, ...]) -> list[Any]:
    """Return the values of a row with lists where the facts have lists; what is inside those are tuples."""
    values = list(row)
    for place in _LISTS[kind]:
        values[place] = list(values[place])
    bindings = _FIELDS[kind].index("bindings")
    values[bindings] = {name: list(bound) for name, bound in values[bindings].items()}
    return values


_FIELDS: dict[_Kind, tuple[str, ...]] = {
    kind: tuple(f.name for f in fields(kind)) for kind in (FunctionFacts, ClassFacts)
}
_LISTS: dict[_Kind, tuple[int, ...]] = {
    kind: tuple(place for place, f in enumerate(fields(kind)) if str(f.type).startswith("list["))
    for kind in (FunctionFacts, ClassFacts)
}
_PARAMETERS = _FIELDS[FunctionFacts].index("parameters")
