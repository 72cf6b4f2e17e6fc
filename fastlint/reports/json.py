"""An array of objects with the keys that ruff uses, and those that only fastlint has."""

from __future__ import annotations

import json
from pathlib import Path

from fastlint.diagnostics import Diagnostic, EntryPoint, Location, Step
from fastlint.reports.model import Output, Result
from fastlint.reports.words import rule_url


def write(result: Result, output: Output) -> None:
    """Write all diagnostics as one JSON array; paths are absolute."""
    encoder = json.JSONEncoder(indent=2)
    before = "[\n  "
    for diagnostic in result.diagnostics:
        # No line end in an object is part of a text, as those are escaped.
        written = encoder.encode(_diagnostic(diagnostic, output.cwd)).replace("\n", "\n  ")
        output.stream.write(before + written)
        before = ",\n  "
    output.stream.write("\n]\n" if result.diagnostics else "[]\n")


def _diagnostic(diagnostic: Diagnostic, cwd: Path) -> dict[str, object]:
    return {
        "cell": None,
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "advice": diagnostic.advice,
        "filename": _path(diagnostic.filename, cwd),
        "location": _location(diagnostic.location),
        "end_location": _location(diagnostic.end_location),
        "chain": [_step(step, cwd) for step in diagnostic.chain],
        "entry_points": [_entry_point(entry, cwd) for entry in diagnostic.entry_points],
        "further_entry_points": diagnostic.further_entry_points,
        "notes": list(diagnostic.notes),
        "unfixed": diagnostic.unfixed or None,
        "fix": _fix(diagnostic, cwd),
        "noqa_row": diagnostic.location.row,
        "url": rule_url(diagnostic.code, diagnostic.name),
    }


def _fix(diagnostic: Diagnostic, cwd: Path) -> dict[str, object] | None:
    fix = diagnostic.fix
    if fix is None:
        return None
    edits = [
        {
            "filename": _path(edit.filename, cwd),
            "content": edit.content,
            "location": _location(edit.start),
            "end_location": _location(edit.end),
        }
        for edit in fix.edits
    ]
    return {"applicability": str(fix.applicability), "message": fix.title, "edits": edits}


def _step(step: Step, cwd: Path) -> dict[str, object]:
    return {
        "filename": _path(step.filename, cwd),
        "location": _location(step.location),
        "call": step.call,
        "target": step.target,
    }


def _entry_point(entry: EntryPoint, cwd: Path) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "label": entry.label,
        "filename": _path(entry.filename, cwd),
        "location": _location(entry.location),
    }


def _location(location: Location) -> dict[str, int]:
    return {"row": location.row, "column": location.column}


def _path(filename: str, cwd: Path) -> str:
    return str(cwd / filename)
