"""A line of source with a mark under the part that matters, cut to fit."""

from __future__ import annotations

from dataclasses import dataclass

_TAB = "    "
_CUT = "..."


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line ready to print, and the columns (cells, from 0, end exclusive) to underline."""

    code: str
    start: int
    end: int


def excerpt(line: str, start: int, end: int, width: int | None) -> Excerpt:
    """Cut `line` to `width` cells so that what stands at characters `start` to `end` stays in sight."""
    start = min(start, len(line))
    end = max(end, start + 1)
    cells = [_visible(character) for character in line]
    if width is not None and _width(cells) > width:
        indent = len(line) - len(line.lstrip())
        dropped = min(indent, start)
        cells, start, end = cells[dropped:], start - dropped, end - dropped
        if _width(cells) > width:
            return _cut(cells, start, end, max(width, 2 * len(_CUT) + 1))
    return _measured(cells, start, end)


def _cut(cells: list[str], start: int, end: int, width: int) -> Excerpt:
    """Drop characters on the left as far as needed to see the mark, on the right what does not fit."""
    first = 0
    if _width(cells[:end]) > width - len(_CUT):
        while first < start and _width(cells[first:start]) > width // 4:
            first += 1
    left = _CUT if first else ""
    room = width - len(left)
    shown = cells[first:]
    right = ""
    if _width(shown) > room:
        right = _CUT
        while shown and _width(shown) > room - len(right):
            shown.pop()
    last = first + len(shown)
    offset = 1 if left else 0
    pieces = [left, *shown] if left else shown
    cut = _measured(pieces, start - first + offset, max(min(end, last), start + 1) - first + offset)
    return Excerpt(cut.code + right, cut.start, cut.end)


def _measured(cells: list[str], start: int, end: int) -> Excerpt:
    first = _width(cells[:start])
    return Excerpt("".join(cells).rstrip(), first, max(_width(cells[:end]), first + 1))


def _visible(character: str) -> str:
    if character == "\t":
        return _TAB
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _width(cells: list[str]) -> int:
    from rich.cells import cell_len

    return cell_len("".join(cells))
