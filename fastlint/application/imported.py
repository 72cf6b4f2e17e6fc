"""The modules that the running application imports, and the engines that they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastlint.facts.model import UNKNOWN, Event
from fastlint.project.program import Function, Module
from fastlint.project.values import LibraryName

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

ENGINE_MAKERS = frozenset({
    "create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config",
})  # fmt: skip


def find_imported_modules(application: Application) -> list[Module]:
    """Return the modules that code of requests or the application is in, and what these import, directly or not.

    Left out are tests, scripts and migrations.
    """
    found: dict[Module, None] = {}
    pending = [frame.function.module for frame in application.requests]
    if pending:
        pending += [m for m in application.program.modules.values() if m.mentions("FastAPI")]
    while pending:
        module = pending.pop()
        if module in found or module.is_offline:
            continue
        found[module] = None
        pending += _imports_of(application, module)
    return list(found)


def _imports_of(application: Application, module: Module) -> Iterator[Module]:
    named = {(name, level) for name, level in module.facts.stars}
    for stem, level, name in module.facts.imports:
        named.add((stem, level))
        if name:
            named.add((f"{stem}.{name}" if stem else name, level))
    for name, level in sorted(named):
        target = application.program.find_module(module, name, level)
        if target is not None:
            yield target


def is_about_migrations(module: Module) -> bool:
    """Tell whether a module imports Alembic: what it does runs once in a while."""
    return any(
        value[0] == "import" and str(value[1]).partition(".")[0] == "alembic"
        for bound in module.facts.functions[0].bindings.values()
        for _, _, value in bound
    )


def engines(application: Application) -> Iterator[tuple[Function, Event]]:
    """Yield the calls that make an engine for the application: at the top of a module or in a function."""
    inference = application.inference
    for module in application.imported_modules:
        if not module.mentions(*ENGINE_MAKERS):
            continue
        for function in module.functions:
            for event in function.facts.events:
                callee = event[1][1] if event[0] in ("call", "drop") else UNKNOWN
                last = callee[2] if callee[0] == "attr" else callee[1] if callee[0] == "name" else ""
                if last not in ENGINE_MAKERS:
                    continue
                frame = inference.program.generic_frame(function)
                for value in inference.values(callee, frame):
                    if isinstance(value, LibraryName):
                        resource = inference.catalog.resource(value.name)
                        if resource is not None and resource.kind == "engine":
                            yield function, event
                            break
