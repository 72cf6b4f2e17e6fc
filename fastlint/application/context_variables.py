"""Which functions set context variables for whoever runs after them, and which functions read these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from fastlint.facts.model import Event, Expr
from fastlint.facts.structure import is_inside, last_name
from fastlint.project.calls import CallResolver
from fastlint.project.program import Frame, Function
from fastlint.project.values import LibraryName

SET, RESET, GET = "contextvars.ContextVar.set", "contextvars.ContextVar.reset", "contextvars.ContextVar.get"
BINDS = frozenset({"structlog.contextvars.bind_contextvars", "structlog.threadlocal.bind_threadlocal"})
"""Functions that keep values in context variables (or in the thread) which log lines show."""
BINDS_MEANWHILE = frozenset({
    "structlog.contextvars.bound_contextvars", "structlog.threadlocal.bound_threadlocal",
})  # fmt: skip
NAMES = frozenset({"set", *(name.rpartition(".")[2] for name in BINDS | BINDS_MEANWHILE)})
DEEPEST = 8


class Setting(NamedTuple):
    """A place where a context variable is set, and the calls that lead there."""

    steps: tuple[tuple[Frame, Event], ...]
    """From the function that was asked about down to the call that sets."""
    name: str
    """The library function."""

    @property
    def variable(self) -> Expr | None:
        """The variable that is set, as it is written; None for those of structlog."""
        call = self.steps[-1][1][1]
        return call[1][1] if self.name == SET else None


class ContextVariables:
    """Answers what functions set, and whether somebody else reads it."""

    def __init__(self, resolver: CallResolver) -> None:
        self._resolver = resolver
        self._inference = resolver.inference
        self._reading: dict[str, frozenset[Function]] = {}
        self._own: dict[Frame, list[tuple[Event, str]]] = {}
        self._callers: dict[Frame, list[Frame]] = defaultdict(list)
        self._leading: set[Frame] = set()
        """The functions that set something, themselves or by what they run."""

    def settings(self, frame: Frame) -> list[Setting]:
        """Return where a function sets what outlives it; not what it takes back before it returns."""
        return list(self._settings(frame, (), frozenset()))

    def sets(self, frame: Frame) -> bool:
        """Tell whether a function sets what outlives it."""
        seen: set[Frame] = set()
        level = {frame}
        for _ in range(DEEPEST):
            level = {each for each in level - seen if self._leads_to_setting(each)}
            if any(self._own[each] for each in level):
                return True
            seen |= level
            level = {
                callee
                for each in level
                for site in self._resolver.sites(each)
                if site.event[0] != "enter" or _lasts(each, site.event)
                for callee in site.runs
            }
        return False

    def _settings(
        self, frame: Frame, above: tuple[tuple[Frame, Event], ...], seen: frozenset[Frame]
    ) -> Iterator[Setting]:
        if frame in seen or len(seen) >= DEEPEST or not self._leads_to_setting(frame):
            return
        for event, name in self._own[frame]:
            yield Setting((*above, (frame, event)), name)
        for site in self._resolver.sites(frame):
            if site.event[0] == "enter" and not _lasts(frame, site.event):
                continue
            for callee in site.runs:
                yield from self._settings(callee, (*above, (frame, site.event)), seen | {frame})

    def _leads_to_setting(self, frame: Frame) -> bool:
        """Tell whether a function, or one of the plain functions that it runs, all levels of them, sets something."""
        found: list[Frame] = []
        pending = [frame]
        while pending:
            current = pending.pop()
            if current in self._own:
                continue
            self._own[current] = list(self._own_settings(current))
            below = dict.fromkeys(callee for site in self._resolver.sites(current) for callee in site.runs)
            for callee in below:
                self._callers[callee].append(current)
            if self._own[current] or not self._leading.isdisjoint(below):
                found.append(current)
            pending += below
        while found:
            current = found.pop()
            if current not in self._leading:
                self._leading.add(current)
                found += self._callers[current]
        return frame in self._leading

    def _own_settings(self, frame: Frame) -> Iterator[tuple[Event, str]]:
        """Yield where a function itself sets what outlives it, and by which library function."""
        for event in frame.function.facts.events:
            if (
                event[0] not in ("call", "drop", "enter")
                or event[1][0] != "call"
                or last_name(event[1][1]) not in NAMES
            ):
                continue
            for name in self._callees(event[1], frame):
                if (
                    (name == SET and not self._is_taken_back(frame))
                    or (name in BINDS and event[0] != "enter")
                    or (name in BINDS_MEANWHILE and event[0] == "enter" and _lasts(frame, event))
                ):
                    yield event, name

    def _callees(self, call: Expr, frame: Frame) -> list[str]:
        return [v.name for v in self._inference.values(call[1], frame) if isinstance(v, LibraryName)]

    def _is_taken_back(self, frame: Frame) -> bool:
        """Tell whether a plain function resets what it sets before it returns."""
        facts = frame.function.facts
        return not facts.is_generator and any(
            event[0] in ("call", "drop") and last_name(event[1][1]) == "reset" for event in facts.events
        )

    def is_read_elsewhere(self, setting: Setting) -> bool:
        """Tell whether a function that the setting one does not consist of reads the variable."""
        if setting.variable is None:
            return True
        setters = {frame.function for frame, _ in setting.steps}
        return not setters.issuperset(self._readers(last_name(setting.variable)))

    def _readers(self, name: str) -> frozenset[Function]:
        """Return the functions that read context variables of a name."""
        if name not in self._reading:
            program = self._inference.program
            self._reading[name] = frozenset(
                function
                for function in program.functions_naming((name,))
                if not function.module.is_offline
                for kind, call, *_ in function.facts.events
                if kind in ("call", "drop") and call[1][0] == "attr" and call[1][2] == "get"
                if last_name(call[1][1]) == name
                and GET in self._callees(call, program.generic_frame(function))
            )
        return self._reading[name]


def _lasts(frame: Frame, event: Event) -> bool:
    """Tell whether a generator yields while it is inside a `with`, so that others run meanwhile."""
    facts = frame.function.facts
    if not facts.is_generator:
        return False
    inside = [region for region in facts.regions if region[0] == "with" and region[2] is event[1]]
    return any(e[0] == "yield" and is_inside(e[5], region[1]) for e in facts.events for region in inside)
