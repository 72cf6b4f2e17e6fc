"""Wording that the formats share: paths, links, counts and the summary of a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fastlint.diagnostics import Diagnostic, EntryPoint, Location, Severity, Step
from fastlint.reports.model import Output, Result

RULE_BOOK = "https://github.com/fastlint/fastlint/blob/main/rules"


def rule_url(code: str, name: str) -> str:
    """The address of the page about a rule."""
    return f"{RULE_BOOK}/{code}-{name}.md"


def shown_path(filename: str, cwd: Path, base: Path | None = None) -> str:
    """A file name as people read it: with forward slashes, relative to `base` (else `cwd`) if inside."""
    path, base = cwd / filename, base or cwd
    return _harmless((path.relative_to(base) if path.is_relative_to(base) else path).as_posix())


def place(filename: str, location: Location, cwd: Path, base: Path | None = None) -> str:
    """`app/main.py:12`."""
    return f"{shown_path(filename, cwd, base)}:{location.row}"


def clean(text: str) -> str:
    """`text` on one line, without characters that would steer a terminal."""
    return _harmless(" ".join(text.split()))


def _harmless(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def entry_label(entry: EntryPoint) -> str:
    """`GET /items`, or the kind and the name of what is not a route."""
    return clean(entry.label if entry.kind == "route" else f"{entry.kind} {entry.label}")


def further_steps(diagnostic: Diagnostic) -> tuple[Step, ...]:
    """The chain without the call that the diagnostic itself stands at."""
    chain = diagnostic.chain
    here = (diagnostic.filename, diagnostic.location)
    return chain[1:] if chain and (chain[0].filename, chain[0].location) == here else chain


def summary(result: Result, output: Output) -> str:
    """What there is to say about the whole run; more than one line if nothing could be checked."""
    if not result.files:
        return ""
    lines = []
    if result.diagnostics:
        found = counted(len(result.diagnostics), "diagnostic")
        fixed = f", {result.fixed:,} fixed before" if result.fixed else ""
        lines.append(f"Found {found} ({_by_severity(result)}) in {counted(result.files, 'file')}{fixed}.")
    elif result.fixed:
        lines.append(f"Fixed {counted(result.fixed, 'diagnostic')}; nothing is left.")
    elif result.routes:
        lines.append("All checks passed.")
    fixable = _fixable(result, output)
    if fixable:
        lines.append(fixable)
    if not result.routes:
        lines.append(no_routes(result))
    return "\n".join(lines)


def _fixable(result: Result, output: Output) -> str:
    """Return how many fixes there are and how to apply them, in ruff's words."""
    shown = sum(output.applies(diagnostic.fix) for diagnostic in result.diagnostics)
    hidden = sum(diagnostic.fix is not None for diagnostic in result.diagnostics) - shown
    more = (
        f"{hidden:,} hidden fix{'es' if hidden > 1 else ''} can be enabled with the `--unsafe-fixes` option"
    )
    if shown:
        return f"[*] {shown:,} fixable with the `--fix` option{f' ({more})' if hidden else ''}."
    return f"No fixes available ({more})." if hidden else ""


def no_routes(result: Result) -> str:
    """A sentence for a run that saw files and no application in them."""
    return (
        f"No FastAPI route was found in {counted(result.files, 'file')}, so nothing is known to run on the "
        "event loop; name the directory that holds the application."
    )


def _by_severity(result: Result) -> str:
    counts = Counter(diagnostic.severity for diagnostic in result.diagnostics)
    nouns = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "hint"}
    return ", ".join(counted(counts[severity], noun) for severity, noun in nouns.items() if counts[severity])
