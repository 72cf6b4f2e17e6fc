"""What a report is made of and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TextIO

from fastlint.diagnostics import Applicability, Diagnostic, Fix


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

    @property
    def fixed(self) -> int:
        """How many diagnostics were repaired before these were left."""


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
    unsafe_fixes: bool = False
    """Whether fixes that are not safe count as fixes."""

    def applies(self, fix: Fix | None) -> bool:
        """Tell whether `--fix` would apply a fix."""
        return fix is not None and (self.unsafe_fixes or fix.applicability is Applicability.SAFE)


Writer = Callable[[Result, Output], None]
