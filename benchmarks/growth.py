"""Measures how the cost of a cold run grows with the application: time and memory over lines, as a plot.

    python benchmarks/growth.py [--rounds N] [--up-to LINES] [--patience SECONDS]
                                [--directory DIR] [--plot FILE.svg]

The applications, and parts of them, are pinned on PyPI. Their wheels are unpacked and never installed or
run. The fastlint that runs is the one of this Python (`pip install -e .`).
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from applications import Part, Size, kept_or_removed, size_of, unpack
from machine import describe_machine
from measuring import SEES_ALL_MEMORY, Cost, medians, run

CHECK = [sys.executable, "-P", "-m", "fastlint", "check", "--no-cache", "--isolated", "."]
LARGE = 20_000
"""Lines from which the start of Python and of fastlint counts for little."""


PARTS = (
    Part("argilla_server", "argilla_server/security"),
    Part("argilla_server", "argilla_server/api"),
    Part("argilla_server"),
    Part("langflow_base", "langflow/api"),
    Part("langflow_base"),
    Part("skypilot"),
    Part("zenml"),
    Part("litellm", "litellm/proxy"),
    Part("litellm"),
)


@dataclass
class Point:
    """A part, its size, and what runs over it took; no cost if none came to an end."""

    part: Part
    size: Size
    costs: list[Cost] = field(default_factory=list)

    def median(self) -> Cost:
        """Return the medians of the runs."""
        return medians(self.costs)


def exponent(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Return the exponent and the factor of the power that fits best, by the logarithms."""
    fit = statistics.linear_regression([math.log(x) for x in xs], [math.log(y) for y in ys])
    return fit.slope, math.exp(fit.intercept)


def print_table(points: Sequence[Point]) -> None:
    """Print the medians, and what they are for each line."""
    print(f"{'':<50}{'files':>7}{'lines':>11}{'time':>10}{'CPU':>10}{'memory':>10}  CPU per 1,000 lines")
    for point in points:
        print(f"{point.part.label:<50}{point.size.files:>7,}{point.size.lines:>11,}", end="")
        if not point.costs:
            print("  not done in the time that it was given")
            continue
        wall, cpu, memory = point.median()
        print(f"{wall:>8.2f} s{cpu:>8.2f} s{memory:>7,.0f} MB{cpu / point.size.lines * 1e6:>17.1f} ms")


def print_fits(points: Sequence[Point]) -> None:
    """Print the exponents of time and memory over lines, of all points and of the large ones."""
    for title, chosen in (
        ("all", points),
        (f"from {LARGE:,} lines", [point for point in points if point.size.lines >= LARGE]),
    ):
        if len(chosen) < 2:
            continue
        lines = [float(point.size.lines) for point in chosen]
        columns = zip(*(point.median() for point in chosen), strict=True)
        names = ("time", "processor time", "memory")
        found = [
            f"{name} {exponent(lines, column)[0]:.2f}" for name, column in zip(names, columns, strict=True)
        ]
        print(f"exponent over lines, {title} ({len(chosen)} points): {', '.join(found)}")


WIDTH, HEIGHT, LEFT, TOP, SIZE = 860, 420, 70, 56, 300
"""Of the whole plot, and where the first of its two squares begins."""
SERIES = (("processor time", 1, "#1f6fb4"), ("time", 0, "#d1701f"))
STYLE = "text{font:12px sans-serif;fill:#333}.t{font-size:14px;font-weight:bold}.g{stroke:#ddd}"


class Axes:
    """A square with logarithmic axes."""

    def __init__(self, left: float, xs: Sequence[float], ys: Sequence[float]) -> None:
        self.left = left
        self.x_range = math.floor(math.log10(min(xs))), math.ceil(math.log10(max(xs)))
        self.y_range = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point is drawn."""
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        right = (math.log10(x) - x0) / (x1 - x0) * SIZE
        up = (math.log10(y) - y0) / (y1 - y0) * SIZE
        return round(self.left + right, 1), round(TOP + SIZE - up, 1)

    def frame(self, title: str, unit: str) -> Iterator[str]:
        """Yield the title, the lines of the grid and their labels."""
        yield f'<text class="t" x="{self.left}" y="{TOP - 16}">{escape(title)}</text>'
        bottom = TOP + SIZE
        for power in range(self.x_range[0], self.x_range[1] + 1):
            x, _ = self.at(10**power, 10 ** self.y_range[0])
            yield f'<line class="g" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/>'
            yield f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{10**power:,}</text>'
        for power in range(self.y_range[0], self.y_range[1] + 1):
            _, y = self.at(10 ** self.x_range[0], 10**power)
            yield f'<line class="g" x1="{self.left}" y1="{y}" x2="{self.left + SIZE}" y2="{y}"/>'
            yield f'<text x="{self.left - 6}" y="{y + 4}" text-anchor="end">{10.0**power:,g} {unit}</text>'
        yield f'<text x="{self.left + SIZE / 2}" y="{bottom + 38}" text-anchor="middle">lines of Python</text>'

    def series(self, lines: Sequence[float], values: Sequence[float], colour: str) -> Iterator[str]:
        """Yield the points and the line of the power that fits the large ones."""
        for x, y in (self.at(*pair) for pair in zip(lines, values, strict=True)):
            yield f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}"/>'
        large = [pair for pair in zip(lines, values, strict=True) if pair[0] >= LARGE]
        if len(large) > 1:
            slope, factor = exponent(*zip(*large, strict=True))
            ends = [self.at(pair[0], factor * pair[0] ** slope) for pair in (min(large), max(large))]
            (x1, y1), (x2, y2) = ends
            yield f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-dasharray="5 4"/>'


def plot(points: Sequence[Point], description: str) -> str:
    """Return the text of an SVG with time and memory over lines."""
    lines = [float(point.size.lines) for point in points]
    costs = [point.median() for point in points]
    times = Axes(LEFT, lines, [value for cost in costs for value in cost[:2]])
    memory = Axes(WIDTH - SIZE - 30, lines, [cost.memory for cost in costs])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 20}">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>',
        *times.frame("Time of a cold run", "s"),
        *memory.frame("Memory of all processes together", "MB"),
    ]
    for place, (name, column, colour) in enumerate(SERIES):
        parts += times.series(lines, [cost[column] for cost in costs], colour)
        y = TOP + 18 + 18 * place
        parts.append(f'<circle cx="{LEFT + 12}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + 22}" y="{y}">{name}</text>')
    parts += memory.series(lines, [cost.memory for cost in costs], SERIES[0][2])
    parts.append(f'<text x="{LEFT}" y="{HEIGHT + 8}">{escape(description)}</text></svg>')
    return "\n".join(parts) + "\n"


def measure(directory: Path, options: argparse.Namespace) -> list[Point]:
    """Run the rounds over each part, the smallest first."""
    points = []
    for part in PARTS:
        sources = unpack(directory, part.distribution) / part.directory
        size = size_of(sources)
        if not options.up_to or size.lines <= options.up_to:
            points.append((Point(part, size), sources))
    points.sort(key=lambda pair: pair[0].size.lines)
    for point, sources in points:
        for _ in range(options.rounds):
            cost = run(CHECK, sources, options.patience, watched=True)
            if cost is None:
                point.costs.clear()
                break
            point.costs.append(cost)
        print(f"  {point.part.label}", *(f"{cost.cpu:.2f} s" for cost in point.costs), file=sys.stderr)
    return [point for point, _ in points]


def benchmark(directory: Path, options: argparse.Namespace) -> None:
    """Measure, print and draw."""
    description = describe_machine()
    points = measure(directory, options)
    print(f"machine: {description}")
    print(f"rounds:  {options.rounds}\n")
    print_table(points)
    done = [point for point in points if point.costs]
    print()
    print_fits(done)
    if options.plot:
        options.plot.write_text(plot(done, description), encoding="utf-8")


def main() -> None:
    """Read the command line and run the benchmark in the directory that was asked for, or in a new one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often each part is checked")
    parser.add_argument("--up-to", type=int, metavar="LINES", help="leave out what is larger")
    parser.add_argument("--patience", type=float, default=1800, help="seconds after which a run is ended")
    parser.add_argument("--directory", type=Path, help="where sources are kept and found again")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="where to draw time and memory")
    options = parser.parse_args()
    if not SEES_ALL_MEMORY:
        parser.error("the memory of all processes is read from /proc, so this needs Linux")
    with kept_or_removed(options.directory) as directory:
        benchmark(directory, options)


if __name__ == "__main__":
    main()
