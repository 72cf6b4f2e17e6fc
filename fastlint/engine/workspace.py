"""The files of a project as they are on disk, or as fixes would leave them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fastlint.cache.inputs import note
from fastlint.facts.build import Kept, build_facts, packed_and_back, text_facts
from fastlint.facts.model import FileFacts
from fastlint.sources import deployment
from fastlint.sources.reading import Source, read_source


class Workspace:
    """Reads files, each once; what was changed here is not on disk yet. Facts that are `kept` are not taken again."""

    def __init__(self, kept: Kept | None = None) -> None:
        self.changed: dict[Path, str] = {}
        self._kept = kept
        self._facts: dict[Path, FileFacts] = {}

    def change(self, path: Path, text: str) -> None:
        """Put another text in place of a file."""
        self.changed[path] = text
        if path.suffix == ".py":
            self._facts[path] = packed_and_back(text_facts(text))

    def source(self, path: Path) -> Source:
        """Return a source file. Raises `SourceError` if it cannot be read."""
        return Source(self.changed[path]) if path in self.changed else read_source(path)

    def deployment_text(self, path: Path) -> str | None:
        """Return the text of a file that deploys the project, with plain line ends; None if it is no such text."""
        if path not in self.changed:
            return deployment.read_text(path)
        return self.changed[path].replace("\r\n", "\n").replace("\r", "\n")

    def facts(
        self, paths: Sequence[Path], progress: Callable[[int, int], None] | None = None
    ) -> list[FileFacts]:
        """Return the facts of files, or the problems that prevent them, in the order of the paths."""
        unknown = [path for path in paths if path not in self._facts]
        for path in unknown:  # they may be read in other processes, which note nothing
            note(path)
        self._facts.update(zip(unknown, build_facts(unknown, progress, self._kept), strict=True))
        return [self._facts[path] for path in paths]
