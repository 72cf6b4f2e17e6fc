"""Which versions of libraries a project uses, as far as its files tell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING

from fastlint.cache.inputs import note
from fastlint.config.settings import DEFAULT_EXCLUDE
from fastlint.sources.gitignore import find_repository

if TYPE_CHECKING:
    from fastlint.sources.pins import Pin
    from fastlint.sources.requirements import Stated

_SAME_VERSIONS = {"fastapi": ("fastapi-slim",)}
"""Distributions that contain another one under the same version."""

_DEPTH = 3
"""Levels of directories below a path, as in `services/api/app`."""


class Versions:
    """The versions of the distributions that the code at `paths` runs with.

    Looked for in the directories from each path upwards, to `root` or the root of the repository above
    it; the first path and the nearest directory that name the distribution answer. A lock file that
    fits answers before anything that allows a range. `given` maps distributions to the versions that
    the user set; these need no looking.

    Where several versions are allowed, the newest of them is the one that will be installed; where
    nothing is known, the newest there is.
    """

    def __init__(self, root: Path, paths: Sequence[Path], given: Mapping[str, str] | None = None) -> None:
        self._root = root
        self._starts = tuple(dict.fromkeys(path if path.is_dir() else path.parent for path in paths))
        self._given = given or {}
        self._stated: dict[Path, Stated] = {}
        self._pins: dict[str, Pin] = {}

    def is_at_least(self, distribution: str, version: str) -> bool:
        """Whether `distribution` is of `version` or newer."""
        return self.pin(distribution).is_at_least(version)

    def is_below(self, distribution: str, version: str) -> bool:
        """Whether `distribution` is older than `version`."""
        return not self.is_at_least(distribution, version)

    def pin(self, distribution: str) -> Pin:
        """What the project allows of `distribution` (a normalized name); everything if it says nothing."""
        if distribution not in self._pins:
            self._pins[distribution] = self._find(distribution)
        return self._pins[distribution]

    def _find(self, distribution: str) -> Pin:
        from fastlint.sources.pins import ANY, series

        if distribution in self._given:
            return series(self._given[distribution])
        for name in (distribution, *_SAME_VERSIONS.get(distribution, ())):
            for start in self._starts:
                pin = self._nearest(self._upwards(start), name) or self._below(start, name)
                if pin is not None:
                    return pin
        return ANY

    def _below(self, start: Path, name: str) -> Pin | None:
        """What the directories in `start` say, where it holds applications and is no part of one."""
        if any(self._read(directory).names("fastapi") for directory in self._upwards(start)):
            return None
        level = [start]
        for _ in range(_DEPTH):
            level = [child for directory in level for child in _subdirectories(directory)]
            pins = [pin for pin in (self._nearest([directory], name) for directory in level) if pin]
            if pins:
                return reduce(or_, pins)
        return None

    def _nearest(self, directories: Iterable[Path], name: str) -> Pin | None:
        """What the first directory that can says; a lock must fit what one before it declares."""
        from fastlint.sources.pins import exactly

        declared: Pin | None = None
        for directory in directories:
            stated = self._read(directory)
            locked = stated.locked.get(name, ())
            fitting = [exactly(v) for v in locked if declared is None or declared.allows(v)]
            if fitting:
                return reduce(or_, fitting)
            declared = declared or stated.declared.get(name)
        return declared

    def _upwards(self, start: Path) -> list[Path]:
        """The directories from `start` to the root of the project or, if that is higher, of its repository."""
        directories = (start, *start.parents)
        repository = find_repository(start) or start
        tops = [top for top in (self._root, repository) if start.is_relative_to(top)]
        top = min(tops, key=lambda top: len(top.parts))
        return [directory for directory in directories if directory.is_relative_to(top)]

    def _read(self, directory: Path) -> Stated:
        from fastlint.sources.requirements import read_directory

        if directory not in self._stated:
            self._stated[directory] = read_directory(directory)
        return self._stated[directory]


def _subdirectories(directory: Path) -> Iterator[Path]:
    note(directory)
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in names:
        child = directory / name
        note(child / "pyvenv.cfg")
        if name not in DEFAULT_EXCLUDE and not (child / "pyvenv.cfg").exists():
            yield child
