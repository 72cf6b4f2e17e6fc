"""`fastlint check`: look for slow code and report it."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from fastlint import __version__
from fastlint.cache.inputs import Inputs
from fastlint.cache.replay import Outcome
from fastlint.cli.boundary import CLEAN, FINDINGS, reader_may_leave
from fastlint.cli.caching import cache_of, cached_workspace, recall
from fastlint.cli.progress import ProgressCallback, progress
from fastlint.cli.terminal import columns, is_ci, is_terminal, wants_color
from fastlint.config.errors import ConfigError, FastlintError
from fastlint.config.load import CommandLine, load_settings
from fastlint.config.settings import OUTPUT_FORMATS, Selectors, Settings

if TYPE_CHECKING:
    from fastlint.cache.replay import Run
    from fastlint.engine.fixing import FixResult
    from fastlint.engine.run import CheckResult
    from fastlint.engine.workspace import Workspace
    from fastlint.reports.model import Output, Result, Writer


def _split(ctx: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The parts of a repeatable option with commas in it; None if it was not given."""
    return (
        tuple(part.strip() for word in words for part in word.split(",") if part.strip()) if words else None
    )


@click.command("check", short_help="Look for slow code and report it.")
@click.argument("paths", nargs=-1)
@click.option(
    "--select", multiple=True, callback=_split, metavar="RULES", help="Rules to turn on, and no others."
)
@click.option("--ignore", multiple=True, callback=_split, metavar="RULES", help="Rules to turn off.")
@click.option(
    "--extend-select", multiple=True, callback=_split, metavar="RULES", help="Rules to turn on as well."
)
@click.option(
    "--extend-ignore", multiple=True, callback=_split, metavar="RULES", help="Rules to turn off as well."
)
@click.option(
    "--exclude",
    multiple=True,
    callback=_split,
    metavar="PATTERNS",
    help="Files to leave out, instead of the default ones.",
)
@click.option(
    "--extend-exclude", multiple=True, callback=_split, metavar="PATTERNS", help="Files to leave out as well."
)
@click.option("--fix/--no-fix", "fix", default=None, help="Repair what can be repaired safely.")
@click.option(
    "--unsafe-fixes/--no-unsafe-fixes",
    default=None,
    help="Count fixes as well that may change what the program does.",
)
@click.option("--diff", "diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--fix-only", is_flag=True, help="Repair, and do not report what is left.")
@click.option("--show-fixes/--no-show-fixes", default=None, help="List what was repaired.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if something was repaired.")
@click.option(
    "--fixable", multiple=True, callback=_split, metavar="RULES", help="Rules whose fixes may be applied."
)
@click.option(
    "--unfixable", multiple=True, callback=_split, metavar="RULES", help="Rules whose fixes are left alone."
)
@click.option(
    "--fastapi-version",
    metavar="VERSION",
    help="The FastAPI to check for, instead of the one in the project's files.",
)
@click.option("--output-format", type=click.Choice(OUTPUT_FORMATS), help="How to report; full by default.")
@click.option(
    "--output-file", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the report."
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something was found.")
@click.option("--statistics", is_flag=True, help="Count findings by rule instead of listing them.")
@click.option(
    "--config", multiple=True, metavar="FILE|KEY=VALUE", help="A configuration file, or one setting."
)
@click.option("--isolated", is_flag=True, help="Leave configuration files alone.")
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings and errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Print more about findings and about the run.")
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="When to use colour."
)
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    select: tuple[str, ...] | None,
    ignore: tuple[str, ...] | None,
    extend_select: tuple[str, ...] | None,
    extend_ignore: tuple[str, ...] | None,
    exclude: tuple[str, ...] | None,
    extend_exclude: tuple[str, ...] | None,
    fix: bool | None,
    unsafe_fixes: bool | None,
    diff: bool,
    fix_only: bool,
    show_fixes: bool | None,
    exit_non_zero_on_fix: bool,
    fixable: tuple[str, ...] | None,
    unfixable: tuple[str, ...] | None,
    fastapi_version: str | None,
    output_format: str | None,
    output_file: Path | None,
    exit_zero: bool,
    statistics: bool,
    config: tuple[str, ...],
    isolated: bool,
    no_cache: bool,
    no_progress: bool,
    quiet: bool,
    verbose: bool,
    color: str,
) -> None:
    """Look for slow code in PATHS (files or directories, the current one by default).

    RULES are codes, names, prefixes such as FL1, or ALL, separated by commas. Exit codes: 0 nothing
    found, 1 something found, 2 the run failed.
    """
    given = CommandLine(
        selectors=Selectors(select, ignore or (), extend_select or (), extend_ignore or ()),
        exclude=exclude,
        extend_exclude=extend_exclude or (),
        fix=fix,
        unsafe_fixes=unsafe_fixes,
        show_fixes=show_fixes,
        fixable=fixable,
        unfixable=unfixable,
        fastapi_version=fastapi_version,
        output_format=output_format,
        cache=not no_cache,
        config=config,
        isolated=isolated,
    )
    this: Run | None = ctx.obj
    with Inputs() as inputs:
        settings = load_settings(paths, given)
        write = _writer(settings.output_format, statistics)
        repairs = diff or fix_only or settings.fix
        cache = cache_of(this, settings)
        is_repeatable = not (repairs or verbose or output_file or os.environ.get("GITHUB_STEP_SUMMARY"))
        if this is not None and cache is not None and is_repeatable:
            known = recall(this, cache)
            if known is not None:
                with reader_may_leave():
                    known.show()
                ctx.exit(known.code)
        with cached_workspace(cache) as workspace:
            started = time.monotonic()
            with progress(not (quiet or no_progress)) as callback:
                repaired = _repair(settings, callback, workspace) if repairs else None
                result: CheckResult = (
                    repaired.remaining if repaired else _check(settings, callback, workspace)
                )
            comments = "" if quiet else _comments(settings, result, time.monotonic() - started, verbose)
            sys.stderr.write(comments)
            report = io.StringIO()
            with _open(output_file) as stream, reader_may_leave():
                output = _output(stream, settings, color, quiet=quiet, verbose=verbose)
                if diff and repaired is not None:
                    from fastlint.reports.fixes import write_diff

                    write_diff(repaired, output)
                    ctx.exit(FINDINGS if repaired.after and not exit_zero else CLEAN)
                if repaired is not None:
                    repaired.write()
                    for name, reason in repaired.refused:
                        print(f"warning: {name} was not repaired: {reason}", file=sys.stderr)
                if not fix_only:
                    write(result, replace(output, stream=report))
                    stream.write(report.getvalue())
                if repaired is not None and settings.show_fixes:
                    from fastlint.reports.fixes import write_fixes

                    write_fixes(repaired, output)
            if repaired is not None and exit_non_zero_on_fix and repaired.fixed:
                ctx.exit(FINDINGS)
            code = FINDINGS if result.diagnostics and not (exit_zero or fix_only) else CLEAN
            if this is not None and cache is not None and is_repeatable:
                from fastlint.facts.looks import looks_to_bytes

                outcome = Outcome(code, report.getvalue(), comments)
                this.keep(cache, outcome, inputs, looks_to_bytes(result.looks))
            ctx.exit(code)


def _check(settings: Settings, callback: ProgressCallback | None, workspace: Workspace) -> CheckResult:
    from fastlint.engine.run import check

    return check(settings, callback, workspace)


def _repair(settings: Settings, callback: ProgressCallback | None, workspace: Workspace) -> FixResult:
    from fastlint.engine.fixing import fix

    return fix(settings, callback, workspace)


def _writer(output_format: str, statistics: bool) -> Writer:
    if not statistics:
        from fastlint.reports import writer

        return writer(output_format)
    from fastlint.reports.statistics import write_json, write_text

    if output_format == "github":
        raise ConfigError("--statistics has no github format; use full, concise or json")
    return write_json if output_format == "json" else write_text


def _output(stream: TextIO, settings: Settings, color: str, *, quiet: bool, verbose: bool) -> Output:
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


@contextmanager
def _open(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("w", encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        raise FastlintError(f"cannot write {path}: {error.strerror}") from None
    with file:
        yield file


def _comments(settings: Settings, result: Result, seconds: float, verbose: bool) -> str:
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
