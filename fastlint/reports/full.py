"""The report for people: the line, the way from there to the culprit, who is hurt and what to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastlint.diagnostics import Applicability, Diagnostic, Severity, Step
from fastlint.reports.excerpt import excerpt
from fastlint.reports.model import Output, Result
from fastlint.reports.words import clean, entry_label, further_steps, place, rule_url, shown_path, summary
from fastlint.sources.reading import SourceError, read_source

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_NARROW = 60
_LONGEST_CALL = 80


def write(result: Result, output: Output) -> None:
    """Write a block for each diagnostic, then the summary."""
    from rich.console import Console

    console = Console(
        file=output.stream,
        force_terminal=output.color,
        color_system="standard" if output.color else None,
        width=output.width,
        highlight=False,
        markup=False,
        emoji=False,
    )
    page = _Page(console, output)
    for diagnostic in result.diagnostics:
        page.show(diagnostic)
    last = summary(result, output)
    if output.summary and last:
        page.paragraph(last)


class _Page:
    """Prints diagnostics; lines are broken here, so that rich has nothing left to break."""

    def __init__(self, console: Console, output: Output) -> None:
        self._console = console
        self._output = output
        self._lines = lru_cache(maxsize=8)(_read_lines)
        self._narrow = output.width is not None and output.width < _NARROW

    def show(self, diagnostic: Diagnostic) -> None:
        """Print one diagnostic and an empty line."""
        style = _STYLES[diagnostic.severity]
        self._line(*self._heading(diagnostic, style))
        self.paragraph(clean(diagnostic.message), indent="  ")
        self._excerpt(diagnostic, style)
        self._field("chain", [self._step(step) for step in further_steps(diagnostic)])
        self._field("reached from", self._entries(diagnostic))
        self._field("help", [clean(diagnostic.advice)] if diagnostic.advice else [])
        self._field("fix", [self._fix(diagnostic)] if self._fix(diagnostic) else [])
        for note in diagnostic.notes:
            self._field("note", [clean(note)])
        self._line()

    def paragraph(self, text: str, indent: str = "") -> None:
        """Print text broken between words."""
        for line in text.splitlines():
            for part in self._wrap(line, len(indent)):
                self._line((indent, ""), (part, ""))

    def _heading(self, diagnostic: Diagnostic, style: str) -> Iterator[tuple[str, str]]:
        where = diagnostic.location
        yield shown_path(diagnostic.filename, self._output.cwd), "bold"
        yield f":{where.row}:{where.column} ", "dim"
        link = f" link {rule_url(diagnostic.code, diagnostic.name)}" if self._output.links else ""
        yield f"{diagnostic.code} {diagnostic.name}", style + link
        if self._output.applies(diagnostic.fix):
            yield " [*]", "cyan"
        yield f" ({diagnostic.severity})", "dim"

    def _excerpt(self, diagnostic: Diagnostic, style: str) -> None:
        start, end = diagnostic.location, diagnostic.end_location
        lines = self._lines(self._output.cwd / diagnostic.filename)
        if not 0 < start.row <= len(lines):
            return
        line = lines[start.row - 1].rstrip()
        gutter = f"{start.row:>5} | "
        room = None if self._output.width is None else self._output.width - len(gutter)
        last = end.column - 1 if end.row == start.row else len(line)
        cut = excerpt(line, start.column - 1, last, room)
        self._line((gutter, "dim"), (cut.code, ""))
        underline = " " * cut.start + "^" * (cut.end - cut.start)
        self._line((f"{'|':>{len(gutter) - 1}} ", "dim"), (underline, style))

    def _step(self, step: Step) -> str:
        call = clean(step.call)
        if len(call) > _LONGEST_CALL:
            call = f"{call[: _LONGEST_CALL - 3]}..."
        return f"{place(step.filename, step.location, self._output.cwd)} `{call}` -> {clean(step.target)}"

    def _fix(self, diagnostic: Diagnostic) -> str:
        """Return what the fix does, or with `--verbose` why there is none."""
        if diagnostic.fix is not None:
            unsafe = " (unsafe)" if diagnostic.fix.applicability is Applicability.UNSAFE else ""
            return f"{clean(diagnostic.fix.title)}{unsafe}"
        return f"none, {clean(diagnostic.unfixed)}" if self._output.details and diagnostic.unfixed else ""

    def _entries(self, diagnostic: Diagnostic) -> list[str]:
        entries = diagnostic.entry_points
        shown = entries if self._output.details else entries[:1]
        lines = [f"{entry_label(e)} ({place(e.filename, e.location, self._output.cwd)})" for e in shown]
        further = len(entries) + diagnostic.further_entry_points - len(shown)
        if further:
            lines[-1] += f" and {further} more"
        return lines

    def _field(self, label: str, items: Iterable[str]) -> None:
        """Print `label: item`; further items and broken lines are indented below the first."""
        head = f"  {label}: "
        indent = " " * len(head)
        for item in items:
            if self._narrow and head.strip():
                self._line((head.rstrip(), "dim"))
                head = indent = "    "
            for part in self._wrap(item, len(indent)):
                self._line((head, "dim"), (part, ""))
                head = indent

    def _wrap(self, text: str, indent: int) -> list[str]:
        if self._output.width is None:
            return [text]
        from rich.text import Text

        lines = Text(text).wrap(self._console, max(self._output.width - indent, 10))
        return [line.plain.rstrip() for line in lines]

    def _line(self, *parts: tuple[str, str]) -> None:
        from rich.text import Text

        self._console.print(Text.assemble(*parts), soft_wrap=True)


def _read_lines(path: Path) -> list[str]:
    try:
        return read_source(path).lines()
    except SourceError:
        return []
