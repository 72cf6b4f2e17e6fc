"""What rules find: a problem at a place, with the calls that prove it."""

from __future__ import annotations

from dataclasses import dataclass

from fastlint.application.model import Entry
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr, Span
from fastlint.fixes.files import FixMaker
from fastlint.project.program import Function


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain: an expression of a function, and what it calls (a dotted name)."""

    function: Function
    span: Span
    expr: Expr
    target: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem at a place of a file; the engine makes a diagnostic of it."""

    function: Function | str
    """The function that the place is in (index 0 of a module is its own body), or the path of a file that is
    not part of the program, such as a Dockerfile."""
    span: Span
    severity: Severity
    message: str
    advice: str
    """What to write instead, one sentence without its period."""
    chain: tuple[Link, ...] = ()
    entries: tuple[Entry, ...] = ()
    """The entry points that lead to it, the nearest first."""
    notes: tuple[str, ...] = ()
    fix: FixMaker | None = None

    @property
    def path(self) -> str:
        """The file that the place is in."""
        return self.function if isinstance(self.function, str) else self.function.module.path
