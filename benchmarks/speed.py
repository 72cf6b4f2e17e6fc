"""Times fastlint and its peers on the same sources, in turns: cold, unchanged, and after edits.

    python benchmarks/speed.py [--applications NAME...] [--only TOOL...] [--scenarios NAME...]
                               [--rounds N] [--patience SECONDS] [--with-dependencies] [--directory DIR]
    python benchmarks/speed.py --profile [--applications NAME...]

The applications are pinned on PyPI, the tools as well; each tool has an environment of its own, and copies of
the applications, in which all make the same edits.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import edits
from applications import VERSIONS, Part, kept_or_removed, requirement, size_of, unpack
from contestants import BASELINE, SCENARIOS, Contestant
from machine import cores, describe_machine, load
from tables import Table, print_legend
from tools import TOOLS, Tool, beside_dependencies, command_of, describe, install

DEFAULT = ("argilla_server", "khoj", "langflow_base", "zenml", "litellm")
SETTLED = 0.2
"""Seconds after which nothing counts as changed just now."""
BARE_PARSER = """
import ast, gc, pathlib, warnings
warnings.simplefilter("ignore")
gc.disable()
for path in pathlib.Path().rglob("*.py"):
    try:
        ast.parse(path.read_bytes())
    except SyntaxError:
        pass
"""


class Application(NamedTuple):
    """What is looked at: sources, and what installs them if that is known."""

    label: str
    sources: Path
    requirement: str = ""


class Race:
    """The contestants over one application."""

    def __init__(
        self, application: Application, pythons: dict[Tool, Path], options: argparse.Namespace
    ) -> None:
        self.application = application
        self.patience: float = options.patience
        self.rounds: int = options.rounds
        self.scenarios = [scenario for scenario in SCENARIOS if scenario.name in options.scenarios]
        python = str(next(iter(pythons.values())))
        self.empty = Contestant("python -c pass", [python, "-c", "pass"], application.sources)
        self.parser = Contestant("ast.parse", [python, "-c", BARE_PARSER], application.sources)
        self.pythons = pythons

    def run(self, scratch: Path) -> None:
        """Run the rounds in copies of the sources, and print what they took."""
        contestants = [self.contestant(tool, scratch / str(n)) for n, tool in enumerate(self.pythons)]
        everybody = [self.empty, self.parser, *contestants]
        for contestant in everybody:
            contestant.warm_up()
        edited = edits.choose(self.application.sources, self.report(contestants))
        files, lines = size_of(self.application.sources)
        print(f"\n{self.application.label}: {files:,} files, {lines:,} lines, {load()}\nedited: {edited}")
        for number in range(self.rounds):
            self.parser.time(BASELINE)
            for position, scenario in enumerate(self.scenarios):
                self.empty.time(BASELINE)
                for contestant in contestants:
                    if scenario.is_for(contestant) and not contestant.left:
                        scenario.prepare(contestant, edited, number * len(SCENARIOS) + position)
                        time.sleep(SETTLED)
                        contestant.time(scenario.name, *scenario.options)
        Table(self.empty, self.parser, contestants).show(self.scenarios)

    def contestant(self, tool: Tool, copy: Path) -> Contestant:
        """Return a tool in a copy of the sources."""
        ignored = shutil.ignore_patterns(".git", *(t.cache for t in TOOLS if t.cache))
        shutil.copytree(self.application.sources, copy, ignore=ignored)
        cache = copy / tool.cache if tool.cache else None
        command = command_of(tool, self.pythons[tool])
        return Contestant(tool.name, command, copy, cache, cores(), self.patience)

    def report(self, contestants: Sequence[Contestant]) -> str:
        """Return what fastlint reports, so that edited files can be chosen by it; nothing if it does not run."""
        for contestant in contestants:
            if contestant.name == "fastlint" and not contestant.left:
                command = [*contestant.command, "--output-format", "json"]
                run = subprocess.run(command, cwd=contestant.directory, capture_output=True, text=True)
                return run.stdout.replace(f"{contestant.directory}/", "")
        return ""


def applications(directory: Path, options: argparse.Namespace) -> Iterator[Application]:
    """Yield what to look at, downloaded if need be."""
    for word in options.applications:
        if word in VERSIONS:
            yield Application(Part(word).label, unpack(directory, word), requirement(word))
        else:
            yield Application(word, Path(word).resolve())


def profile(python: Path, application: Application) -> None:
    """Print where the time of a cold run goes."""
    print(f"\n{application.label}, {load()}", flush=True)
    stages = Path(__file__).with_name("stages.py")
    subprocess.run([str(python), str(stages), str(application.sources)], check=True)


def benchmark(directory: Path, options: argparse.Namespace) -> None:
    """Install the tools, and run the rounds over each application."""
    environments = directory / "environments"
    tools = [tool for tool in TOOLS if tool.name in options.only]
    pythons = {tool: install(tool, environments) for tool in tools}
    print(f"machine: {describe_machine()}")
    print(f"tools:   {describe(pythons)}")
    if options.profile:
        for application in applications(directory, options):
            profile(pythons[tools[0]], application)
        return
    print(f"rounds:  {options.rounds}, in turns, after a run of each that does not count")
    print_legend()
    for application in applications(directory, options):
        also = [beside_dependencies(application.requirement)] if options.with_dependencies else []
        found = pythons | {tool: install(tool, environments) for tool in also}
        with tempfile.TemporaryDirectory(prefix="fastlint-speed-") as scratch:
            Race(application, found, options).run(Path(scratch).resolve())


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names, scenarios = [tool.name for tool in TOOLS], [scenario.name for scenario in SCENARIOS]
    parser.add_argument(
        "--applications",
        nargs="+",
        default=DEFAULT,
        metavar="NAME",
        help=f"of {', '.join(VERSIONS)}, or directories",
    )
    parser.add_argument(
        "--only", nargs="+", default=names, choices=names, metavar="TOOL", help="tools to time"
    )
    parser.add_argument(
        "--scenarios", nargs="+", default=scenarios, choices=scenarios, metavar="NAME", help="what to time"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs")
    parser.add_argument("--patience", type=float, default=600, help="seconds after which a run is ended")
    parser.add_argument(
        "--with-dependencies",
        action="store_true",
        help="also time hydroid beside the installed dependencies of the application",
    )
    parser.add_argument(
        "--directory", type=Path, help="where sources and environments are kept and found again"
    )
    parser.add_argument(
        "--profile", action="store_true", help="print where the time of fastlint goes instead"
    )
    options = parser.parse_args()
    unknown = [word for word in options.applications if word not in VERSIONS and not Path(word).is_dir()]
    if unknown:
        parser.error(f"no such application or directory: {', '.join(unknown)}")
    if options.with_dependencies and not all(word in VERSIONS for word in options.applications):
        parser.error("--with-dependencies knows only those of the pinned applications")
    if options.profile:
        options.only = ["fastlint"]
    return options


def main() -> None:
    """Run the benchmark in the directory that was asked for, or in one that is removed afterwards."""
    options = parse_arguments()
    with kept_or_removed(options.directory) as directory:
        benchmark(directory, options)


if __name__ == "__main__":
    main()
