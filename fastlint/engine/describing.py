"""Turn what a rule found into a diagnostic: places, chain, entry points."""

from __future__ import annotations

from dataclasses import replace

from fastlint.diagnostics import Diagnostic, EntryPoint, Step
from fastlint.engine.sources import SourceLines
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.rules.finding import Finding, Link
from fastlint.rules.registry import RuleInfo
from fastlint.rules.rendering import render

MOST_ENTRY_POINTS = 20
"""A helper in the middle of a large application has hundreds; who has read these has understood."""


def describe(rule: RuleInfo, finding: Finding, sources: SourceLines) -> Diagnostic:
    """Return the diagnostic for a finding of a rule."""
    path = finding.path
    row, column, end_row, end_column = finding.span
    return Diagnostic(
        rule.code,
        rule.name,
        finding.severity,
        finding.message,
        path,
        sources.location(path, row, column),
        sources.location(path, end_row, end_column),
        finding.advice,
        tuple(_step(link, sources) for link in finding.chain),
        tuple(_entry_points(finding, sources)),
        finding.notes,
        further_entry_points=max(len(finding.entries) - MOST_ENTRY_POINTS, 0),
    )


def with_fix(diagnostic: Diagnostic, maker: FixMaker | None, files: Files) -> Diagnostic:
    """Return a diagnostic with the fix that is made for it, or with the reason why there is none."""
    if maker is None:
        return diagnostic
    try:
        return replace(diagnostic, fix=maker(files))
    except NoFix as reason:
        return replace(diagnostic, unfixed=str(reason))


def _step(link: Link, sources: SourceLines) -> Step:
    path = link.function.module.path
    return Step(path, sources.location(path, *link.span[:2]), render(link.expr), link.target)


def _entry_points(finding: Finding, sources: SourceLines) -> list[EntryPoint]:
    found = []
    for entry in finding.entries[:MOST_ENTRY_POINTS]:
        module = entry.frame.function.module
        row, column = entry.frame.function.facts.span[:2]
        found.append(
            EntryPoint(entry.kind, entry.label, module.path, sources.location(module.path, row, column))
        )
    return found
