"""The entry point of the `fastlint` command and of `python -m fastlint`."""

from __future__ import annotations

import contextlib
import gc
import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from fastlint.cli.boundary import run

    # A run makes many small objects and drops few: collecting garbage, and freeing it all one by one at
    # the end, would cost a quarter of the time.
    gc.disable()
    code = run(sys.argv[1:])
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
