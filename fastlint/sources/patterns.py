"""Exclude patterns, in the syntax of gitignore files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_SPECIAL = frozenset("*?[]!/\\# ")


class Patterns:
    """A set of patterns; those without a slash match names at any depth, the others below `root`.

    Plain names, which is what nearly all patterns are, are looked up in a set: matching each file
    against a list of regular expressions costs more than listing the files does.
    """

    def __init__(self, root: Path, patterns: Iterable[str]) -> None:
        self._root = root
        patterns = tuple(patterns)
        plain = () if any(p.startswith("!") for p in patterns) else patterns
        self._names = frozenset(p for p in plain if p and not _SPECIAL.intersection(p))
        self._spec = _spec(p for p in patterns if p not in self._names)

    def match(self, path: Path, is_directory: bool) -> bool:
        """Whether a pattern names the file or directory at `path` (absolute)."""
        if path.name in self._names:
            return True
        if self._spec is None:
            return False
        inside = path.is_relative_to(self._root)
        relative = path.relative_to(self._root).as_posix() if inside else path.name
        return self._spec.match_file(f"{relative}/" if is_directory else relative)

    def match_any_parent(self, path: Path) -> bool:
        """Whether a pattern names the file at `path` or one of the directories it is in."""
        directories = [parent for parent in path.parents if self._root in parent.parents]
        return self.match(path, is_directory=False) or any(self.match(d, True) for d in directories)


def _spec(patterns: Iterable[str]) -> GitIgnoreSpec | None:
    lines = list(patterns)
    if not lines:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)
