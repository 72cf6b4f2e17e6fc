"""Who is timed in which situations: commands, the copies of an application where they run, and what their runs took."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import edits
from measuring import Cost, Failed, run
from tools import WITHOUT_CACHE

BASELINE = "baseline"
"""The scenario of what is no linter."""


@dataclass
class Contestant:
    """A command that is timed where it runs, and what its runs took so far."""

    name: str
    command: Sequence[str]
    directory: Path
    cache: Path | None = None
    cores: int = 1
    patience: float = 3600
    """Seconds after which a run is ended."""
    costs: defaultdict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))
    """By scenario."""
    memory: float | None = None
    left: str = ""
    """Why it does not run any longer."""

    def run(self, scenario: str, *options: str, watched: bool = False) -> Cost | None:
        """Run the command and return what it took; no more, if it once failed or took too long."""
        if self.left:
            return None
        try:
            cost = run([*self.command, *options], self.directory, self.patience, watched=watched)
        except Failed as failure:
            print(failure, file=sys.stderr)
            cost, spent = None, "failed"
        else:
            spent = (
                f"{cost.wall:.2f} s, CPU {cost.cpu:.2f} s" if cost else f"ended after {self.patience:.0f} s"
            )
        print(f"  {scenario}, {self.name}: {spent}", file=sys.stderr, flush=True)
        if cost is None:
            self.left = f"{spent} ({scenario})"
        return cost

    def time(self, scenario: str, *options: str) -> None:
        """Run the command and note what it took."""
        cost = self.run(scenario, *options)
        if cost is not None:
            self.costs[scenario].append(cost)

    def forget(self) -> None:
        """Empty the cache."""
        if self.cache is not None:
            shutil.rmtree(self.cache, ignore_errors=True)

    def warm_up(self) -> None:
        """Run once before anything counts: it fills the caches, and the memory is that of this run.

        Raises:
            SystemExit: the cache is not where it is expected, so that it could not be emptied.
        """
        cost = self.run("before the rounds", watched=True)
        self.memory = cost.memory if cost else None
        if cost and self.cache is not None and not self.cache.exists():
            sys.exit(f"{self.name} left nothing in {self.cache}")


@dataclass(frozen=True)
class Scenario:
    """What is done to the copy of a contestant before it is timed."""

    name: str
    title: str
    prepare: Callable[[Contestant, edits.Edited, int], None]
    options: tuple[str, ...] = ()

    def is_for(self, contestant: Contestant) -> bool:
        """Tell whether the tool knows the difference to a cold run."""
        return contestant.cache is not None or self.name == "cold"


SCENARIOS = (
    Scenario("no-cache", "without a cache (--no-cache)", lambda c, e, n: None, (WITHOUT_CACHE,)),
    Scenario("cold", "cold, the cache emptied", lambda c, e, n: c.forget()),
    Scenario("unchanged", "nothing changed", lambda c, e, n: None),
    Scenario(
        "leaf",
        "a line of code more in a leaf, which hardly any file imports",
        lambda c, e, n: edits.add_statement(c.directory / e.leaf, n),
    ),
    Scenario(
        "hub",
        "a line of code more in the hub, which most files import",
        lambda c, e, n: edits.add_statement(c.directory / e.hub, n),
    ),
    Scenario(
        "comment",
        "a comment more in the leaf, which fastlint's report names",
        lambda c, e, n: edits.add_comment(c.directory / e.leaf, n),
    ),
    Scenario(
        "silent-comment",
        "a comment more in a file that fastlint's report does not name",
        lambda c, e, n: edits.add_comment(c.directory / e.silent, n),
    ),
)
"""In the order of a round: each begins where the one before has left the files and the caches."""
