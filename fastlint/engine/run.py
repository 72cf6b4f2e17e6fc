"""The pipeline: read, resolve, model the application, judge, and say what was found."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fastlint.application.contexts import Application
from fastlint.config.selection import Selection
from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic, Severity
from fastlint.engine.describing import describe
from fastlint.engine.judging import judge
from fastlint.engine.loading import Loaded, load_program
from fastlint.engine.sources import SourceLines
from fastlint.engine.suppressions import Suppressions
from fastlint.facts.build import STACK, Problem
from fastlint.rules.registry import BY_CODE, RULES


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a run found, sorted, and how much it looked at."""

    diagnostics: tuple[Diagnostic, ...]
    files: int = 0
    routes: int = 0
    entry_points: int = field(default=0)


def check(settings: Settings, progress: Callable[[str, int, int], None] | None = None) -> CheckResult:
    """Check the paths of the settings; `progress` is told (stage, done, total).

    Raises:
        FastlintError: a path does not exist, or a setting means nothing.
    """
    selection = Selection(settings, RULES)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, STACK))
    try:
        loaded = load_program(settings, progress)
        if progress is not None:
            progress("Following calls", 0, 1)
        application = Application(loaded.program, loaded.versions, loaded.deployment)
        sources = SourceLines(loaded.paths)
        chosen = [rule for rule in RULES if selection.is_enabled(rule.code)]
        found = [describe(rule, finding, sources) for rule, finding in judge(application, chosen, sources)]
        found = [d for d in found if d.filename in loaded.asked or d.filename in loaded.deploying]
        found += _about_the_run(loaded)
        kept = [d for d in found if _is_wanted(d, selection, loaded)]
        kept = list(_unsuppressed(kept, sources))
        if progress is not None:
            progress("Following calls", 1, 1)
    finally:
        sys.setrecursionlimit(limit)
    ordered = tuple(sorted(kept, key=lambda d: d.sort_key))
    return CheckResult(ordered, len(loaded.asked), len(application.routes), len(application.entries))


def _about_the_run(loaded: Loaded) -> Iterator[Diagnostic]:
    for path, problem in loaded.problems:
        yield _problem(path, problem)


def _problem(path: str, problem: Problem) -> Diagnostic:
    from fastlint.diagnostics import Location

    rule = BY_CODE[problem.code]
    place = Location(problem.row, max(problem.column, 1))
    return Diagnostic(rule.code, rule.name, rule.severity, problem.message, path, place, place)


def _is_wanted(diagnostic: Diagnostic, selection: Selection, loaded: Loaded) -> bool:
    if not selection.is_enabled(diagnostic.code):
        return False
    if diagnostic.severity is Severity.INFO and not selection.is_explicit(diagnostic.code):
        return False
    path = loaded.paths.get(diagnostic.filename)
    return path is None or not selection.is_ignored_in(diagnostic.code, path)


def _unsuppressed(diagnostics: list[Diagnostic], sources: SourceLines) -> Iterator[Diagnostic]:
    """Yield the diagnostics that no comment silences, where they stand or where their chain ends."""
    parsed: dict[str, Suppressions] = {}

    def suppressions(path: str) -> Suppressions:
        if path not in parsed:
            parsed[path] = Suppressions.parse(sources.text(path), is_python=path.endswith(".py"))
        return parsed[path]

    for diagnostic in diagnostics:
        places = [(diagnostic.filename, diagnostic.location.row, diagnostic.end_location.row)]
        places += [(step.filename, step.location.row, step.location.row) for step in diagnostic.chain[-1:]]
        if not any(
            sources.mentions_suppression(path, first, last)
            and suppressions(path).covers(first, last, diagnostic.code, diagnostic.name)
            for path, first, last in places
        ):
            yield diagnostic
