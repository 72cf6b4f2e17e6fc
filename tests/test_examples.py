"""The examples are found out: lines that end in the code of a rule are reported, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from .linting import Found, lint

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_marked_lines_are_reported() -> None:
    assert lint(EXAMPLES) == marked(EXAMPLES)


def marked(directory: Path) -> Found:
    return {
        (path.relative_to(directory).as_posix(), row, match[1])
        for path in directory.rglob("*.py")
        for row, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := re.search(r"  # (FL\d{3})$", line))
    }
