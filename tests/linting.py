"""Runs the linter over a directory and says what it reported, in a form that tests can compare."""

from __future__ import annotations

from pathlib import Path

from fastlint.config.settings import Settings
from fastlint.engine.fixing import FixResult, fix
from fastlint.engine.run import check

Found = set[tuple[str, int, str]]
"""Diagnostics, or the marks that stand for them: (path in the directory, row, code)."""


def lint(directory: Path, extend_select: tuple[str, ...] = ()) -> Found:
    """What a run reports about the program in `directory`, with default settings and these rules besides."""
    directory = directory.resolve()
    settings = Settings(
        root=directory, paths=(directory,), cwd=directory, cache=False, extend_select=extend_select
    )
    diagnostics = check(settings).diagnostics
    return {
        ((directory / found.filename).relative_to(directory).as_posix(), found.location.row, found.code)
        for found in diagnostics
    }


def repair(directory: Path, code: str, *, unsafe: bool) -> FixResult:
    """What the fixes of one rule make of the program in `directory`; nothing is written."""
    directory = directory.resolve()
    settings = Settings(
        root=directory, paths=(directory,), cwd=directory, cache=False,
        extend_select=(code,), fixable=(code,), unsafe_fixes=unsafe,
    )  # fmt: skip
    return fix(settings)
