"""Repair a project: apply fixes, look again, and go on until nothing is left to do."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from fastlint.config.settings import Settings
from fastlint.diagnostics import Applicability, Diagnostic
from fastlint.engine.differences import unified
from fastlint.engine.run import CheckResult, check
from fastlint.engine.workspace import Workspace
from fastlint.facts.build import parse_source
from fastlint.fixes.applying import apply_fixes
from fastlint.fixes.unused import without_unused
from fastlint.fixes.writing import WriteError, write_text
from fastlint.sources.reading import read_source

MOST_ROUNDS = 10
"""Rounds after which fixes are taken to undo each other."""


@dataclass(slots=True)
class FixResult:
    """What is left after the repair, what was repaired, and the texts before and after."""

    remaining: CheckResult
    fixed: list[Diagnostic] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Files that were left as they are, and why."""

    @property
    def counts(self) -> list[tuple[str, str, str, int]]:
        """(file, code, name, how many were repaired), sorted."""
        counts = Counter((d.filename, d.code, d.name) for d in self.fixed)
        return sorted((*key, number) for key, number in counts.items())

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff of all files, their line ends included."""
        return unified(self.before, self.after)

    def write(self) -> None:
        """Write the files; what cannot be written is noted in `refused` and stays as it is."""
        for name in sorted(self.after):
            try:
                write_text(self.remaining.paths[name], self.before[name], self.after[name])
            except WriteError as error:
                self.refused.append((name, str(error)))


def fix(
    settings: Settings,
    progress: Callable[[str, int, int], None] | None = None,
    workspace: Workspace | None = None,
) -> FixResult:
    """Repair what the settings ask for, in memory.

    Raises:
        FastlintError: a path does not exist, or a setting means nothing.
    """
    workspace = workspace or Workspace()
    outcome = FixResult(check(settings, progress, workspace))
    for _ in range(MOST_ROUNDS):
        result = outcome.remaining
        wanted = [d for d in result.diagnostics if _is_wanted(d, settings)]
        applied = _round(wanted, result, workspace)
        if not applied:
            break
        outcome.fixed += applied
        outcome.remaining = check(settings, progress, workspace)
    outcome.remaining = replace(outcome.remaining, fixed=len(outcome.fixed))
    for path, text in workspace.changed.items():
        name = next(name for name, place in outcome.remaining.paths.items() if place == path)
        before = read_source(path).text
        if before != text:
            outcome.before[name], outcome.after[name] = before, text
    return outcome


def _is_wanted(diagnostic: Diagnostic, settings: Settings) -> bool:
    fix = diagnostic.fix
    return fix is not None and (settings.unsafe_fixes or fix.applicability is Applicability.SAFE)


def _round(wanted: list[Diagnostic], result: CheckResult, workspace: Workspace) -> list[Diagnostic]:
    """Apply fixes that get along with each other; return the diagnostics that they repair."""

    def text_of(name: str) -> str:
        return workspace.source(result.paths[name]).text

    applied = apply_fixes(wanted, text_of)
    imported = result.imported() if applied.texts else {}
    broken: set[str] = set()
    texts: dict[str, str] = {}
    for name, text in applied.texts.items():
        if name.endswith(".py"):
            path = result.paths[name]
            text = without_unused(
                text_of(name),
                text,
                is_package=path.name == "__init__.py",
                needed=imported.get(name, frozenset()),
            )
            if not _compiles(text):
                broken.add(name)
                continue
        texts[name] = text
    if broken:
        return _round(_without_breaking(wanted, broken, text_of), result, workspace)
    for name, text in texts.items():
        workspace.change(result.paths[name], text)
    return applied.diagnostics


def _without_breaking(
    wanted: list[Diagnostic], broken: set[str], text_of: Callable[[str], str]
) -> list[Diagnostic]:
    """Return the diagnostics without those whose fix, alone, leaves one of the broken files that does not compile.

    If none does so alone, all that touch these files are left out.
    """

    def is_good(diagnostic: Diagnostic) -> bool:
        texts = apply_fixes([diagnostic], text_of).texts
        return all(_compiles(text) for name, text in texts.items() if name in broken)

    touching = [d for d in wanted if _touches(d, broken)]
    bad = [d for d in touching if not is_good(d)] or touching
    return [d for d in wanted if d not in bad]


def _touches(diagnostic: Diagnostic, names: set[str]) -> bool:
    return diagnostic.fix is not None and any(edit.filename in names for edit in diagnostic.fix.edits)


def _compiles(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # An `await` in a `def` can be parsed, but not compiled.
            compile(parse_source(text), "<fixed>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True
