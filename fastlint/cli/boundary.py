"""Where every way to end a run becomes an exit code: 0 clean, 1 findings, 2 could not run, 130 stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from fastlint import __version__
from fastlint.cli.group import fastlint
from fastlint.config.errors import FastlintError

if TYPE_CHECKING:
    from fastlint.cache.replay import Run

CLEAN, FINDINGS, FAILED, INTERRUPTED = 0, 1, 2, 130

ISSUES = "https://github.com/fastlint/fastlint/issues"


def run(arguments: Sequence[str], this: Run | None = None) -> int:
    """Run the command line `arguments` and return the exit code. Without `this`, nothing is cached."""
    _make_printing_safe()
    try:
        code = fastlint.main(list(arguments), prog_name="fastlint", standalone_mode=False, obj=this)
        return code if isinstance(code, int) else CLEAN
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        print("fastlint: interrupted", file=sys.stderr)
        return INTERRUPTED
    except FastlintError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except Exception:
        _report_crash(arguments)
        return FAILED


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Write to standard output inside of this: a pipe that is closed early, as by `head`, is no error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at exit, which must not meet the closed pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _make_printing_safe() -> None:
    """Let characters that the terminal's encoding lacks appear as `?` instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="replace")


def _report_crash(arguments: Sequence[str]) -> None:
    import platform
    import shlex
    import traceback

    traceback.print_exc()
    print(
        f"\nerror: fastlint {__version__} failed on a mistake of its own. Please report it, with the "
        f"lines above, at {ISSUES}\n"
        f"Python {platform.python_version()} on {platform.system()}; command: "
        f"fastlint {shlex.join(arguments)}",
        file=sys.stderr,
    )
