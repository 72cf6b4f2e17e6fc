"""Which files a run says nothing about, so that their comments and blank lines change nothing that it says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from fastlint.diagnostics import Diagnostic
from fastlint.engine.loading import Loaded

_FILE = re.compile(r"[^\s`'\"(),:]+\.py")
"""A path in a sentence."""


def silent_files(found: Iterable[Diagnostic], loaded: Loaded) -> frozenset[str]:
    """Return the paths of the sources that no diagnostic names, shown or not, and that are read for facts alone."""
    named = {name for diagnostic in found for name in _named(diagnostic)}
    return frozenset(
        os.fspath(path)
        for name, path in loaded.paths.items()
        if name not in named and name not in loaded.deploying and _FILE.fullmatch(name)
    )


def _named(diagnostic: Diagnostic) -> Iterator[str]:
    yield diagnostic.filename
    yield from (step.filename for step in diagnostic.chain)
    yield from (entry.filename for entry in diagnostic.entry_points)
    if diagnostic.fix is not None:
        yield from (edit.filename for edit in (*diagnostic.fix.edits, *diagnostic.fix.guards))
    said = (diagnostic.message, diagnostic.advice, diagnostic.unfixed, *diagnostic.notes)
    yield from (match for text in said for match in _FILE.findall(text))
