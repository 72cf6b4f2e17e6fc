"""What the place that output goes to can show."""

from __future__ import annotations

import os
import shutil
from typing import TextIO


def wants_color(choice: str, stream: TextIO) -> bool:
    """Whether to colour what is written to `stream`; `choice` is auto, always or never.

    In auto, NO_COLOR and then FORCE_COLOR decide before the question whether it is a terminal.
    """
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that understands control sequences."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_ci() -> bool:
    """Whether a build server runs this, so that nobody watches."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def columns(stream: TextIO) -> int | None:
    """The width of lines on `stream`: of the terminal, else COLUMNS, else unlimited."""
    if stream.isatty():
        return shutil.get_terminal_size().columns
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) > 0 else None
