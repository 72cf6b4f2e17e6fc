"""Turn what a rule found into a diagnostic: places, chain, entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastlint.diagnostics import Diagnostic, EntryPoint, Step
from fastlint.engine.sources import SourceLines
from fastlint.project.reach import Way
from fastlint.rules.registry import RuleInfo
from fastlint.rules.rendering import render

if TYPE_CHECKING:
    from fastlint.rules.base import Finding, Suspect


def describe(rule: RuleInfo, finding: Finding, sources: SourceLines) -> Diagnostic:
    """Return the diagnostic for a finding of a rule."""
    suspect = finding.suspect
    path = suspect.frame.function.module.path
    row, column, end_row, end_column = suspect.site.event[5]
    chain = _chain(suspect, sources)
    for other in finding.others:
        chain += _chain(other, sources)
    notes: tuple[str, ...] = ()
    if finding.others:
        rows = ", ".join(str(other.site.event[5][0]) for other in finding.others)
        notes = (f"the same function does so again in line{'s' if len(finding.others) > 1 else ''} {rows}",)
    return Diagnostic(
        rule.code,
        rule.name,
        finding.severity,
        finding.message,
        path,
        sources.location(path, row, column),
        sources.location(path, end_row, end_column),
        finding.advice,
        tuple(chain),
        tuple(_entry_points(suspect, sources)),
        notes,
    )


def _chain(suspect: Suspect, sources: SourceLines) -> list[Step]:
    return [_step(way, sources) for way in suspect.application.chain(suspect.way)]


def _step(way: Way, sources: SourceLines) -> Step:
    path = way.site.frame.function.module.path
    row, column = way.site.event[5][:2]
    target = way.callee.function.label if way.callee is not None else way.sink.name
    return Step(path, sources.location(path, row, column), render(way.site.event[1]), target)


def _entry_points(suspect: Suspect, sources: SourceLines) -> list[EntryPoint]:
    found = []
    for entry in suspect.entries():
        module = entry.frame.function.module
        row, column = entry.frame.function.facts.span[:2]
        found.append(
            EntryPoint(entry.kind, entry.label, module.path, sources.location(module.path, row, column))
        )
    return found
