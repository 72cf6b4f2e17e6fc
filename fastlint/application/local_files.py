"""Which functions use files of the machine."""

from __future__ import annotations

from fastlint.application.below import Below
from fastlint.project.calls import CallResolver
from fastlint.project.program import Frame


class LocalFiles:
    """Answers what functions, or the plain ones that they run, do with local files."""

    def __init__(self, resolver: CallResolver, below: Below) -> None:
        self._resolver = resolver
        self._below = below
        self._known: dict[Frame, frozenset[str]] = {}

    def read(self, frame: Frame) -> bool:
        """Tell whether a function, or the plain ones that it runs, read local files."""
        return any(map(_is_reading, self._calls(frame)))

    def write(self, frame: Frame) -> bool:
        """Tell whether a function, or the plain ones that it runs, write local files."""
        return any(map(_is_writing, self._calls(frame)))

    def read_and_write(self, frame: Frame) -> bool:
        """Tell whether a function, or the plain ones that it runs, read local files as well as write them.

        A file may belong to one worker alone, which then relies on that nothing else runs between the two.
        """
        return self.read(frame) and self.write(frame)

    def _calls(self, frame: Frame) -> frozenset[str]:
        """Return the names of the calls by which a function, or a plain one that it runs, uses local files."""
        if frame not in self._known:
            self._known[frame] = frozenset(
                sink.name.rpartition(".")[2]
                for reached in self._below.of(frame)
                for site in self._resolver.sites(reached)
                for sink in site.sinks
                if sink.effect.kind == "file"
            )
        return self._known[frame]


def _is_reading(name: str) -> bool:
    return name.startswith(("read", "load", "get", "is", "exists", "stat", "list", "glob", "iter"))


def _is_writing(name: str) -> bool:
    return not _is_reading(name) and name not in ("open", "close", "seek", "tell")
