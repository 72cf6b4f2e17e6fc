"""What a run looked at in files that it says nothing about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Set

from fastlint.diagnostics import Diagnostic
from fastlint.engine.loading import Loaded
from fastlint.facts.bodies import unread_bodies
from fastlint.facts.looks import Look, asked_among
from fastlint.project.program import Module

FILE_IN_TEXT = re.compile(r"[^\s`'\"(),:]+\.py")
"""A path in a sentence."""


def looks(found: Iterable[Diagnostic], loaded: Loaded, read: Set[str]) -> dict[str, Look]:
    """Return by path what was looked at in sources that no diagnostic names, shown or not.

    Of files whose text was `read` more than the facts may count, so these are left out.
    """
    named = {name for diagnostic in found for name in _named(diagnostic)}
    asked = {False: frozenset(loaded.program.asked), True: frozenset(loaded.program.asked_in_tests)}
    return {
        os.fspath(loaded.paths[name]): Look(asked[module.is_test], _unread(module, asked[module.is_test]))
        for name, module in loaded.program.modules.items()
        if not (name in named or name in read or name in loaded.deploying) and FILE_IN_TEXT.fullmatch(name)
    }


def _unread(module: Module, asked: frozenset[str]) -> frozenset[int] | None:
    """Return which bodies were not looked at; None for tests in which nobody could find anything to look at."""
    unread = frozenset(unread_bodies(module.facts))
    if not module.is_test or len(unread) < len(module.functions):
        return unread
    return unread if any(asked_among(f.facts.names, asked) for f in module.functions) else None


def _named(diagnostic: Diagnostic) -> Iterator[str]:
    yield diagnostic.filename
    yield from (step.filename for step in diagnostic.chain)
    yield from (entry.filename for entry in diagnostic.entry_points)
    if diagnostic.fix is not None:
        yield from (edit.filename for edit in (*diagnostic.fix.edits, *diagnostic.fix.guards))
    said = (diagnostic.message, diagnostic.advice, diagnostic.unfixed, *diagnostic.notes)
    yield from (match for text in said for match in FILE_IN_TEXT.findall(text))
