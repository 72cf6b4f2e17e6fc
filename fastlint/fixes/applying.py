"""Put the edits of several fixes together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fastlint.diagnostics import Diagnostic, Edit
from fastlint.fixes.text import SourceText

Piece = tuple[int, int, str]
"""(start, end, content): offsets into the text of a file."""


@dataclass(slots=True)
class Applied:
    """The texts that fixes made, and the diagnostics whose fixes those were."""

    texts: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def apply_fixes(diagnostics: Iterable[Diagnostic], text_of: Callable[[str], str]) -> Applied:
    """Apply the fixes of diagnostics to the texts of their files.

    The earlier diagnostic goes first. A fix that changes what an earlier one changed or relies on is left out
    as a whole; after the next look at the changed program it can have its turn. Edits that are the same
    (two fixes that need the same import) count once.
    """
    sources: dict[str, SourceText] = {}
    changed: dict[str, set[Piece]] = defaultdict(set)
    guarded: dict[str, set[Piece]] = defaultdict(set)
    applied = Applied()

    def pieces(edits: Iterable[Edit]) -> dict[str, list[Piece]]:
        found: dict[str, list[Piece]] = defaultdict(list)
        for edit in edits:
            if edit.filename not in sources:
                sources[edit.filename] = SourceText(edit.filename, text_of(edit.filename))
            found[edit.filename].append(_piece(edit, sources[edit.filename]))
        return found

    for diagnostic in sorted(diagnostics, key=lambda d: d.sort_key):
        fix = diagnostic.fix
        if fix is None or not fix.edits:
            continue
        edits, guards = pieces(fix.edits), pieces(fix.guards)
        if any(_clashes(piece, changed[path]) for path, group in edits.items() for piece in group):
            continue
        if any(_overlaps(piece, guarded[path]) for path, group in edits.items() for piece in group):
            continue
        if any(_overlaps(piece, changed[path]) for path, group in guards.items() for piece in group):
            continue
        for path, group in edits.items():
            changed[path].update(group)
        for path, group in guards.items():
            guarded[path].update(group)
        applied.diagnostics.append(diagnostic)
    applied.texts = {path: splice(sources[path].text, done) for path, done in changed.items() if done}
    return applied


def edited(source: SourceText, edits: Iterable[Edit]) -> str:
    """Return the text of a file with edits of it applied; they do not overlap."""
    return splice(source.text, (_piece(edit, source) for edit in edits))


def splice(text: str, pieces: Iterable[Piece]) -> str:
    """Return a text with pieces replaced; they do not overlap."""
    parts, position = [], 0
    for start, end, content in sorted(pieces):
        parts += [text[position:start], content]
        position = end
    return "".join((*parts, text[position:]))


def _piece(edit: Edit, source: SourceText) -> Piece:
    return source.offset_of(edit.start), source.offset_of(edit.end), edit.content


def _clashes(piece: Piece, others: set[Piece]) -> bool:
    """Tell whether a piece cannot be changed beside the others: it overlaps one that is not the same."""
    return piece not in others and (
        _overlaps(piece, others) or any(other[:2] == piece[:2] and piece[0] < piece[1] for other in others)
    )


def _overlaps(piece: Piece, others: Iterable[Piece]) -> bool:
    """Tell whether a piece shares text with one of the others; what only touches does not overlap."""
    start, end, _ = piece
    return any(start < other_end and other_start < end for other_start, other_end, _ in others) or any(
        other_start < start < other_end or start < other_start < end
        for other_start, other_end, _ in others
        if start == end or other_start == other_end
    )
