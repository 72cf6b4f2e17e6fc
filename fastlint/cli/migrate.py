"""`fastlint migrate`: make the blocking calls of routes asynchronous, from the route down to the library."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fastlint.cli.boundary import CLEAN, FINDINGS, reader_may_leave
from fastlint.cli.options import color_option, config_option, isolated_option, no_progress_option
from fastlint.cli.progress import progress
from fastlint.cli.terminal import wants_color
from fastlint.config.load import CommandLine, load_settings
from fastlint.config.settings import Selectors

if TYPE_CHECKING:
    from fastlint.engine.migrating import MigrationResult


@click.command("migrate", short_help="Make routes asynchronous, down to the library.")
@click.argument("targets", nargs=-1, required=True, metavar="ROUTE|FILE...")
@click.option("--write", is_flag=True, help="Change the files; without it, only show the changes.")
@click.option("--diff", is_flag=True, help="Show the changes and write nothing, as without any option.")
@config_option
@isolated_option
@no_progress_option
@click.option("-q", "--quiet", is_flag=True, help="Print changes and errors only.")
@color_option
@click.pass_context
def command(
    ctx: click.Context,
    targets: tuple[str, ...],
    write: bool,
    diff: bool,
    config: tuple[str, ...],
    isolated: bool,
    no_progress: bool,
    quiet: bool,
    color: str,
) -> None:
    """Make the blocking calls below routes asynchronous.

    A route is given by method and path ("GET /items/{id}") or by its function, or all those of a file or
    directory by its path. The program is the project in the current directory. Look at the changes before you use them. Exit
    codes: 0 nothing to do or all of it written, 1 changes are shown or something stays as it is, 2 the run failed.
    """
    if write and diff:
        raise click.UsageError("give --write or --diff, not both")
    from fastlint.engine.migrating import migrate_routes

    settings = load_settings(
        (), CommandLine(selectors=Selectors(None, (), (), ()), config=config, isolated=isolated)
    )
    with progress(not (quiet or no_progress)) as callback:
        result = migrate_routes(settings, targets, callback)
    with reader_may_leave():
        if not write:
            from fastlint.reports.fixes import write_lines

            write_lines(result.diff(), sys.stdout, color=wants_color(color, sys.stdout))
    failed = result.write() if write else []
    for name, reason in failed:
        print(f"warning: {name} was not changed: {reason}", file=sys.stderr)
    if not quiet:
        _comment(result, written=write)
    ctx.exit(FINDINGS if failed or result.refused or (result.after and not write) else CLEAN)


def _comment(result: MigrationResult, *, written: bool) -> None:
    """Say on standard error which calls were made asynchronous and which were not, and why."""
    from fastlint.reports.words import counted

    for chain in result.chains:
        place = f"{chain.path}:{chain.row}: `{chain.call}`"
        print(f"{place} stays: {chain.reason}" if chain.reason else f"{place} is awaited", file=sys.stderr)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    done = len(result.chains) - len(result.refused)
    if not result.chains:
        print("Nothing blocks in there.", file=sys.stderr)
        return
    verb = "Made" if written else "Would make"
    stay = f"; {len(result.refused)} stay" if result.refused else ""
    print(
        f"{verb} {counted(done, 'call')} in {counted(len(result.after), 'file')} asynchronous{stay}.",
        file=sys.stderr,
    )
