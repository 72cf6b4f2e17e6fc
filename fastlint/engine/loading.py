"""From paths to a program: the files asked for, and those that they import from the same project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fastlint.cache.inputs import note
from fastlint.catalog.load import load_catalog
from fastlint.config.settings import DEFAULT_EXCLUDE, Settings
from fastlint.deployment.read import Deployment
from fastlint.engine.workspace import Workspace
from fastlint.facts.model import ModuleFacts, Problem
from fastlint.project.program import Program
from fastlint.sources.discovery import SourceFile, discover
from fastlint.sources.versions import Versions

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Loaded:
    """The program, where its files are, and what could not be read."""

    program: Program
    versions: Versions
    """Of the libraries that the program uses; the files that tell are read when a rule asks."""
    paths: dict[str, Path] = field(default_factory=dict)
    """Display path to real path, of every file that was read."""
    deployment: Deployment = field(default_factory=Deployment)
    """What deploys the project; its files are read when a rule asks."""
    deploying: set[str] = field(default_factory=set)
    """Display paths of the files that may deploy it."""
    asked: set[str] = field(default_factory=set)
    """Display paths of the files that the run is about; the others are only followed into."""
    problems: list[tuple[str, Problem]] = field(default_factory=list)


def load_program(
    settings: Settings, progress: Progress | None = None, workspace: Workspace | None = None
) -> Loaded:
    """Read all files of a run, as they are in the workspace.

    Raises:
        PathError: a path that was asked for does not exist.
        CatalogError: the user's catalog is not in the catalog's format.
    """
    workspace = workspace or Workspace()
    discovery = discover(settings)
    asked = {file.display for file in discovery.files}
    found: dict[SourceFile, ModuleFacts] = {}
    problems = [(file.display, Problem(error.code, error.message)) for file, error in discovery.errors]
    batch: Sequence[SourceFile] = discovery.files
    known = {file.path for file in discovery.files}
    while batch:
        for file, facts in _read(batch, progress, workspace):
            if isinstance(facts, ModuleFacts):
                found[file] = facts
            elif file.display in asked:
                problems.append((file.display, facts))
        batch = [
            f for f in _imported(settings, {f: found[f] for f in batch if f in found}) if f.path not in known
        ]
        known.update(file.path for file in batch)
    catalog = load_catalog(
        {name for facts in found.values() for name in _top_modules(facts)}, settings.catalog
    )
    loaded = Loaded(Program(catalog), _versions(settings), asked=asked, problems=problems)
    loaded.program.is_whole = _is_whole(settings)
    for file in sorted(found, key=lambda f: f.display):
        loaded.program.add(file.display, _inner(settings, file.path), found[file])
        loaded.paths[file.display] = file.path
    loaded.deployment = Deployment(discovery.deployment, settings.root, workspace.deployment_text)
    for file in discovery.deployment:
        loaded.deploying.add(file.display)
        loaded.paths.setdefault(file.display, file.path)
    for module in loaded.program.modules.values():
        module.name = loaded.program.dotted_name(module)
    return loaded


def _is_whole(settings: Settings) -> bool:
    """Tell whether a run is about all of a project but what is left out by default."""
    return (
        settings.exclude == DEFAULT_EXCLUDE
        and not settings.extend_exclude
        and settings.root in settings.paths
    )


def _versions(settings: Settings) -> Versions:
    given = {} if settings.fastapi_version is None else {"fastapi": settings.fastapi_version}
    return Versions(settings.root, settings.paths, given)


def _read(
    files: Sequence[SourceFile], progress: Progress | None, workspace: Workspace
) -> Iterator[tuple[SourceFile, ModuleFacts | Problem]]:
    tell = None if progress is None else lambda done, total: progress("Reading files", done, total)
    yield from zip(files, workspace.facts([file.path for file in files], tell), strict=True)


def _inner(settings: Settings, path: Path) -> str:
    """Return a file's path as seen from the directory that was asked for."""
    for given in settings.paths:
        if path.is_relative_to(given) and given.is_dir():
            return path.relative_to(given).as_posix()
    return path.relative_to(settings.root).as_posix() if path.is_relative_to(settings.root) else path.name


def _top_modules(facts: ModuleFacts) -> set[str]:
    return {module.partition(".")[0] for module, level, _ in facts.imports if not level}


def _imported(settings: Settings, read: dict[SourceFile, ModuleFacts]) -> list[SourceFile]:
    """Return the files of the project that the given ones import."""
    if settings.root in settings.paths:
        return []
    found: dict[Path, SourceFile] = {}
    finder = _Finder(settings.root)
    for file, facts in read.items():
        for path in finder.find(file.path, facts.imports):
            if path not in found:
                display = path.relative_to(settings.cwd) if path.is_relative_to(settings.cwd) else path
                found[path] = SourceFile(path, display.as_posix())
    return list(found.values())


class _Finder:
    """Finds the files behind imports, inside a project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[Path, frozenset[str]] = {}

    def find(self, importer: Path, imports: frozenset[tuple[str, int, str | None]]) -> Iterator[Path]:
        """Yield the files that the imports of a file may name."""
        above = [directory for directory in importer.parents if directory.is_relative_to(self.root)]
        for module, level, name in imports:
            parts = module.split(".") if module else []
            bases = above[level - 1 : level] if level else [*above, self.root / "src"]
            for base in bases:
                yield from self._below(base, [*parts, name] if name else parts)

    def _below(self, base: Path, parts: list[str]) -> Iterator[Path]:
        """Yield the modules and the `__init__` of the packages along a dotted name."""
        place = base
        for part in parts:
            names = self._names(place)
            if f"{part}.py" in names:
                yield place / f"{part}.py"
            if part not in names:
                return
            place = place / part
            if "__init__.py" in self._names(place):
                yield place / "__init__.py"

    def _names(self, directory: Path) -> frozenset[str]:
        if directory not in self._listed:
            note(directory)
            try:
                self._listed[directory] = frozenset(entry.name for entry in directory.iterdir())
            except OSError:
                self._listed[directory] = frozenset()
        return self._listed[directory]
