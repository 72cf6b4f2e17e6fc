"""What was repaired, or would be."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Protocol, TextIO

from fastlint.reports.model import Output
from fastlint.reports.words import counted, shown_path

_COLORS = {"+": "32", "-": "31", "@": "36"}


class Repair(Protocol):
    """The outcome of a repair."""

    @property
    def fixed(self) -> Sequence[object]:
        """What was repaired."""

    @property
    def counts(self) -> list[tuple[str, str, str, int]]:
        """(file, code, name, how many were repaired), sorted."""

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff."""


def write_diff(repair: Repair, output: Output) -> None:
    """Write a unified diff, and on standard error how much it repairs."""
    write_lines(repair.diff(), output.stream, color=output.color)
    if output.summary:
        number = len(repair.fixed)
        text = f"Would fix {counted(number, 'diagnostic')}." if number else "No diagnostics would be fixed."
        print(text, file=sys.stderr)


def write_lines(lines: Iterable[str], stream: TextIO, *, color: bool) -> None:
    """Write the lines of a unified diff."""
    for line in lines:
        ended = line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        code = _COLORS.get(line[:1]) if color and not line.startswith(("+++", "---")) else None
        stream.write(f"\x1b[{code}m{ended}\x1b[0m" if code else ended)


def write_fixes(repair: Repair, output: Output) -> None:
    """Write how many diagnostics of which rule were repaired in which file."""
    if not repair.fixed:
        return
    output.stream.write(f"Fixed {counted(len(repair.fixed), 'diagnostic')}:\n")
    for name, rows in groupby(repair.counts, key=lambda row: row[0]):
        output.stream.write(f"- {shown_path(name, output.cwd)}:\n")
        for _, code, rule, number in rows:
            output.stream.write(f"    {number} x {code} ({rule})\n")
