"""Small programs whose marked lines are found, and no others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from .linting import Found, lint

HEAD = """\
import asyncio
import time
from typing import Annotated

import requests
from fastapi import Depends, FastAPI

app = FastAPI()
"""
ABOUT_CALLS = ("FL1", "FL2")
"""The rules that follow calls, which is what these programs are about; others speak of what they leave short."""
_MARK = re.compile(r"  # (FL\d{3})$")


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write files, their text shifted to the left."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")


def marked(directory: Path) -> Found:
    """The lines that end in the code of a rule."""
    return {
        (path.relative_to(directory).as_posix(), row, match[1])
        for path in directory.rglob("*.py")
        for row, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := _MARK.search(line))
    }


def assert_found(directory: Path, main: str, files: Mapping[str, str] | None = None) -> None:
    """Lint `main.py`, with `HEAD` above it, and other files; what is reported is what is marked."""
    write(directory, {"main.py": HEAD + dedent(main), **(files or {})})
    expected = marked(directory)
    found = {row for row in lint(directory) if row[2].startswith(ABOUT_CALLS) or row in expected}
    assert found == expected, f"missed {sorted(expected - found)}, reported {sorted(found - expected)}"
