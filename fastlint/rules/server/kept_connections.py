"""The fix of a proxy that opens a connection for every request: the lines of nginx that keep some open."""

from __future__ import annotations

from collections.abc import Sequence

from fastlint.deployment.model import ClosingOption, ProxyPass
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix, SourceText

HEADER = "proxy_set_header"


def keeping(passes: Sequence[ProxyPass], lines: Sequence[str]) -> FixMaker:
    """Return what adds lines to the blocks that pass requests on, and to the group of servers that these name.

    It is safe where each block sets headers of its own, so that one more hides none of an outer block.
    """

    def make(files: Files) -> Fix:
        first = passes[0]
        source = files.text(first.file.path)
        if any(passed.connection_from for passed in passes):
            raise NoFix("the header comes from a `map`")
        if any(passed.connection is not None or passed.version is not None for passed in passes):
            raise NoFix("the lines are there with another value")
        edits: list[Edit] = []
        if "keepalive 32;" in lines:
            if first.upstream is None or first.upstream.file is not first.file:
                raise NoFix("the requests go to no `upstream` block of this file")
            edits.append(_in_upstream(source, first.upstream.row))
        added = [line for line in lines if not line.startswith("keepalive")]
        trust = Applicability.SAFE
        for passed in passes if added else ():
            own, outer = _headers(source, passed.row)
            if not own and outer and any(line.startswith(HEADER) for line in added):
                raise NoFix("a header that is set here would hide those of the block around it")
            if not own:
                trust = Applicability.UNSAFE
            edits.append(_behind(source, passed.row, added))
        return Fix("Keep connections to the application open", trust, tuple(dict.fromkeys(edits)))

    return make


def without_line(option: ClosingOption) -> FixMaker:
    """Return what takes a line out of the configuration of HAProxy."""

    def make(files: Files) -> Fix:
        source = files.text(option.file.path)
        start = source.offset(option.row, 0)
        edit = source.replace(start, source.line_end(start), "")
        return Fix(f"Remove `{option.text}`", Applicability.UNSAFE, (edit,))

    return make


def _behind(source: SourceText, row: int, lines: Sequence[str]) -> Edit:
    """Return the edit that adds lines behind a row that holds one directive."""
    start = source.offset(row, 0)
    end = source.line_end(start)
    line = source.text[start:end].split("#")[0].strip()
    if not line.endswith(";") or line.count(";") != 1 or not line.startswith("proxy_pass"):
        raise NoFix("the directive shares its line with others")
    if end == len(source.text) and not source.text.endswith("\n"):
        raise NoFix("the file ends without a line end")
    indent = source.indentation(start)
    return source.insert(end, "".join(f"{indent}{line}{source.newline}" for line in lines))


def _in_upstream(source: SourceText, row: int) -> Edit:
    """Return the edit that adds `keepalive` at the end of a group, behind the way that it is balanced."""
    rows = source.text.split("\n")
    last = 0
    for number in range(row, len(rows) + 1):
        line = rows[number - 1].split("#")[0].strip()
        if line.endswith(";") and line.count(";") == 1 and "{" not in line and "}" not in line:
            last = number
        if "}" in line:
            break
    if not last:
        raise NoFix("the servers share their lines with something else")
    start = source.offset(last, 0)
    return source.insert(source.line_end(start), f"{source.indentation(start)}keepalive 32;{source.newline}")


def _headers(source: SourceText, row: int) -> tuple[bool, bool]:
    """Tell whether the block around a row sets headers, and whether one around that does."""
    blocks: list[list[int]] = [[]]
    around: list[list[int]] = []
    for number, line in enumerate(source.text.split("\n"), 1):
        code = line.split("#")[0]
        if code.strip().startswith(HEADER):
            blocks[-1].append(number)
        if number == row:
            around = list(blocks)
        for character in code:
            if character == "{":
                blocks.append([])
            elif character == "}" and len(blocks) > 1:
                blocks.pop()
    return bool(around and around[-1]), any(map(bool, around[:-1]))
