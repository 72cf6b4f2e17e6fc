"""What the rounds over an application took, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contestants import BASELINE, Contestant, Scenario
from machine import cores
from measuring import SEES_ALL_MEMORY, medians

MEMORY = "all processes together" if SEES_ALL_MEMORY else "the largest process"
LEGEND = """\
CPU: processor time of all processes of a run. cores: CPU divided by time. of hydroid: divided by what hydroid takes
in the same scenario. of ast.parse: divided by what one process takes to read and parse every file. `time x n` is the
time on the clock times the processors that a run may use (n is {cores}, and 1 for ast.parse), divided by the time on
the clock of ast.parse; `CPU` is processor time by processor time."""


@dataclass
class Table:
    """Prints medians, and what they are beside hydroid and beside `ast.parse`."""

    empty: Contestant
    """A Python that does nothing."""
    parser: Contestant
    tools: Sequence[Contestant]

    @property
    def hydroid(self) -> Contestant | None:
        """The peer that does most alike, if it takes part."""
        return next((contestant for contestant in self.tools if contestant.name == "hydroid"), None)

    def show(self, scenarios: Sequence[Scenario]) -> None:
        """Print the medians of all scenarios, and the memory."""
        print(f"\n{'':<72}{'of hydroid':>20}{'of ast.parse':>20}")
        titles = ("median", "fastest", "CPU", "cores", "time", "CPU", "time x n", "CPU")
        print(f"{'':<34}", *(f"{title:>10}" for title in titles), sep="")
        for baseline in (self.empty, self.parser):
            self.show_row(baseline, BASELINE)
        for scenario in scenarios:
            print(f"{scenario.title}:")
            for contestant in self.tools:
                if scenario.is_for(contestant):
                    self.show_row(contestant, scenario.name)
            if scenario.name == "unchanged":
                self.show_beside_empty()
        self.show_memory()

    def show_row(self, contestant: Contestant, scenario: str) -> None:
        """Print what a contestant took in a scenario."""
        costs = contestant.costs[scenario]
        if not costs:
            print(f"  {contestant.name:<32}{contestant.left}")
            return
        own = medians(costs)
        cells = [
            in_seconds(own.wall),
            in_seconds(min(cost.wall for cost in costs)),
            in_seconds(own.cpu),
            f"{own.cpu / own.wall:.1f}",
            *self.ratios(contestant, scenario),
        ]
        row = "".join(f"{cell:>10}" for cell in cells)
        print(f"  {contestant.name:<32}{row}  {contestant.left}".rstrip())

    def ratios(self, contestant: Contestant, scenario: str) -> tuple[str, str, str, str]:
        """Return the medians as multiples of those of hydroid, and of those of the parser."""
        own, parser = medians(contestant.costs[scenario]), medians(self.parser.costs[BASELINE])
        hydroid = self.hydroid.costs[scenario] if self.hydroid is not None else []
        beside = medians(hydroid) if hydroid else None
        return (
            f"{own.wall / beside.wall:.3f}x" if beside else "-",
            f"{own.cpu / beside.cpu:.3f}x" if beside else "-",
            f"{own.wall * contestant.cores / parser.wall:.2f}x",
            f"{own.cpu / parser.cpu:.2f}x",
        )

    def show_beside_empty(self) -> None:
        """Print how much longer than the start of Python a run over unchanged files takes."""
        empty = medians(self.empty.costs[BASELINE]).wall
        found = [(contestant.name, contestant.costs["unchanged"]) for contestant in self.tools]
        ratios = [f"{name} {medians(costs).wall / empty:.2f}x" for name, costs in found if costs]
        print(f"  of the time of python -c pass: {', '.join(ratios)}")

    def show_memory(self) -> None:
        """Print the memory of a cold run."""
        print(f"peak memory of a cold run, {MEMORY}:")
        beside = self.hydroid.memory if self.hydroid is not None else None
        for contestant in (self.parser, *self.tools):
            if contestant.memory is None:
                print(f"  {contestant.name:<32}{contestant.left}")
                continue
            ratio = f"{contestant.memory / beside:.2f}x of hydroid" if beside else ""
            print(f"  {contestant.name:<32}{contestant.memory:>7,.0f} MB  {ratio}".rstrip())


def print_legend() -> None:
    """Print what the columns are."""
    print(LEGEND.format(cores=cores()), flush=True)


def in_seconds(value: float) -> str:
    """Return seconds with as many digits as they deserve."""
    return f"{value:.{2 if value >= 1 else 3}f} s"
