"""Which files a run is about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastlint.cache.inputs import note
from fastlint.config.errors import FastlintError, did_you_mean
from fastlint.config.settings import Settings
from fastlint.sources.deployment import PLACES, kind_of
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
    deployment: tuple[SourceFile, ...] = ()
    """Files of the project that may say how it is deployed, going by their names."""


def discover(settings: Settings) -> Discovery:
    """Find the files that `settings` asks for; each real file once, whatever links lead to it.

    Raises `PathError` if a path does not exist.
    """
    walk = _Walk(settings)
    for path in settings.paths:
        walk.take(path)
    walk.follow_links()
    walk.look_around()
    found = sorted(walk.found.values(), key=Path.as_posix)
    deployment = sorted(walk.deployment.values(), key=Path.as_posix)
    return Discovery(
        files=tuple(_source_file(path, settings.cwd) for path in found),
        errors=tuple((_source_file(path, settings.cwd), error) for path, error in walk.errors),
        deployment=tuple(_source_file(path, settings.cwd) for path in deployment),
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
        self.deployment: dict[Path, Path] = {}
        self.errors: list[tuple[Path, SourceError]] = []
        self._settings = settings
        self._excluded = Patterns(settings.root, (*settings.exclude, *settings.extend_exclude))
        self._seen: set[Path] = set()
        self._links: list[Path] = []

    def take(self, path: Path) -> None:
        """Take a path that the user named."""
        note(path)
        _require(path, self._settings.cwd)
        place = _Place(path, path.resolve())
        if self._settings.force_exclude and self._excluded.match_any_parent(path):
            return
        if path.is_dir():
            self._descend(place)
        elif path.suffix != ".py" and kind_of(path.name) is not None:
            self.deployment.setdefault(place.real, place.path)
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

    def look_around(self) -> None:
        """Take what deploys the application from the directories around it, up to the root of the project.

        The whole project may be much larger than what was asked for, so of its other directories only
        those count that usually hold such files.
        """
        root = self._settings.root
        for path in self._settings.paths:
            above = [directory for directory in path.parents if directory.is_relative_to(root)]
            for directory in above:
                self._take_beside(_Place(directory, directory.resolve()))

    def _take_beside(self, start: _Place) -> None:
        pending = [(start, self._ignores(start), 2)]
        while pending:
            place, ignores, depth = pending.pop()
            if place.real in self._seen:
                continue
            self._seen.add(place.real)
            note(place.path)
            try:
                with os.scandir(place.path) as listed:
                    entries = list(listed)
            except OSError:
                continue
            for entry in entries:
                is_directory = entry.is_dir(follow_symlinks=False)
                wanted = is_directory and depth and entry.name in PLACES
                if (is_directory and not wanted) or (not is_directory and kind_of(entry.name) is None):
                    continue
                child = place.child(entry.name)
                if self._excluded.match(child.path, is_directory) or ignores.match(child.real, is_directory):
                    continue
                if is_directory:
                    pending.append((child, ignores, depth - 1))
                elif entry.is_file(follow_symlinks=False):
                    self.deployment.setdefault(child.real, child.path)

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
            if ".gitignore" in names:
                note(place.path / ".gitignore")
            if "pyvenv.cfg" in names and place != start:
                continue
            if ".git" in names and place != start:
                ignores = self._ignores(place)
            pending += [(child, ignores) for child in self._sort_in(place, entries, ignores)]

    def _sort_in(self, place: _Place, entries: list[os.DirEntry[str]], ignores: Ignores) -> Iterator[_Place]:
        """Take the files and links of a directory; what is yielded are its directories."""
        for entry in entries:
            if entry.is_symlink():
                note(place.path / entry.name)
            is_directory = _is_directory(entry)
            is_source = not is_directory and entry.name.endswith(".py")
            deploys = not is_directory and kind_of(entry.name) is not None
            if not (is_directory or is_source or deploys):
                continue
            child = place.child(entry.name)
            if self._excluded.match(child.path, is_directory) or ignores.match(child.real, is_directory):
                continue
            if entry.is_symlink():
                if is_directory or is_source:
                    self._links.append(child.path)
            elif is_directory:
                yield child
            elif entry.is_file():
                if is_source:
                    self._add(child)
                if deploys:
                    self.deployment.setdefault(child.real, child.path)

    def _entries(self, directory: Path) -> Iterator[os.DirEntry[str]]:
        note(directory)
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
