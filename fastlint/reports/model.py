"""What a report is made of and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from fastlint.diagnostics import Diagnostic


class Result(Protocol):
    """The outcome of a run."""

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was found, in the order to show it."""

    @property
    def files(self) -> int:
        """How many files were looked at."""

    @property
    def routes(self) -> int:
        """How many routes the application has."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where a report is written and what the place can show."""

    stream: TextIO
    cwd: Path
    color: bool = False
    links: bool = False
    """Whether hyperlinks work there."""
    width: int | None = None
    """Columns, or `None` where lines may be as long as they like."""
    summary: bool = True
    """Whether to end with a line about the whole run."""
    details: bool = False
    """Whether to list what is otherwise only counted."""


Writer = Callable[[Result, Output], None]
