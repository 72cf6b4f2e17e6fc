"""Make routes asynchronous from end to end, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fastlint.application.contexts import Application
from fastlint.application.routes import Route
from fastlint.config.errors import FastlintError, did_you_mean
from fastlint.config.settings import Settings
from fastlint.engine.differences import unified
from fastlint.engine.loading import Loaded, load_program
from fastlint.engine.run import imported_names
from fastlint.engine.sources import SourceLines
from fastlint.engine.workspace import Workspace
from fastlint.facts.build import room_for_nesting
from fastlint.fixes.files import Files
from fastlint.fixes.unused import without_unused
from fastlint.fixes.writing import WriteError, write_text
from fastlint.migration.migrate import Chain, migrate
from fastlint.project.program import Frame


@dataclass(slots=True)
class MigrationResult:
    """What a migration made of a program, and what it left alone."""

    routes: int = 0
    chains: list[Chain] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)

    @property
    def refused(self) -> list[Chain]:
        """The chains that stay as they are."""
        return [chain for chain in self.chains if chain.reason]

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff of all files, their line ends included."""
        return unified(self.before, self.after)

    def write(self) -> list[tuple[str, str]]:
        """Write the files; return those that cannot be written, and why."""
        failed = []
        for name in sorted(self.after):
            try:
                write_text(self.paths[name], self.before[name], self.after[name])
            except WriteError as error:
                failed.append((name, str(error)))
        return failed


def migrate_routes(
    settings: Settings, targets: tuple[str, ...], progress: Callable[[str, int, int], None] | None = None
) -> MigrationResult:
    """Make the chains of some routes asynchronous, in memory.

    Raises:
        FastlintError: there is no such route or file.
    """
    workspace = Workspace()
    with room_for_nesting():
        loaded = load_program(settings, progress, workspace)
        if progress is not None:
            progress("Following calls", 0, 1)
        application = Application(loaded.program, loaded.versions, loaded.deployment)
        routes = _wanted(application, loaded, targets, settings)
        sources = SourceLines(loaded.paths, workspace.source)
        found = migrate(application, _frames(application, routes), Files(sources.text))
        needed = imported_names(loaded.program)
    result = MigrationResult(len(routes), found.chains, found.notes, paths=dict(loaded.paths))
    for name, text in found.texts.items():
        before = sources.text(name)
        is_package = loaded.paths[name].name == "__init__.py"
        text = without_unused(before, text, is_package=is_package, needed=needed.get(name, frozenset()))
        if text != before:
            result.before[name], result.after[name] = before, text
    return result


def _wanted(
    application: Application, loaded: Loaded, targets: tuple[str, ...], settings: Settings
) -> list[Route]:
    """Return the routes that the targets name: by method and path, by function, by file or directory."""
    found: list[Route] = []
    for target in targets:
        place = (settings.cwd / target).resolve()
        is_file = place.exists()
        matching = [
            route
            for route in application.routes
            if (is_file and _place(application, loaded, route).is_relative_to(place))
            or target in _names(application, route)
        ]
        if not matching:
            if is_file:
                raise FastlintError(f"there is no route in {target}")
            known = {name for route in application.routes for name in _names(application, route)}
            raise FastlintError(f'there is no route "{target}"{did_you_mean(target, sorted(known))}')
        found += [route for route in matching if route not in found]
    return found


def _names(application: Application, route: Route) -> set[str]:
    """Return what a route may be called: "GET /items/{id}", and its function."""
    methods, _, path = application.label(route).partition(" ")
    names = {f"{method} {path}" for method in methods.split("|")} | {f"{methods} {path}"}
    for frame in application.endpoints.get(route, ()):
        names |= {frame.function.facts.name, frame.function.label}
    return names


def _place(application: Application, loaded: Loaded, route: Route) -> Path:
    """Return the file of a route's function, or of its registration."""
    frames = application.endpoints.get(route, ())
    return loaded.paths[(frames[0] if frames else route.frame).function.module.path].resolve()


def _frames(application: Application, routes: list[Route]) -> list[Frame]:
    """Return what requests of routes run: the functions of the routes, and their dependencies."""
    found: dict[Frame, None] = {}
    for route in routes:
        found.update(dict.fromkeys(application.endpoints.get(route, ())))
        found.update(dict.fromkeys(n.frame for n in application.needs(route) if n.frame is not None))
    return list(found)
