"""One line per diagnostic, in the form that editors and scripts already parse."""

from __future__ import annotations

from pathlib import Path

from fastlint.diagnostics import Diagnostic, Severity
from fastlint.reports.model import Output, Result
from fastlint.reports.words import clean, shown_path, summary

COLORS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}


def write(result: Result, output: Output) -> None:
    """Write `path:row:column: CODE message` for each diagnostic, then the summary."""
    for diagnostic in result.diagnostics:
        output.stream.write(
            line(diagnostic, output.cwd, color=output.color, fixable=output.applies(diagnostic.fix)) + "\n"
        )
    last = summary(result, output)
    if output.summary and last:
        output.stream.write(last + "\n")


def line(
    diagnostic: Diagnostic, cwd: Path, base: Path | None = None, *, color: bool = False, fixable: bool = False
) -> str:
    """The line for one diagnostic, its path relative to `base` (by default `cwd`); `[*]` marks what is fixable."""
    path, code = shown_path(diagnostic.filename, cwd, base), diagnostic.code
    if color:
        path = f"\x1b[1m{path}\x1b[0m"
        code = f"\x1b[1;{COLORS[diagnostic.severity]}m{code}\x1b[0m"
    where, mark = diagnostic.location, "[*] " if fixable else ""
    return f"{path}:{where.row}:{where.column}: {code} {mark}{clean(diagnostic.message)}"
