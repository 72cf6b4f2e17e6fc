"""Runs the linter over a directory and says what it reported, in a form that tests can compare."""

from __future__ import annotations

from pathlib import Path

from fastlint.config.settings import Settings
from fastlint.engine.run import check

Found = set[tuple[str, int, str]]
"""Diagnostics, or the marks that stand for them: (path in the directory, row, code)."""


def lint(directory: Path) -> Found:
    """What a run with default settings reports about the program in `directory`."""
    directory = directory.resolve()
    diagnostics = check(Settings(root=directory, paths=(directory,), cwd=directory, cache=False)).diagnostics
    return {
        ((directory / found.filename).relative_to(directory).as_posix(), found.location.row, found.code)
        for found in diagnostics
    }
