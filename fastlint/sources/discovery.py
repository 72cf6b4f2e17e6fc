"""Which files a run is about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastlint.config.errors import FastlintError, did_you_mean
from fastlint.config.settings import Settings
from fastlint.sources.gitignore import Ignores, NothingIgnored, ignores_for
from fastlint.sources.patterns import Patterns
from fastlint.sources.reading import SourceError


class PathError(FastlintError):
    """A path that was given does not exist."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to look at: where it is, and how reports name it."""

    path: Path
    display: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """The files of a run in the order of their paths, and directories that could not be listed."""

    files: tuple[SourceFile, ...]
    errors: tuple[tuple[SourceFile, SourceError], ...] = ()


def discover(settings: Settings) -> Discovery:
    """Find the files that `settings` asks for; each real file once, whatever links lead to it.

    Raises `PathError` if a path does not exist.
    """
    walk = _Walk(settings)
    for path in settings.paths:
        walk.take(path)
    walk.follow_links()
    found = sorted(walk.found.values(), key=Path.as_posix)
    return Discovery(
        files=tuple(_source_file(path, settings.cwd) for path in found),
        errors=tuple((_source_file(path, settings.cwd), error) for path, error in walk.errors),
    )


def _source_file(path: Path, cwd: Path) -> SourceFile:
    return SourceFile(path, (path.relative_to(cwd) if path.is_relative_to(cwd) else path).as_posix())


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory or file as it is named, and the real path behind the links in the name."""

    path: Path
    real: Path

    def child(self, name: str) -> _Place:
        return _Place(self.path / name, self.real / name)


class _Walk:
    """Collects files under their real paths. Links wait until the end, so that a plain name wins."""

    def __init__(self, settings: Settings) -> None:
        self.found: dict[Path, Path] = {}
        self.errors: list[tuple[Path, SourceError]] = []
        self._settings = settings
        self._excluded = Patterns(settings.root, (*settings.exclude, *settings.extend_exclude))
        self._seen: set[Path] = set()
        self._links: list[Path] = []

    def take(self, path: Path) -> None:
        """Take a path that the user named."""
        _require(path, self._settings.cwd)
        place = _Place(path, path.resolve())
        if self._settings.force_exclude and self._excluded.match_any_parent(path):
            return
        if path.is_dir():
            self._descend(place)
        else:
            self._add(place)

    def follow_links(self) -> None:
        """Take what symbolic links lead to, unless it was found under its own name."""
        while self._links:
            path = self._links.pop()
            try:
                if path.is_dir():
                    self._descend(_Place(path, path.resolve()))
                elif path.is_file():
                    self._add(_Place(path, path.resolve()))
            except OSError as error:
                reason = f"The link cannot be followed: {error.strerror}"
                self.errors.append((path, SourceError("FL901", reason)))

    def _add(self, place: _Place) -> None:
        self.found.setdefault(place.real, place.path)

    def _ignores(self, place: _Place) -> Ignores:
        if self._settings.respect_gitignore:
            return ignores_for(place.real, self._settings.root.resolve())
        return NothingIgnored()

    def _descend(self, start: _Place) -> None:
        pending = [(start, self._ignores(start))]
        while pending:
            place, ignores = pending.pop()
            if place.real in self._seen:
                continue
            self._seen.add(place.real)
            entries = list(self._entries(place.path))
            names = {entry.name for entry in entries}
            if "pyvenv.cfg" in names and place != start:
                continue
            if ".git" in names and place != start:
                ignores = self._ignores(place)
            pending += [(child, ignores) for child in self._sort_in(place, entries, ignores)]

    def _sort_in(self, place: _Place, entries: list[os.DirEntry[str]], ignores: Ignores) -> Iterator[_Place]:
        """Take the files and links of a directory; what is yielded are its directories."""
        for entry in entries:
            is_directory = _is_directory(entry)
            if not is_directory and not entry.name.endswith(".py"):
                continue
            child = place.child(entry.name)
            if self._excluded.match(child.path, is_directory) or ignores.match(child.real, is_directory):
                continue
            if entry.is_symlink():
                self._links.append(child.path)
            elif is_directory:
                yield child
            elif entry.is_file():
                self._add(child)

    def _entries(self, directory: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as entries:
                yield from entries
        except OSError as error:
            reason = f"The directory cannot be listed: {error.strerror}"
            self.errors.append((directory, SourceError("FL901", reason)))


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _require(path: Path, cwd: Path) -> None:
    shown = (path.relative_to(cwd) if path.is_relative_to(cwd) else path).as_posix()
    try:
        if path.exists():
            return
        if path.is_symlink():
            raise PathError(f"{shown} is a link to nowhere")
        siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError as error:
        raise PathError(f"{shown} cannot be reached: {error.strerror}") from None
    raise PathError(f"{shown} does not exist{did_you_mean(path.name, siblings)}")
