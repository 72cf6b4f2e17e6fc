"""What git ignores: asked from git itself, or read from `.gitignore` files where there is no git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fastlint.cache.inputs import is_noting, note

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# A hook runs with these set for the repository it belongs to; here they would point git elsewhere.
_REPOSITORY_VARIABLES = (
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)


class Ignores(Protocol):
    """Tells which files and directories are ignored."""

    def match(self, path: Path, is_directory: bool) -> bool:
        """Whether the file or directory at `path` (absolute) is ignored."""


class NothingIgnored:
    """Used where ignore files do not count."""

    def match(self, path: Path, is_directory: bool) -> bool:
        """Never."""
        return False


def ignores_for(directory: Path, top: Path) -> Ignores:
    """What is ignored at and below `directory`.

    Outside of a repository `.gitignore` files count from `top` (a parent of `directory`) downwards.
    """
    repository = find_repository(directory)
    listed = None if repository is None else _ask_git(repository, directory)
    if listed is not None:
        return _Listed(listed)
    top = repository or (top if directory.is_relative_to(top) else directory)
    return _IgnoreFiles(top, directory)


def find_repository(directory: Path) -> Path | None:
    """The nearest directory at or above `directory` that is the top of a repository."""
    for place in (directory, *directory.parents):
        note(place / ".git")
        if (place / ".git").exists():
            return place
    return None


class _Listed:
    """Paths that git lists as ignored; a directory stands for everything in it."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = frozenset(paths)

    def match(self, path: Path, is_directory: bool) -> bool:
        return path in self._paths


def _ask_git(repository: Path, directory: Path) -> list[Path] | None:
    """The ignored paths below `directory`, or None if git is missing or does not answer."""
    if is_noting():
        _note_what_git_reads(repository, directory)
    listing = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"]
    answer = _git(repository, *listing, "--", str(directory))
    if answer is None:
        return None
    return [repository / os.fsdecode(name) for name in answer.split(b"\0") if name]


def _note_what_git_reads(repository: Path, directory: Path) -> None:
    """Note the files that decide what is ignored, except those below `directory`."""
    for place in (directory, *directory.parents):
        note(place / ".gitignore")
        if place == repository:
            break
    places = _git(repository, "rev-parse", "--git-path", "index", "--git-path", "info/exclude") or b""
    for line in places.splitlines():
        note(repository / os.fsdecode(line))
    home = Path(os.environ.get("HOME") or os.environ.get("USERPROFILE") or repository)
    general = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git"
    for path in (home / ".gitconfig", general / "config", general / "ignore", repository / ".git" / "config"):
        note(path)
    listed = (_git(repository, "config", "--list", "--show-origin", "--null") or b"").split(b"\0")
    for origin, setting in zip(listed[::2], listed[1::2], strict=False):
        name, _, value = os.fsdecode(setting).partition("\n")
        note(repository / os.fsdecode(origin).removeprefix("file:"))
        if name == "core.excludesfile":
            note(repository / home / value.removeprefix("~/"))


def _git(repository: Path, *arguments: str) -> bytes | None:
    """What git prints, or None if it is missing or does not answer."""
    environment = {key: value for key, value in os.environ.items() if key not in _REPOSITORY_VARIABLES}
    # A repository may come from anywhere, so its configuration must not name a program to run.
    command = ["git", "-c", "core.fsmonitor=false", "--literal-pathspecs", *arguments]
    try:
        answer = subprocess.run(
            command,
            cwd=repository,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None


class _IgnoreFiles:
    """The `.gitignore` files from `top` downwards; of two that disagree, the deeper one decides."""

    def __init__(self, top: Path, directory: Path) -> None:
        self._top = top
        self._specs: dict[Path, list[tuple[Path, GitIgnoreSpec]]] = {}
        if directory != top and any(
            self.match(parent, is_directory=True)
            for parent in (directory, *directory.parents)
            if parent.is_relative_to(top) and parent != top
        ):
            # Somebody asked for an ignored directory by name: only what it says itself counts in it.
            self._top = directory
            self._specs.clear()

    def match(self, path: Path, is_directory: bool) -> bool:
        for directory, spec in self._specs_in(path.parent):
            relative = path.relative_to(directory).as_posix()
            verdict = spec.check_file(f"{relative}/" if is_directory else relative).include
            if verdict is not None:
                return verdict
        return False

    def _specs_in(self, directory: Path) -> list[tuple[Path, GitIgnoreSpec]]:
        """Return the `.gitignore` files that count in a directory, the deepest first, with where they are."""
        if directory not in self._specs:
            is_below = directory.is_relative_to(self._top)
            spec = _read_spec(directory / ".gitignore") if is_below else None
            above = self._specs_in(directory.parent) if is_below and directory != self._top else []
            self._specs[directory] = above if spec is None else [(directory, spec), *above]
        return self._specs[directory]


def _read_spec(path: Path) -> GitIgnoreSpec | None:
    note(path)
    try:
        lines = path.read_bytes().decode("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)
