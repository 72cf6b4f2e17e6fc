"""Times fastlint, hydroid and the bare parser on the same sources, in turns, and prints the medians.

    python benchmarks/speed.py [PATH] [--rounds N] [--with-dependencies] [--work-dir DIR]

Without PATH, the sources are those of a large application on PyPI. Every command starts from nothing: no
cache is read, and each tool has an environment of its own, made from what pip installs now.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
APPLICATION = "langflow_base==1.13.0"
BARE_PARSER = """
import ast, gc, pathlib, sys, warnings
warnings.simplefilter("ignore")
gc.disable()
for path in pathlib.Path(sys.argv[1]).rglob("*.py"):
    try:
        ast.parse(path.read_bytes())
    except SyntaxError:
        pass
"""
MAY_EXIT_WITH = (0, 1)
"""Both tools exit with 1 when they have found something."""


class Cost(NamedTuple):
    """What one run took: seconds on the clock, seconds of all processors, megabytes at most."""

    wall: float
    cpu: float
    memory: float


@dataclass
class Contestant:
    """A command that is timed, and what its runs took so far."""

    name: str
    command: Sequence[str]
    costs: list[Cost] = field(default_factory=list)

    def median(self) -> Cost:
        """Return the medians of the runs."""
        return Cost(*(statistics.median(column) for column in zip(*self.costs, strict=True)))


def run_once(command: Sequence[str], directory: Path) -> Cost:
    """Run a command in a directory, its output thrown away, and return what it took.

    Raises:
        SystemExit: the command failed, so that its time means nothing.
    """
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in MAY_EXIT_WITH:
            errors.seek(0)
            sys.exit(f"{command} exited with {process.returncode}:\n{errors.read().decode(errors='replace')}")
    # The kernel counts memory in kilobytes, except that of macOS, which counts bytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def make_environment(directory: Path, *packages: str) -> Path:
    """Return the interpreter of a new environment that has the packages."""
    python = directory / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The pip of a new environment is that of the Python, which can take an hour over long requirements.
    subprocess.run([*install, "--upgrade", "pip"], check=True)
    subprocess.run([*install, *packages], check=True)
    return python


def fetch_application(directory: Path) -> Path:
    """Return a directory with the sources of the application, without what it depends on."""
    sources = directory / "application"
    if not sources.exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        wheels = directory / "wheels"
        subprocess.run([*download, "--no-deps", "--dest", str(wheels), APPLICATION], check=True)
        for wheel in wheels.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(sources)
    return sources


def contestants(directory: Path, sources: Path, with_dependencies: bool) -> list[Contestant]:
    """Install the tools and return what to time."""
    fastlint = make_environment(directory / "fastlint", str(ROOT)).with_name("fastlint")
    hydroid = make_environment(directory / "hydroid", "hydroid-cli")
    command = [str(hydroid.with_name("hydroid")), ".", "--no-cache", "--python"]
    found = [
        Contestant("ast.parse", [str(fastlint.with_name("python")), "-c", BARE_PARSER, str(sources)]),
        Contestant("fastlint", [str(fastlint), "check", "--no-cache", "--isolated", "."]),
        Contestant("hydroid", [*command, str(hydroid)]),
    ]
    if with_dependencies:
        complete = make_environment(directory / "hydroid-complete", "hydroid-cli", APPLICATION)
        found.append(Contestant("hydroid, dependencies installed", [*command, str(complete)]))
    return found


def describe_machine() -> str:
    """Return a line about the processor, the system and how busy it is."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text(encoding="utf-8").splitlines())
        model = next((value.strip() for key, _, value in lines if key.strip() == "model name"), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"load average {os.getloadavg()[0]:.1f}"
    return f"{cores} cores ({model}), {platform.system()}, Python {platform.python_version()}, {load}"


def describe_tools(found: Sequence[Contestant]) -> str:
    """Return the versions of the tools, as they print them."""
    tools = [
        contestant.command[0] for contestant in found if "python" not in Path(contestant.command[0]).name
    ]
    printed = [
        subprocess.check_output([tool, "--version"], text=True).strip() for tool in dict.fromkeys(tools)
    ]
    return ", ".join(dict.fromkeys(printed))


def describe_sources(sources: Path) -> str:
    """Return how many files and lines there are to look at."""
    files = list(sources.rglob("*.py"))
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    return f"{len(files):,} files, {lines:,} lines"


def print_table(found: Sequence[Contestant]) -> None:
    """Print the medians, and each as a multiple of the bare parser's."""
    parser = found[0].median().wall
    print(f"{'':<32}{'median':>9}{'fastest':>9}{'CPU':>9}{'memory':>9}  of ast.parse")
    for contestant in found:
        wall, cpu, memory = contestant.median()
        fastest = min(cost.wall for cost in contestant.costs)
        print(f"{contestant.name:<32}{wall:>7.2f} s{fastest:>7.2f} s", end="")
        print(f"{cpu:>7.2f} s{memory:>6.0f} MB{wall / parser:>12.1f}x")
    fastlint = next(contestant for contestant in found if contestant.name == "fastlint")
    for other in found:
        if other.name.startswith("hydroid"):
            ratio = other.median().wall / fastlint.median().wall
            print(f"{other.name} takes {ratio:.2f} times as long as fastlint")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", nargs="?", type=Path, help=f"sources to check instead of {APPLICATION}")
    parser.add_argument("--rounds", type=int, default=7, help="how often each command runs")
    parser.add_argument(
        "--with-dependencies",
        action="store_true",
        help="also time hydroid beside the installed dependencies of the application",
    )
    parser.add_argument("--work-dir", type=Path, help="where environments are kept and found again")
    options = parser.parse_args()
    if options.path and options.with_dependencies:
        parser.error("--with-dependencies knows only those of the default application")
    return options


def benchmark(directory: Path, options: argparse.Namespace) -> None:
    """Install, run the rounds and print what they took."""
    sources = options.path.resolve() if options.path else fetch_application(directory)
    found = contestants(directory, sources, options.with_dependencies)
    for contestant in found:
        run_once(contestant.command, sources)  # fills the disk cache and writes the .pyc files
    print(f"machine: {describe_machine()}")
    print(f"tools:   {describe_tools(found)}")
    print(f"sources: {options.path or APPLICATION}, {describe_sources(sources)}")
    print(f"rounds:  {options.rounds}, in turns, after one that does not count\n", flush=True)
    for _ in range(options.rounds):
        for contestant in found:
            contestant.costs.append(run_once(contestant.command, sources))
    print_table(found)


def main() -> None:
    """Run the benchmark in the directory that was asked for, or in one that is removed afterwards."""
    options = parse_arguments()
    if options.work_dir:
        directory = options.work_dir.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        benchmark(directory, options)
        return
    with tempfile.TemporaryDirectory(prefix="fastlint-speed-") as scratch:
        benchmark(Path(scratch), options)


if __name__ == "__main__":
    main()
