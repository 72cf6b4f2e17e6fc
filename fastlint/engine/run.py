"""The pipeline: read, resolve, model the application, judge, and say what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fastlint.application.contexts import Application
from fastlint.config.fix_selection import FixSelection
from fastlint.config.selection import Selection
from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic, Severity
from fastlint.engine.describing import describe, with_fix
from fastlint.engine.fork import CAN_FORK, forked
from fastlint.engine.judging import judge
from fastlint.engine.loading import Loaded, load_program
from fastlint.engine.looks import looks
from fastlint.engine.sources import SourceLines
from fastlint.engine.suppressions import Suppressions
from fastlint.engine.workspace import Workspace
from fastlint.facts.build import available_cores, room_for_nesting
from fastlint.facts.looks import Look
from fastlint.facts.model import Problem
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.unused import ALL
from fastlint.project.program import Program, taken_from_modules
from fastlint.rules.registry import BY_CODE, MODEL, RULES, RuleInfo

WORTH_A_FORK = 200
"""Programs of fewer files are judged before a copy of the process has started."""
MOST_TO_FORK = 2000
"""Programs of more files would take too much memory twice."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a run found, sorted, and how much it looked at."""

    diagnostics: tuple[Diagnostic, ...]
    files: int = 0
    routes: int = 0
    entry_points: int = field(default=0)
    fixed: int = 0
    """How many diagnostics were repaired before this was left."""
    paths: Mapping[str, Path] = field(default_factory=dict)
    """Where the files are that diagnostics name."""
    looks: Mapping[str, Look] = field(default_factory=dict)
    """What it looked at in sources that it says nothing about, by path: no more of them counts."""
    imported: Callable[[], Mapping[str, frozenset[str]]] = dict
    """Tells by file which names other files take from it."""


def check(
    settings: Settings,
    progress: Callable[[str, int, int], None] | None = None,
    workspace: Workspace | None = None,
) -> CheckResult:
    """Check the paths of the settings; `progress` is told (stage, done, total).

    Raises:
        FastlintError: a path does not exist, or a setting means nothing.
    """
    selection = Selection(settings, RULES)
    trust = FixSelection(settings, RULES)
    workspace = workspace or Workspace()
    with room_for_nesting():
        loaded = load_program(settings, progress, workspace)
        if progress is not None:
            progress("Following calls", 0, 1)
        application = Application(loaded.program, loaded.versions, loaded.deployment)
        judged_by = partial(_judged, application, loaded, workspace, selection, trust)
        chosen = [rule for rule in RULES if selection.is_enabled(rule.code)]
        about_model = [rule for rule in chosen if rule.suspects == MODEL]
        others = [rule for rule in chosen if rule.suspects != MODEL]
        if about_model and others and _is_worth_a_fork(loaded):
            with forked(partial(judged_by, about_model)) as elsewhere:
                judged = judged_by(others).together(elsewhere())
        else:
            judged = judged_by(chosen)
        if progress is not None:
            progress("Following calls", 1, 1)
    return CheckResult(
        judged.diagnostics,
        len(loaded.asked),
        len(application.routes),
        len(application.entries),
        paths=loaded.paths,
        looks=judged.looks,
        imported=partial(imported_names, loaded.program),
    )


def _is_worth_a_fork(loaded: Loaded) -> bool:
    return CAN_FORK and available_cores() > 1 and WORTH_A_FORK <= len(loaded.program.modules) <= MOST_TO_FORK


@dataclass(frozen=True, slots=True)
class Judged:
    """What rules found, sorted, and what they looked at in files that they say nothing about."""

    diagnostics: tuple[Diagnostic, ...]
    looks: Mapping[str, Look]

    def together(self, other: Judged) -> Judged:
        """Return what these rules and other ones found."""
        diagnostics = sorted((*self.diagnostics, *other.diagnostics), key=lambda d: d.sort_key)
        looks = {
            path: self.looks[path].together(other.looks[path]) for path in self.looks if path in other.looks
        }
        return Judged(tuple(diagnostics), looks)


def _judged(
    application: Application,
    loaded: Loaded,
    workspace: Workspace,
    selection: Selection,
    trust: FixSelection,
    rules: list[RuleInfo],
) -> Judged:
    """Return what rules find, without what nobody wants to hear, with fixes."""
    sources = SourceLines(loaded.paths, workspace.source)
    makers: dict[Diagnostic, FixMaker] = {}
    found: list[Diagnostic] = []
    for rule, finding in judge(application, rules, sources):
        diagnostic = describe(rule, finding, sources)
        if finding.fix is not None:
            makers[diagnostic] = finding.fix
        found.append(diagnostic)
    found = [d for d in found if d.filename in loaded.asked or d.filename in loaded.deploying]
    found += _about_the_run(loaded, rules)
    kept = [d for d in found if _is_wanted(d, selection, loaded)]
    files = Files(sources.text)
    ordered = sorted(_unsuppressed(kept, sources), key=lambda d: d.sort_key)
    fixed = tuple(_permitted(with_fix(d, makers.get(d), files), trust, loaded) for d in ordered)
    return Judged(fixed, looks([*found, *fixed], loaded, sources.read))


def _permitted(diagnostic: Diagnostic, trust: FixSelection, loaded: Loaded) -> Diagnostic:
    """Return a diagnostic whose fix, if it has one, is as the settings want it."""
    fix = diagnostic.fix
    if fix is None:
        return diagnostic
    mine = loaded.asked | loaded.deploying
    if any(edit.filename not in mine for edit in fix.edits):
        return replace(diagnostic, fix=None, unfixed="it would change a file that the run is not about")
    applicability = trust.applicability(diagnostic.code, fix.applicability)
    if applicability is None:
        return replace(diagnostic, fix=None, unfixed="the configuration turns fixes of this rule off")
    return replace(diagnostic, fix=replace(fix, applicability=applicability))


def imported_names(program: Program) -> dict[str, frozenset[str]]:
    """By file, the names that other files take from a module of its name: all, if one of them takes all."""
    names: dict[str, set[str]] = defaultdict(set)
    for module in program.modules.values():
        for stem, _ in module.facts.stars:
            names[stem.rpartition(".")[2]].update(ALL)
        for stem, name in taken_from_modules(module):
            names[stem].add(name)
    return {
        module.path: frozenset(names.get(module.name.rpartition(".")[2], ()))
        for module in program.modules.values()
    }


def _about_the_run(loaded: Loaded, rules: Iterable[RuleInfo]) -> Iterator[Diagnostic]:
    codes = {rule.code for rule in rules}
    return (_problem(path, problem) for path, problem in loaded.problems if problem.code in codes)


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
