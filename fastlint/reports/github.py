"""Annotations for GitHub Actions: workflow commands, the same as text, and a table for the run's page."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from fastlint.diagnostics import Diagnostic, Severity
from fastlint.reports import concise
from fastlint.reports.model import Output, Result
from fastlint.reports.words import (
    clean,
    counted,
    entry_label,
    further_steps,
    place,
    rule_url,
    shown_path,
    summary,
)
from fastlint.sources.gitignore import find_repository

COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
ANNOTATIONS_PER_LEVEL = 10
"""GitHub drops what a step annotates beyond this, so the worst must come first."""
TABLE_ROWS = 500


def write(result: Result, output: Output) -> None:
    """Annotate what GitHub will show, list everything as text, and fill the step summary if there is one."""
    base = _repository(output.cwd)
    dropped = 0
    for severity, command in COMMANDS.items():
        level = [diagnostic for diagnostic in result.diagnostics if diagnostic.severity is severity]
        for diagnostic in level[:ANNOTATIONS_PER_LEVEL]:
            output.stream.write(_annotation(command, diagnostic, output.cwd, base) + "\n")
        dropped += len(level[ANNOTATIONS_PER_LEVEL:])
    for diagnostic in result.diagnostics:
        output.stream.write(concise.line(diagnostic, output.cwd, base) + "\n")
    if dropped:
        reason = f"GitHub shows {ANNOTATIONS_PER_LEVEL} annotations of a level"
        output.stream.write(f"{reason}, so {counted(dropped, 'diagnostic')} stand only in this list.\n")
    last = summary(result, output)
    if last:
        output.stream.write(last + "\n")
    _fill_step_summary(result, output, base)


def _annotation(command: str, diagnostic: Diagnostic, cwd: Path, base: Path) -> str:
    start, end = diagnostic.location, diagnostic.end_location
    properties: dict[str, str | int] = {
        "title": f"{diagnostic.code} {diagnostic.name}",
        "file": shown_path(diagnostic.filename, cwd, base),
        "line": start.row,
        "endLine": end.row,
    }
    if start.row == end.row:  # GitHub refuses columns of an annotation over several lines
        properties |= {"col": start.column, "endColumn": end.column}
    listed = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"::{command} {listed}::{_escape(_text(diagnostic, cwd, base))}"


def _text(diagnostic: Diagnostic, cwd: Path, base: Path) -> str:
    lines = [diagnostic.message]
    lines += [
        f"{place(s.filename, s.location, cwd, base)} {s.call} -> {s.target}"
        for s in further_steps(diagnostic)
    ]
    lines += [f"Reached from: {entry_label(entry)}" for entry in diagnostic.entry_points[:1]]
    lines += [f"Help: {diagnostic.advice}"] if diagnostic.advice else []
    return "\n".join(clean(line) for line in lines)


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(value: str | int) -> str:
    return _escape(str(value)).replace(":", "%3A").replace(",", "%2C")


def _repository(cwd: Path) -> Path:
    """The directory that annotations are relative to: the checkout of the workflow, or the repository."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if workspace and cwd.is_relative_to(workspace):
        return Path(workspace)
    return find_repository(cwd) or cwd


def _fill_step_summary(result: Result, output: Output, base: Path) -> None:
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    # The summary is an extra: what was found has been printed, with it or without.
    with suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in _table(result, output, base))


def _table(result: Result, output: Output, base: Path) -> Iterable[str]:
    yield f"### fastlint\n\n{summary(result, output)}\n"
    if not result.diagnostics:
        return
    yield "| Where | Rule | What |\n| --- | --- | --- |"
    worst_first = sorted(result.diagnostics, key=lambda diagnostic: -diagnostic.severity)
    for found in islice(worst_first, TABLE_ROWS):
        rule = f"[{found.code}]({rule_url(found.code, found.name)})"
        message = clean(found.message).replace("|", "\\|")
        yield f"| `{place(found.filename, found.location, output.cwd, base)}` | {rule} {found.name} | {message} |"
    if len(worst_first) > TABLE_ROWS:
        yield f"\n{counted(len(worst_first) - TABLE_ROWS, 'diagnostic')} more in the log."
