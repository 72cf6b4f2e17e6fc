"""`fastlint check`: look for slow code and report it."""

from __future__ import annotations

import io
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastlint.cache.inputs import Inputs
from fastlint.cache.replay import Outcome
from fastlint.cli.boundary import CLEAN, FINDINGS, reader_may_leave
from fastlint.cli.caching import cache_of, cached_workspace, keep, recall
from fastlint.cli.options import (
    color_option,
    config_option,
    isolated_option,
    no_progress_option,
    patterns_option,
    rules_option,
)
from fastlint.cli.output import comments_on, opened, output_on, writer_of
from fastlint.cli.progress import ProgressCallback, progress
from fastlint.config.load import CommandLine, load_settings
from fastlint.config.settings import OUTPUT_FORMATS, Selectors, Settings

if TYPE_CHECKING:
    from fastlint.cache.replay import Run
    from fastlint.engine.fixing import FixResult
    from fastlint.engine.run import CheckResult
    from fastlint.engine.workspace import Workspace


@click.command("check", short_help="Look for slow code and report it.")
@click.argument("paths", nargs=-1)
@rules_option("--select", help="Rules to turn on, and no others.")
@rules_option("--ignore", help="Rules to turn off.")
@rules_option("--extend-select", help="Rules to turn on as well.")
@rules_option("--extend-ignore", help="Rules to turn off as well.")
@patterns_option("--exclude", help="Files to leave out, instead of the default ones.")
@patterns_option("--extend-exclude", help="Files to leave out as well.")
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
@rules_option("--fixable", help="Rules whose fixes may be applied.")
@rules_option("--unfixable", help="Rules whose fixes are left alone.")
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
@config_option
@isolated_option
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
@no_progress_option
@click.option("-q", "--quiet", is_flag=True, help="Print findings and errors only.")
@click.option("-v", "--verbose", is_flag=True, help="Print more about findings and about the run.")
@color_option
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
    run: Run | None = ctx.obj
    with Inputs() as inputs:
        settings = load_settings(paths, given)
        write = writer_of(settings.output_format, statistics=statistics)
        repairs = diff or fix_only or settings.fix
        cache = cache_of(run, settings)
        if repairs or verbose or output_file or os.environ.get("GITHUB_STEP_SUMMARY"):
            run = None  # it does more than to print what is kept
        known = recall(run, cache) if run is not None and cache is not None else None
        if known is not None:
            with reader_may_leave():
                known.show()
            ctx.exit(known.code)
        with cached_workspace(cache) as workspace:
            started = time.monotonic()
            with progress(not (quiet or no_progress)) as callback:
                repaired = _repair(settings, callback, workspace) if repairs else None
                result = repaired.remaining if repaired else _check(settings, callback, workspace)
            seconds = time.monotonic() - started
            comments = "" if quiet else comments_on(result, settings, seconds, verbose=verbose)
            sys.stderr.write(comments)
            report = io.StringIO()
            with opened(output_file) as stream, reader_may_leave():
                output = output_on(stream, settings, color, quiet=quiet, verbose=verbose)
                if repaired is not None and diff:
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
            if run is not None and cache is not None:
                keep(run, cache, Outcome(code, report.getvalue(), comments), inputs, result.looks)
            ctx.exit(code)


def _check(settings: Settings, callback: ProgressCallback | None, workspace: Workspace) -> CheckResult:
    from fastlint.engine.run import check

    return check(settings, callback, workspace)


def _repair(settings: Settings, callback: ProgressCallback | None, workspace: Workspace) -> FixResult:
    from fastlint.engine.fixing import fix

    return fix(settings, callback, workspace)
