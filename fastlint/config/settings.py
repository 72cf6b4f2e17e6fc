"""The settings of one run, complete and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OUTPUT_FORMATS = ("full", "concise", "json", "github")

DEFAULT_EXCLUDE = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".fastlint_cache",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)


@dataclass(frozen=True, slots=True)
class Selectors:
    """The words of one source (a file, or the command line) that turn rules on and off."""

    select: tuple[str, ...] | None = None
    """Replaces the default set; `None` where the source says nothing about it."""
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is about; every path is absolute."""

    root: Path
    """The project: patterns are relative to it."""
    paths: tuple[Path, ...]
    """What to look at, as the user named it."""
    cwd: Path
    """Where the user stands: reports name files relative to it."""
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    extend_ignore: tuple[str, ...] = ()
    command_line: Selectors = field(default_factory=Selectors)
    """Selectors given for this run; they overrule those above."""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    """Whether patterns also apply to files that were named one by one."""
    respect_gitignore: bool = True
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    catalog: Mapping[str, object] = field(default_factory=dict)
    """The table `catalog`, as it was written."""
    fixable: tuple[str, ...] = ("ALL",)
    unfixable: tuple[str, ...] = ()
    extend_safe_fixes: tuple[str, ...] = ()
    extend_unsafe_fixes: tuple[str, ...] = ()
    fix: bool = False
    """Whether to repair what can be repaired; the command line can say otherwise."""
    unsafe_fixes: bool = False
    """Whether fixes count that may change what the program does."""
    show_fixes: bool = False
    fastapi_version: str | None = None
    """The version of FastAPI to check for; `None` where the project's files are to tell."""
    output_format: str = "full"
    cache: bool = True
    cache_dir: Path | None = None
    """Where to keep the cache; `None` means `.fastlint_cache` in the project."""
    config_file: Path | None = None

    @property
    def selectors(self) -> tuple[Selectors, Selectors]:
        """The selectors by source, the one that overrules last."""
        own = Selectors(self.select, self.ignore, self.extend_select, self.extend_ignore)
        return (own, self.command_line)
