"""What changes in files, as a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping


def unified(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a unified diff of all files, their line ends included."""
    for name in sorted(after):
        yield from difflib.unified_diff(
            before[name].splitlines(keepends=True), after[name].splitlines(keepends=True), name, name
        )
