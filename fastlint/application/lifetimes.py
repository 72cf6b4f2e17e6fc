"""What import and start-up make to be kept while the server runs, and what shutdown closes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from fastlint.application.contexts import Application
from fastlint.application.model import STARTUP
from fastlint.application.providers import (
    CLOSERS,
    CLOSING_WORDS,
    KEEPERS,
    POOLED,
    Acquisition,
    Provider,
    arguments,
)
from fastlint.facts.model import Expr
from fastlint.facts.structure import blocks_around, called_name, unwrapped, walk
from fastlint.project.performs import followed
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import AwaitableOf, FunctionValue, Instance, LibraryName, Suspended, Value

MOST_FRAMES = 3000
AT_EXIT = frozenset({"add_event_handler", "finalize", "register", "add_signal_handler"})
"""Functions that are handed what runs at shutdown."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that import or start-up makes."""

    acquisition: Acquisition
    names: frozenset[str]
    """The variables and attributes that hold it."""
    at_import: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """A place of the code that start-up and shutdown run where something is closed."""

    method: str
    """The method that closes it; nothing where `with` does."""
    name: str
    """The last part of what is closed: `client` of `app.state.client`."""
    classes: frozenset[object]
    """The classes that it may be an object of; none if that is not known."""


class Lifetimes:
    """Answers what is made once, and whether it is closed."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._inference = application.inference

    def kept(self, kinds: frozenset[str]) -> Iterator[Kept]:
        """Yield what import and start-up make of those kinds and keep in a name or an attribute."""
        seen: set[Frame] = set()
        for frame in self._followed([m.frame for m in self._application.imported_modules], at_import=True):
            seen.add(frame)
            yield from self._made(frame, kinds, at_import=True)
        started = [
            e.frame for e in self._application.entries if e.phase == STARTUP and "shutdown" not in e.kind
        ]
        for frame in self._followed(started, at_import=False):
            if frame not in seen and frame not in self._application.requests:
                yield from self._made(frame, kinds, at_import=False)

    def is_closed(self, kept: Kept) -> bool:
        """Tell whether something that runs at shutdown closes it, or may do so."""
        acquisition = kept.acquisition
        providers = self._application.providers
        provider = providers.of(acquisition.frame)
        if provider.closings(acquisition) or providers.is_closed_below(acquisition.frame, acquisition.names):
            return True
        if acquisition.resource.kind in POOLED and not provider.is_stored(acquisition):
            return False
        classes = _classes(self._given(acquisition.expr, acquisition.frame))
        methods = acquisition.resource.close
        for closing in self._closings:
            if closing.name in kept.names:
                return True
            if closing.classes & classes and closing.name not in self._all_names:
                return True
            is_known = bool(closing.classes) and bool(classes)
            if closing.method in methods and not is_known and closing.name not in self._all_names:
                return True
        return False

    def _given(self, expr: Expr, frame: Frame) -> Iterator[Value]:
        """Yield what an expression gives, awaited if it has to be."""
        for value in self._inference.values(expr, frame):
            if isinstance(value, AwaitableOf):
                yield from value.items
            elif isinstance(value, Suspended) and value.kind == "coroutine":
                yield from self._inference.returned(value.frame)
            else:
                yield value

    @cached_property
    def _all_names(self) -> frozenset[str]:
        """The names of all that is kept: who closes one of them closes no other."""
        kinds = frozenset({"engine", "pool", "client", "connection", "session"})
        return frozenset(name for kept in self.kept(kinds) for name in kept.names)

    # What is made

    def _followed(self, frames: list[Frame], *, at_import: bool) -> Iterator[Frame]:
        """Yield frames and what they run before they are over, before the yield of a lifespan."""
        seen = set(frames)
        pending = list(reversed(frames))
        while pending and len(seen) < MOST_FRAMES:
            frame = pending.pop()
            yield frame
            for site in self._application.resolver.sites(frame):
                if at_import and _is_script(frame, site.event[3]):
                    continue
                for callee in followed(site):
                    if callee not in seen and not callee.function.module.is_offline:
                        seen.add(callee)
                        pending.append(callee)

    def _made(self, frame: Frame, kinds: frozenset[str], *, at_import: bool) -> Iterator[Kept]:
        provider = self._application.providers.of(frame)
        for acquisition in provider.acquisitions:
            if acquisition.resource.kind not in kinds or acquisition.manager is not None:
                continue
            if acquisition.name not in self._inference.catalog.resources:
                continue  # a factory of sessions
            if provider.managers(acquisition) or self._is_passed_on(provider, acquisition):
                continue
            if at_import and _is_script(frame, acquisition.site.event[3]):
                continue
            names = frozenset((*acquisition.names, *_stored_names(provider, acquisition)))
            if names or provider.is_stored(acquisition):
                yield Kept(acquisition, names, at_import)

    def _is_passed_on(self, provider: Provider, acquisition: Acquisition) -> bool:
        """Tell whether the caller gets it, or what comes after the yield makes it."""
        if provider.yields:
            return acquisition.span > provider.yields[0][5]
        return acquisition in provider.given

    # What is closed

    @cached_property
    def _closings(self) -> list[Closing]:
        application = self._application
        frames = [e.frame for e in application.entries if e.phase == STARTUP]
        modules = application.imported_modules
        for module in modules:
            if module.mentions(*AT_EXIT):
                frames += self._at_exit([self._inference.program.generic_frame(f) for f in module.functions])
        frames += [m.frame for m in modules]
        seen = set(frames)
        pending = list(frames)
        found: list[Closing] = []
        while pending and len(seen) < MOST_FRAMES:
            frame = pending.pop()
            found += self._closings_in(frame)
            for site in application.resolver.sites(frame):
                for callee in (*site.runs, *site.starts, *site.in_thread, *site.on_loop, *site.scheduled):
                    if callee not in seen:
                        seen.add(callee)
                        pending.append(callee)
        return found

    def _at_exit(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the functions that `atexit.register` and the like are handed."""
        for frame in frames:
            for event in frame.function.facts.events:
                if event[0] in ("call", "drop") and called_name(event[1]) in AT_EXIT:
                    for argument in arguments(event[1]):
                        for value in self._inference.values(argument, frame):
                            if isinstance(value, FunctionValue):
                                yield self._inference.enter(value, None, None)

    def _closings_in(self, frame: Frame) -> Iterator[Closing]:
        for kind, expr, *_ in frame.function.facts.events:
            if kind in ("enter", "aenter"):
                yield self._closing("", expr, frame)
            elif kind in ("call", "drop"):
                for part in walk(expr):
                    if part[0] == "attr" and _closes(str(part[2])) and not self._is_plain(part[1], frame):
                        yield self._closing(str(part[2]), part[1], frame)
                if called_name(expr) == "getattr" and len(expr[2]) > 1 and _closes(str(expr[2][1][-1])):
                    yield self._closing(str(expr[2][1][-1]), expr[2][0], frame)
                if called_name(expr) in KEEPERS or _closes(called_name(expr)):
                    for argument in arguments(expr):
                        yield self._closing("", argument, frame)

    def _is_plain(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression is a module of the standard library: `os` in `os.remove`."""
        values = self._inference.values(expr, frame)
        names = [value.name for value in values if isinstance(value, LibraryName)]
        return any(name.partition(".")[0] in sys.stdlib_module_names for name in names)

    def _closing(self, method: str, expr: Expr, frame: Frame) -> Closing:
        expr = unwrapped(expr)
        name = str(expr[2] if expr[0] == "attr" else expr[1] if expr[0] == "name" else "")
        if expr[0] == "sub" and expr[2][0] == "const":
            name = str(expr[2][1])
        return Closing(method, name, _classes(self._inference.values(expr, frame)))


def _closes(method: str) -> bool:
    return method in CLOSERS or any(
        word in method.lower() for word in (*CLOSING_WORDS, "stop", "drain", "quit")
    )


def _classes(values: Iterable[Value]) -> frozenset[object]:
    """Return the classes that values are objects of, unless they are builtin."""
    return frozenset(
        value.cls
        for value in values
        if isinstance(value, Instance)
        and (isinstance(value.cls, ProjectClass) or not value.cls.startswith("builtins."))
    )


def _stored_names(provider: Provider, acquisition: Acquisition) -> Iterator[str]:
    """Yield the attributes that something is put into: `app.state.client`, `self.client`."""
    for _, name, value in provider.facts.stores:
        if acquisition.is_held_by(value) and not name.startswith("["):
            yield name


def _is_script(frame: Frame, block: int) -> bool:
    """Tell whether a place runs only if the file is a script: `if __name__ == "__main__":`."""
    return any(
        part[0] == "name" and part[1] == "__name__"
        for _, _, detail in blocks_around(frame.function.facts, block)
        for part in walk(detail)
    )
