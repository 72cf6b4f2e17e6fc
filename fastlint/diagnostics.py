"""The words every stage shares: a diagnostic, where it stands, how it is reached, how bad it is."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Severity(enum.IntEnum):
    """How much a diagnostic matters; a higher value is worse."""

    INFO = 1
    """Advice, or a cost too small to act on by itself; off by default."""
    WARNING = 2
    """Costs measurable time."""
    ERROR = 3
    """Can stall or exhaust the server."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file: row and column, both counted from 1, columns in code points."""

    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a chain: where it stands, its source text and what it calls (a dotted name)."""

    filename: str
    location: Location
    call: str
    target: str


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What makes the server run the code: a route, a dependency, a middleware, a validator, a task.

    `kind` is a word of the FastAPI documentation ("route", "dependency", ...), `label` what a reader
    recognises ("GET /items/{id}", or the function's name).
    """

    kind: str
    label: str
    filename: str
    location: Location


class Applicability(enum.Enum):
    """How far a fix may be trusted; docs/fixes.md defines both."""

    SAFE = "safe"
    """Requests are answered as before; applied by `--fix`."""
    UNSAFE = "unsafe"
    """May change what the program does, in ways that the fix's page names; applied with `--unsafe-fixes`."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A piece of a file that is replaced; an insertion where start and end are the same place."""

    filename: str
    start: Location
    end: Location
    content: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A repair of one diagnostic: the edits that make it belong together."""

    title: str
    """What it does, as a short command: "Await `asyncio.sleep`"."""
    applicability: Applicability
    edits: tuple[Edit, ...]
    guards: tuple[Edit, ...] = ()
    """Pieces that the fix relies on and leaves as they are; no other fix of the same round may change them."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem at one place, with the calls that lead from there to the culprit."""

    code: str
    name: str
    severity: Severity
    message: str
    filename: str
    location: Location
    end_location: Location
    advice: str = ""
    """What to write instead, one sentence."""
    chain: tuple[Step, ...] = ()
    """From the reported call down to the call that blocks, both included."""
    entry_points: tuple[EntryPoint, ...] = ()
    """The nearest first; those that are farther away are only counted."""
    notes: tuple[str, ...] = field(default=())
    fix: Fix | None = None
    unfixed: str = ""
    """Why there is no fix, where the rule usually has one: the end of a sentence that starts "no fix:"."""
    further_entry_points: int = 0
    """How many entry points there are besides."""

    @property
    def sort_key(self) -> tuple[str, Location, str]:
        """Order of every report: by file, place and code."""
        return (self.filename, self.location, self.code)
