"""What a run finds in the cache and leaves there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastlint.cache.directory import CacheDirectory, make_directory

if TYPE_CHECKING:
    from fastlint.cache.replay import Run
    from fastlint.config.settings import Settings
    from fastlint.engine.workspace import Workspace


def cache_of(this: Run | None, settings: Settings) -> CacheDirectory | None:
    """Return the cache that a run is to use, or None where there can or shall be none."""
    if this is None or not settings.cache or settings.cache_dir is None:
        return None
    return make_directory(os.fspath(settings.cache_dir))


@contextmanager
def cached_workspace(directory: CacheDirectory | None) -> Iterator[Workspace]:
    """A workspace that finds facts in a cache; what it had to take itself is there afterwards."""
    from fastlint.engine.workspace import Workspace

    if directory is None:
        yield Workspace()
        return
    from fastlint.cache.kept import Kept
    from fastlint.facts.packing import version

    kept = Kept(directory, version)
    try:
        yield Workspace(kept)
    finally:
        kept.save()
