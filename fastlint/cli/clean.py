"""`fastlint clean`: remove the cache of a project."""

from __future__ import annotations

import os
import sys

import click

from fastlint.cache.directory import open_directory
from fastlint.config.load import load_settings


@click.command("clean", short_help="Remove the cache of a project.")
@click.argument("paths", nargs=-1)
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def command(paths: tuple[str, ...], quiet: bool) -> None:
    """Remove the cache of the project that PATHS (the current directory by default) belong to.

    Only what fastlint wrote is removed.
    """
    place = os.fspath(load_settings(paths).cache_dir or "")
    directory = open_directory(place)
    if directory is None:
        if not quiet:
            print(f"there is no cache at {place}", file=sys.stderr)
        return
    directory.remove()
    if not quiet:
        print(f"removed the cache at {place}", file=sys.stderr)
