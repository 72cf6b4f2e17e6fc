"""The entry point of the `fastlint` command and of `python -m fastlint`."""

from __future__ import annotations

import os
import sys

from fastlint.cache.replay import Run


def main() -> None:
    """Run the command line, or print what it printed before, and leave with its exit code."""
    this = Run(sys.argv[1:])
    outcome = this.recall()
    code = _run(this) if outcome is None else outcome.code
    try:
        if outcome is not None:
            outcome.show()
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass
    os._exit(code)


def _run(this: Run) -> int:
    import gc

    from fastlint.cli.boundary import run

    # A run makes many small objects and drops few: collecting garbage, and freeing it all one by one at
    # the end, would cost a quarter of the time.
    gc.disable()
    return run(sys.argv[1:], this)


if __name__ == "__main__":
    main()
