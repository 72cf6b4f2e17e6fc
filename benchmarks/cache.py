"""Times runs with and without what an earlier run left in the cache, in turns, and prints them as ratios.

    python benchmarks/cache.py [PATH] [--rounds N]

Without PATH, the sources are those of a large application on PyPI. They are copied, since the benchmark
edits them. The fastlint that runs is the one of this Python (`pip install -e .`).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from speed import (
    APPLICATION,
    Contestant,
    describe_machine,
    describe_sources,
    fetch_application,
    run_once,
)

CHECK = [sys.executable, "-m", "fastlint", "check", "."]
FACTS = """
import gc, sys
from pathlib import Path
from fastlint.cache.directory import make_directory
from fastlint.cache.kept import Kept
from fastlint.facts.build import STACK, build_facts
from fastlint.facts.packing import version
gc.disable()
sys.setrecursionlimit(STACK)
kept = Kept(make_directory(sys.argv[1]), version) if len(sys.argv) > 1 else None
build_facts(sorted(Path().rglob("*.py")), None, kept)
if kept:
    kept.save()
"""
IMPORT = re.compile(r"^\s*(?:from|import) ([\w.]+)", re.MULTILINE)
SMALL = 1_000
"""Bytes up to which a file says too little to stand for others."""
SETTLED = 0.2
"""Seconds after which nothing counts as changed just now."""


@dataclass
class Case:
    """A command and what is done to the sources before each time it is timed."""

    contestant: Contestant
    prepare: Callable[[], None]


def nothing() -> None:
    """Leave everything as the run before left it."""


def hub_of(sources: Path) -> Path:
    """Return the file that most others import."""
    places = {path.relative_to(sources).with_suffix("").as_posix(): path for path in sources.rglob("*.py")}
    places |= {place.removesuffix("/__init__"): path for place, path in places.items()}
    imported: Counter[Path] = Counter()
    for path in sources.rglob("*.py"):
        names = set(IMPORT.findall(path.read_text(encoding="utf-8", errors="replace")))
        imported.update(places[name.replace(".", "/")] for name in names if name.replace(".", "/") in places)
    return imported.most_common(1)[0][0]


def silent_file(sources: Path) -> Path:
    """Return a file that the report does not name, the first in a directory of its own."""
    command = [*CHECK, "--no-cache", "--output-format", "json"]
    report = subprocess.run(command, cwd=sources, capture_output=True, text=True).stdout
    files = sorted(path for path in sources.rglob("*/*.py") if path.stat().st_size > SMALL)
    return next(path for path in files if path.relative_to(sources).as_posix() not in report)


def cases(sources: Path) -> list[Case]:
    """Return what to time, in the order in which one leads to the next."""
    cache, edited = sources / ".fastlint_cache", next(iter(sorted(sources.rglob("main.py"))), None)
    edited = edited or min(sources.rglob("*.py"))
    hub, silent = hub_of(sources), silent_file(sources)
    print(f"edited:  {', '.join(path.relative_to(sources).as_posix() for path in (edited, silent, hub))}")

    def remove_cache() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    def append(line: str, path: Path = edited) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)

    facts = [sys.executable, "-c", FACTS]
    return [
        Case(Contestant("python -c pass", [sys.executable, "-c", "pass"]), nothing),
        Case(Contestant("no cache", [*CHECK, "--no-cache"]), nothing),
        Case(Contestant("cold", CHECK), remove_cache),
        Case(Contestant("unchanged", CHECK), nothing),
        Case(Contestant("a line of code more", CHECK), lambda: append(f"V_{time.time_ns()} = 1\n")),
        Case(Contestant("a line more in a hub", CHECK), lambda: append(f"V_{time.time_ns()} = 1\n", hub)),
        Case(Contestant("a comment more", CHECK), lambda: append(f"# {time.time_ns()}\n")),
        Case(Contestant("one in a silent file", CHECK), lambda: append(f"# {time.time_ns()}\n", silent)),
        Case(Contestant("facts, taken", facts), nothing),
        Case(Contestant("facts, read", [*facts, str(cache)]), nothing),
    ]


def print_table(found: list[Case]) -> None:
    """Print the medians, and each as a multiple of an empty Python and of a cold run."""
    by_name = {case.contestant.name: case.contestant.median() for case in found}
    empty, cold = by_name["python -c pass"], by_name["cold"]
    print(
        f"{'':<24}{'median':>9}{'CPU':>9}{'of an empty Python':>20}{'of a cold run':>15}{'the same in CPU':>17}"
    )
    for name, (wall, cpu, _) in by_name.items():
        print(f"{name:<24}{wall:>7.2f} s{cpu:>7.2f} s{wall / empty.wall:>19.1f}x", end="")
        print(f"{wall / cold.wall:>14.3f}x{cpu / cold.cpu:>16.3f}x")
    ratio = by_name["facts, read"].cpu / by_name["facts, taken"].cpu
    print(f"reading facts takes {ratio:.2f} times the processor time of taking them")


def benchmark(directory: Path, options: argparse.Namespace) -> None:
    """Copy the sources, run the rounds and print what they took."""
    original = options.path.resolve() if options.path else fetch_application(directory)
    sources = directory / "copy"
    shutil.copytree(original, sources, ignore=shutil.ignore_patterns(".fastlint_cache", ".git"))
    found = cases(sources)
    print(f"machine: {describe_machine()}")
    print(f"sources: {options.path or APPLICATION}, {describe_sources(sources)}")
    print(f"rounds:  {options.rounds}, in turns, after one that does not count\n", flush=True)
    for number in range(options.rounds + 1):
        for case in found:
            case.prepare()
            time.sleep(SETTLED)
            cost = run_once(case.contestant.command, sources)
            if number:
                case.contestant.costs.append(cost)
    print_table(found)


def main() -> None:
    """Read the command line and run the benchmark in a directory that is removed afterwards."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", nargs="?", type=Path, help=f"sources to check instead of {APPLICATION}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed fastlint has been compiled
    with tempfile.TemporaryDirectory(prefix="fastlint-cache-") as scratch:
        benchmark(Path(scratch), options)


if __name__ == "__main__":
    main()
