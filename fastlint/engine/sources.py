"""The text of the files that diagnostics point into."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Set
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from fastlint.diagnostics import Location
from fastlint.facts.model import Span
from fastlint.sources.reading import Source, SourceError, read_source

if TYPE_CHECKING:
    import libcst as cst

LONGEST_EXPRESSION = 20_000
"""Characters; what is longer was not written by hand, and rules get a name in its place."""


class SourceLines:
    """Reads files again, when there is something to say about them."""

    def __init__(self, paths: Mapping[str, Path], read: Callable[[Path], Source] = read_source) -> None:
        self._paths = paths
        self._read = read
        self._texts: dict[str, str] = {}
        self._starts: dict[str, array[int]] = {}
        """Where the lines of a text begin, and where one after the last would."""
        self._parsed: dict[str, cst.BaseExpression | None] = {}
        self._expressions: dict[tuple[str, Span], cst.BaseExpression | None] = {}

    @property
    def read(self) -> Set[str]:
        """The files that were read."""
        return self._texts.keys()

    def text(self, path: str) -> str:
        """Return the text of a file; empty if it has vanished meanwhile."""
        if path not in self._texts:
            try:
                self._texts[path] = self._read(self._paths[path]).text
            except (SourceError, KeyError):
                self._texts[path] = ""
        return self._texts[path]

    def lines(self, path: str, first: int, last: int) -> list[str]:
        """Return some rows of a file, as `ast` counts lines."""
        text = self.text(path)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        starts = self._starts.get(path)
        if starts is None:
            lengths = (len(line) + 1 for line in text.split("\n"))
            starts = self._starts[path] = array("L", accumulate(lengths, initial=0))
        return [text[starts[row - 1] : starts[row] - 1] for row in range(first, min(last + 1, len(starts)))]

    def mentions_suppression(self, path: str, first: int, last: int) -> bool:
        """Tell whether rows of a file, or comments above them, may silence something there.

        A cheap look that spares most files from being split into tokens.
        """
        if "fastlint:" in self.text(path):
            return True
        return any("noqa" in line.lower() for line in self.lines(path, first, last))

    def location(self, path: str, row: int, byte_column: int) -> Location:
        """Return a location in characters for a place that `ast` gives in bytes."""
        if self.text(path).isascii():
            return Location(row, byte_column + 1)
        line = "".join(self.lines(path, row, row))
        if line.isascii():
            return Location(row, byte_column + 1)
        return Location(row, len(line.encode()[:byte_column].decode(errors="ignore")) + 1)

    def segment(self, path: str, span: Span) -> str:
        """Return the source text of a span."""
        start, end = self.location(path, span[0], span[1]), self.location(path, span[2], span[3])
        lines = self.lines(path, start.row, end.row)
        if not lines:
            return ""
        lines[-1] = lines[-1][: end.column - 1]
        lines[0] = lines[0][start.column - 1 :]
        return "\n".join(lines)

    def expression(self, path: str, span: Span) -> cst.BaseExpression | None:
        """Return the syntax of the expression at a span, or None if the text cannot be parsed."""
        place = (path, span)
        if place not in self._expressions:
            text = self.segment(path, span)
            if text not in self._parsed:
                self._parsed[text] = self._parse(text)
            self._expressions[place] = self._parsed[text]
        return self._expressions[place]

    def _parse(self, text: str) -> cst.BaseExpression | None:
        import libcst as cst

        if len(text) > LONGEST_EXPRESSION:
            return cst.Name("machine_made")
        try:
            return cst.parse_expression(f"({text})")
        except cst.ParserSyntaxError:
            return None
