"""The text of a file, and the edits of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from functools import cached_property

from fastlint.diagnostics import Edit, Location

Span = tuple[int, int, int, int]
"""(row, column, end row, end column): rows from 1, columns from 0 in UTF-8 bytes, as in `ast`."""

_LINE_END = re.compile(r"\r\n|\r|\n")


class NoFix(Exception):
    """There is no fix for this finding; the message says why, as the end of a sentence."""


class SourceText:
    """A file as it was read, its line ends included; places are offsets into the text."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    @cached_property
    def newline(self) -> str:
        """The line end that the file uses most, or a plain one."""
        ends = Counter(match[0] for match in _LINE_END.finditer(self.text)).most_common(1)
        return ends[0][0] if ends else "\n"

    def offset(self, row: int, byte_column: int) -> int:
        """Return the offset of a place that `ast` gives in bytes."""
        start = self._starts[row - 1]
        end = self._starts[row] if row < len(self._starts) else len(self.text)
        line = self.text[start:end]
        if line.isascii():
            return start + byte_column
        return start + len(line.encode()[:byte_column].decode(errors="ignore"))

    def offset_of(self, location: Location) -> int:
        """Return the offset of a location."""
        return self._starts[location.row - 1] + location.column - 1

    def location(self, offset: int) -> Location:
        """Return the location of an offset."""
        row = bisect_right(self._starts, offset)
        return Location(row, offset - self._starts[row - 1] + 1)

    def bounds(self, span: Span) -> tuple[int, int]:
        """Return the offsets at which a span starts and ends."""
        return self.offset(*span[:2]), self.offset(*span[2:])

    def segment(self, span: Span) -> str:
        """Return the text of a span."""
        start, end = self.bounds(span)
        return self.text[start:end]

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of an offset begins."""
        return self._starts[bisect_right(self._starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Return the offset behind the line of an offset, its line end included."""
        row = bisect_right(self._starts, offset)
        return self._starts[row] if row < len(self._starts) else len(self.text)

    def indentation(self, offset: int) -> str:
        """Return the white space with which the line of an offset begins."""
        start = self.line_start(offset)
        line = self.text[start : self.line_end(offset)]
        return line[: len(line) - len(line.lstrip(" \t\f"))]

    def replace(self, start: int, end: int, content: str) -> Edit:
        """Return the edit that puts other text in place of a piece."""
        return Edit(self.path, self.location(start), self.location(end), content)

    def insert(self, offset: int, content: str) -> Edit:
        """Return the edit that inserts text."""
        return self.replace(offset, offset, content)

    def guard(self, start: int, end: int) -> Edit:
        """Return a piece to rely on, as it is."""
        return self.replace(start, end, self.text[start:end])
