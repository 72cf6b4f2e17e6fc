"""What a run finds in the cache and leaves there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastlint.cache.directory import CacheDirectory, make_directory

if TYPE_CHECKING:
    from fastlint.cache.inputs import Inputs
    from fastlint.cache.kept import Kept
    from fastlint.cache.replay import Outcome, Run
    from fastlint.config.settings import Settings
    from fastlint.engine.workspace import Workspace
    from fastlint.facts.looks import Look


def cache_of(this: Run | None, settings: Settings) -> CacheDirectory | None:
    """Return the cache that a run is to use, or None where there can or shall be none."""
    if this is None or not settings.cache or settings.cache_dir is None:
        return None
    return make_directory(os.fspath(settings.cache_dir))


def recall(this: Run, directory: CacheDirectory) -> Outcome | None:
    """Return the outcome of the run that was made before, if nothing changed since that it looked at."""
    known = this.recall_from(directory)
    if known is not None:
        return known
    from fastlint.facts.build import build_facts, room_for_nesting
    from fastlint.facts.looks import looks_from_bytes, looks_the_same
    from fastlint.facts.packing import from_bytes

    kept = _kept(directory)

    def look_the_same(changed: Mapping[str, str], packed: bytes) -> bool:
        looks = looks_from_bytes(packed)
        try:
            pieces = [kept.get(bytes.fromhex(before)) for before in changed.values()]
        except ValueError:  # what was in a file then is not known
            return False
        if not changed.keys() <= looks.keys():
            return False
        now = build_facts([Path(path) for path in changed], None, kept)
        for path, piece, facts in zip(changed, pieces, now, strict=True):
            before = None if piece is None else from_bytes(piece)
            if before is None or not looks_the_same(before, facts, looks[path]):
                return False
        return True

    with room_for_nesting():
        known = this.recall_from(directory, look_the_same)
    kept.save()
    return known


def keep(
    this: Run, directory: CacheDirectory, outcome: Outcome, inputs: Inputs, looks: Mapping[str, Look]
) -> None:
    """Keep the outcome of a run, with the inputs that it depends on and what it looked at in them."""
    from fastlint.facts.looks import looks_to_bytes

    this.keep(directory, outcome, inputs, looks_to_bytes(looks))


def _kept(directory: CacheDirectory) -> Kept:
    from fastlint.cache.kept import Kept
    from fastlint.facts.packing import version

    return Kept(directory, version)


@contextmanager
def cached_workspace(directory: CacheDirectory | None) -> Iterator[Workspace]:
    """A workspace that finds facts in a cache; what it had to take itself is there afterwards."""
    from fastlint.engine.workspace import Workspace

    if directory is None:
        yield Workspace()
        return
    kept = _kept(directory)
    try:
        yield Workspace(kept)
    finally:
        kept.save()
