"""Says where the time of a cold run goes: processor time and memory after each stage of the pipeline.

    python benchmarks/stages.py [PATH]

The fastlint that runs is the one of this Python (`pip install -e .`). All stages run in one process but for
the workers that take facts, by the functions of which `fastlint check` is made; what the report leaves out
because a comment says so is repaired here as well.
"""

from __future__ import annotations

import gc
import io
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fastlint.application.contexts import Application
from fastlint.config.load import CommandLine, load_settings
from fastlint.config.selection import Selection
from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic, Severity
from fastlint.engine.describing import describe, with_fix
from fastlint.engine.judging import judge
from fastlint.engine.loading import Loaded, load_program
from fastlint.engine.run import CheckResult
from fastlint.engine.sources import SourceLines
from fastlint.engine.workspace import Workspace
from fastlint.facts.build import room_for_nesting
from fastlint.facts.model import FileFacts
from fastlint.fixes.files import Files
from fastlint.reports import writer
from fastlint.reports.model import Output
from fastlint.rules.finding import Finding
from fastlint.rules.registry import MODEL, RULES, RuleInfo

DEAREST = 10
"""So many rules are listed, those that take longest."""


def processor_seconds() -> float:
    """Return what this process and the workers that it has waited for took so far."""
    return sum(os.times()[:4])


def megabytes() -> float:
    """Return the memory that this process has, or where the system does not say, the most that it had."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


class Stages:
    """Prints what the stages of a run took, one after the other."""

    def __init__(self) -> None:
        self.clock, self.processors = time.perf_counter(), processor_seconds()
        print(f"{'':<16}{'time':>10}{'CPU':>10}{'memory':>12}")
        print(f"{'start':<16}{'-':>10}{self.processors:>8.2f} s{megabytes():>9,.0f} MB")

    def end(self, stage: str) -> None:
        """Print what was spent since the stage before, and the memory that there is now."""
        clock, processors = time.perf_counter(), processor_seconds()
        print(f"{stage:<16}{clock - self.clock:>8.2f} s{processors - self.processors:>8.2f} s", end="")
        print(f"{megabytes():>9,.0f} MB", flush=True)
        self.clock, self.processors = clock, processors


class WatchedWorkspace(Workspace):
    """A workspace that tells when facts are asked for, and when they are there."""

    def __init__(self, stages: Stages) -> None:
        super().__init__()
        self.stages = stages

    def facts(
        self, paths: Sequence[Path], progress: Callable[[int, int], None] | None = None
    ) -> list[FileFacts]:
        """Return the facts of files, as the workspace does."""
        self.stages.end("finding files")
        found = super().facts(paths, progress)
        self.stages.end("facts")
        return found


class Profile:
    """A cold run over the current directory, its stages one by one."""

    def __init__(self) -> None:
        self.stages = Stages()
        self.settings: Settings = load_settings([], CommandLine(isolated=True, cache=False))
        self.selection = Selection(self.settings, RULES)
        self.by_rule: defaultdict[str, float] = defaultdict(float)
        self.by_fix: defaultdict[str, float] = defaultdict(float)

    def run(self) -> None:
        """Run all stages, and print which rules took longest."""
        workspace = WatchedWorkspace(self.stages)
        loaded = load_program(self.settings, None, workspace)
        self.stages.end("loading")
        application = Application(loaded.program, loaded.versions, loaded.deployment)
        self.stages.end("application")
        sources = SourceLines(loaded.paths, workspace.source)
        found = self.judged(application, sources)
        diagnostics = self.repaired(found, sources)
        self.report(diagnostics, loaded, application)
        print_dearest("model rules", self.by_rule)
        print_dearest("fixes", self.by_fix)

    def judged(self, application: Application, sources: SourceLines) -> list[tuple[RuleInfo, Finding]]:
        """Return what the rules find: first those about suspects, then each of those about the model."""
        chosen = [rule for rule in RULES if self.selection.is_enabled(rule.code)]
        found = judge(application, [rule for rule in chosen if rule.suspects != MODEL], sources)
        self.stages.end("suspects")
        for rule in chosen:
            if rule.suspects == MODEL:
                with spent(self.by_rule, rule.code):
                    found += judge(application, [rule], sources)
        self.stages.end("model rules")
        return found

    def repaired(self, found: Sequence[tuple[RuleInfo, Finding]], sources: SourceLines) -> list[Diagnostic]:
        """Return the diagnostics that are reported, each with its fix."""
        files = Files(sources.text)
        diagnostics = []
        for rule, finding in found:
            if finding.severity is Severity.INFO and not self.selection.is_explicit(rule.code):
                continue
            diagnostic = describe(rule, finding, sources)
            with spent(self.by_fix, rule.code):
                diagnostics.append(with_fix(diagnostic, finding.fix, files))
        self.stages.end("fixes")
        return diagnostics

    def report(self, diagnostics: Sequence[Diagnostic], loaded: Loaded, application: Application) -> None:
        """Write the report, to nowhere."""
        ordered = tuple(sorted(diagnostics, key=lambda d: d.sort_key))
        result = CheckResult(ordered, len(loaded.asked), len(application.routes), len(application.entries))
        writer(self.settings.output_format)(result, Output(stream=io.StringIO(), cwd=self.settings.cwd))
        self.stages.end("report")


@contextmanager
def spent(seconds: defaultdict[str, float], code: str) -> Iterator[None]:
    """Add the processor time of what is done meanwhile to that of a rule."""
    started = time.process_time()
    yield
    seconds[code] += time.process_time() - started


def print_dearest(title: str, seconds: Mapping[str, float]) -> None:
    """Print the rules that took longest."""
    dearest = sorted(seconds.items(), key=lambda item: -item[1])[:DEAREST]
    print(f"{title} that take longest, CPU: {', '.join(f'{code} {spent:.2f} s' for code, spent in dearest)}")


def main() -> None:
    """Profile a run over the directory that was named, or the current one."""
    os.chdir(sys.argv[1] if len(sys.argv) > 1 else ".")
    gc.disable()  # as `fastlint check` does
    with room_for_nesting():
        Profile().run()


if __name__ == "__main__":
    main()
