"""Comments that silence a diagnostic on purpose."""

from __future__ import annotations

import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

_IGNORE = re.compile(r"#\s*fastlint:\s*ignore(?P<file>-file)?\[(?P<rules>[^\]]*)\]")
_RULE = r"(?:[A-Za-z]+[0-9]+|[a-z0-9]+(?:-[a-z0-9]+)+)"
_NOQA = re.compile(
    rf"#\s*noqa(?:(?P<colon>\s*:)\s*(?P<rules>{_RULE}(?:(?:\s*,\s*|\s+){_RULE})*)?|(?![\w-]))", re.IGNORECASE
)

_EVERY_RULE = "*"


@dataclass(frozen=True, slots=True)
class _Comment:
    row: int
    text: str
    alone: bool
    """Whether nothing else stands on the line."""


@dataclass(frozen=True, slots=True)
class Suppressions:
    """The suppression comments of one file.

    `# fastlint: ignore[FL101] reason` works on a line of the statement that it silences, or on lines of
    its own directly above it; `# fastlint: ignore-file[FL101]` anywhere works for the whole file;
    `# noqa: FL101` and a bare `# noqa` work on the line, as in ruff. `ignore` without rules is not
    honoured: it would hide what the next release finds.
    """

    _file: frozenset[str] = frozenset()
    _rows: dict[int, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, *, is_python: bool = True) -> Suppressions:
        """Collect the suppressions in the source `text`; in what is not Python, `#` begins a comment anywhere."""
        if "fastlint:" not in text and "noqa" not in text.lower():
            return cls()
        whole_file: set[str] = set()
        rows: dict[int, set[str]] = defaultdict(set)
        comments = list(_comments(text) if is_python else _hashes(list(io.StringIO(text, newline=None)), 0))
        alone = {comment.row for comment in comments if comment.alone}
        for comment in comments:
            for match in _IGNORE.finditer(comment.text):
                rules = _split(match["rules"])
                if match["file"]:
                    whole_file |= rules
                else:
                    rows[_row_below(comment.row, alone) if comment.alone else comment.row] |= rules
            for match in _NOQA.finditer(comment.text):
                rows[comment.row] |= _split(match["rules"] or "") if match["colon"] else {_EVERY_RULE}
        return cls(frozenset(whole_file), {row: frozenset(rules) for row, rules in rows.items()})

    def covers(self, row_start: int, row_end: int, code: str, name: str) -> bool:
        """Whether a diagnostic of the rule `code` or `name` is silenced in the given rows (inclusive)."""
        words = {_EVERY_RULE, code.casefold(), name.casefold()}
        if words & self._file:
            return True
        return any(words & rules for row, rules in self._rows.items() if row_start <= row <= row_end)


def _split(rules: str) -> set[str]:
    return {rule.casefold() for rule in re.split(r"[,\s]+", rules) if rule}


def _row_below(row: int, alone: set[int]) -> int:
    """The first row below a comment that is not a comment itself."""
    while row in alone:
        row += 1
    return row


def _comments(text: str) -> Iterator[_Comment]:
    """The comments of a file; where it cannot be split into tokens, whatever looks like a comment."""
    lines = list(io.StringIO(text, newline=None))
    last = 0
    try:
        for token in tokenize.generate_tokens(iter([*lines, ""]).__next__):
            last = max(last, token.end[0])
            if token.type == tokenize.COMMENT:
                row, column = token.start
                yield _Comment(row, token.string, not token.line[:column].strip())
    except (tokenize.TokenError, SyntaxError):
        yield from _hashes(lines, last)


def _hashes(lines: list[str], start: int) -> Iterator[_Comment]:
    """Whatever looks like a comment behind the first `start` lines."""
    for row, line in enumerate(lines[start:], start + 1):
        before, mark, comment = line.partition("#")
        if mark:
            yield _Comment(row, mark + comment, not before.strip())
