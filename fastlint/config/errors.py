"""Errors that end a run with one clear line and exit code 2, and the hint that goes with a misspelt word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FastlintError(Exception):
    """The run cannot go on because of something the user can change; the text says what and where."""


class ConfigError(FastlintError):
    """A setting, on the command line or in a file, is not one that fastlint can follow."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "select"?` for a word that resembles a known one, else nothing."""
    by_key = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(word.casefold().replace("_", "-"), by_key, n=1)
    return f'; did you mean "{by_key[close[0]]}"?' if close else ""
