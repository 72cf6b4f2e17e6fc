"""Where a report goes, and what is said beside it on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fastlint import __version__
from fastlint.cli.terminal import columns, is_ci, is_terminal, wants_color
from fastlint.config.errors import ConfigError, FastlintError
from fastlint.config.settings import Settings

if TYPE_CHECKING:
    from fastlint.reports.model import Output, Result, Writer


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """The file to write to, or standard output without one. Raises `FastlintError` where that is impossible."""
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("w", encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        raise FastlintError(f"cannot write {path}: {error.strerror}") from None
    with file:
        yield file


def output_on(stream: TextIO, settings: Settings, color: str, *, quiet: bool, verbose: bool) -> Output:
    """Return what a report is told of the place that it is written to; `color` is auto, always or never."""
    from fastlint.reports.model import Output

    colored = wants_color(color, stream)
    return Output(
        stream=stream,
        cwd=settings.cwd,
        color=colored,
        links=colored and is_terminal(stream) and not is_ci(),
        width=columns(stream),
        summary=not quiet,
        details=verbose,
        unsafe_fixes=settings.unsafe_fixes,
    )


def writer_of(output_format: str, *, statistics: bool) -> Writer:
    """Return what writes findings, or their number, in a format. Raises `ConfigError` if nothing does."""
    if not statistics:
        from fastlint.reports import writer

        return writer(output_format)
    from fastlint.reports.statistics import write_json, write_text

    if output_format == "github":
        raise ConfigError("--statistics has no github format; use full, concise or json")
    return write_json if output_format == "json" else write_text


def comments_on(result: Result, settings: Settings, seconds: float, *, verbose: bool) -> str:
    """Return what standard error is to say that a report of the format does not say."""
    from fastlint.reports.words import counted, no_routes

    lines = []
    if not result.files:
        lines.append("warning: no Python files were found under the given paths")
    elif not result.routes and settings.output_format == "json":
        lines.append(f"warning: {no_routes(result)}")
    if verbose:
        scope = f"{counted(result.files, 'file')}, {counted(result.routes, 'route')}, {seconds:.2f} s"
        lines.append(f"fastlint {__version__}: {scope}")
        lines.append(f"project: {settings.root}")
        lines.append(f"configuration: {settings.config_file or 'none'}")
    return "".join(f"{line}\n" for line in lines)
