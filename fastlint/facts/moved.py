"""Whether the facts of a file are what they were but for the rows, because comments or blank lines changed."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

from fastlint.facts.model import WHOLE_FILE, ClassFacts, FileFacts, FunctionFacts, ModuleFacts, Parameter

_FACTS = (ModuleFacts, FunctionFacts, ClassFacts, Parameter)


def is_only_moved(before: FileFacts, now: FileFacts) -> bool:
    """Tell whether facts differ in nothing but rows, and what stood in one row or above another still does."""
    if not isinstance(before, ModuleFacts):
        return False
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
            names = [field.name for field in fields(old)]
            pending += ((getattr(old, name), getattr(new, name)) for name in names)
        elif old != new:
            return False
    moved = [rows[row] for row in sorted(rows)]
    return all(above < below for above, below in pairwise(moved))


def _is_span(part: object) -> bool:
    return isinstance(part, tuple) and len(part) == 4 and all(type(number) is int for number in part)
