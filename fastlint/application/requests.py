"""What runs for requests, and what the library calls in it do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from fastlint.application.model import LOOP, REQUEST, THREAD, Entry
from fastlint.catalog.model import Resource
from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import called_name
from fastlint.project.calls import CallResolver, Site
from fastlint.project.program import Frame, Function
from fastlint.project.values import FunctionValue


@dataclass(frozen=True, slots=True)
class Use:
    """A library call that runs for requests."""

    site: Site
    name: str
    """The dotted name of what is called."""
    runs_on: frozenset[str]
    """LOOP, THREAD or both."""

    @property
    def frame(self) -> Frame:
        """The function call that it is part of."""
        return self.site.frame

    @property
    def expr(self) -> Expr:
        """The call, or what `with` enters and `for` iterates."""
        return self.site.event[1]

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.site.event[5]


_NOWHERE: frozenset[str] = frozenset()
_ONLY = {place: frozenset({place}) for place in (LOOP, THREAD)}
_BOTH = frozenset(_ONLY)


class RequestPath:
    """The frames that entry points of requests lead to, and the threads that run them.

    Left out is what only start-up, tests and scripts run, what is remembered from the first request on,
    and coroutine functions of which nobody knows who awaits them.
    """

    def __init__(self, entries: Iterable[Entry], resolver: CallResolver) -> None:
        self._resolver = resolver
        self._runs_on: dict[Frame, frozenset[str]] = {}
        queue = deque(
            (e.frame, e.runs_on) for e in entries if e.phase == REQUEST and not self._runs_once(e.frame)
        )
        while queue:
            frame, place = queue.popleft()
            known = self._runs_on.get(frame)
            if known is None:
                if resolver.is_memoised(frame.function):
                    continue
                self._runs_on[frame] = _ONLY[place]
            elif place in known:
                continue
            else:
                self._runs_on[frame] = _BOTH
            for site in resolver.sites(frame):
                queue.extend((callee, place) for callee in site.runs)
                queue.extend((callee, LOOP) for callee in (*site.starts, *site.on_loop, *site.scheduled))
                queue.extend((callee, THREAD) for callee in site.in_thread)

    def _runs_once(self, frame: Frame) -> bool:
        """Tell whether a dependency remembers its answer: `@lru_cache def get_settings()`."""
        function = frame.function
        if not function.facts.decorators:
            return False
        inference = self._resolver.inference
        values = inference.decorated(function, inference.defining_frame(function))
        return any(isinstance(value, FunctionValue) and "memoises" in value.marks for value in values)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._runs_on)

    def __contains__(self, frame: Frame) -> bool:
        return frame in self._runs_on

    def runs_on(self, frame: Frame) -> frozenset[str]:
        """Return where a frame runs for requests: LOOP, THREAD, both, or nowhere."""
        return self._runs_on.get(frame, _NOWHERE)

    @cached_property
    def sites(self) -> list[Site]:
        """Every place that runs something for requests."""
        return [site for frame in self._runs_on for site in self._resolver.sites(frame)]

    @cached_property
    def library_calls(self) -> list[Site]:
        """The places among these that call a library of which it is known what it does."""
        return [site for site in self.sites if site.acts or site.sinks]

    @cached_property
    def _making(self) -> list[Site]:
        return [site for site in self.sites if site.makes]

    def uses(self, *words: str) -> Iterator[Use]:
        """Yield the library calls that do what one of the words says ("query", "commit", ...)."""
        wanted = frozenset(words)
        for site in self.library_calls:
            for name, found in site.acts:
                if found & wanted:
                    yield Use(site, name, self.runs_on(site.frame))

    def calls(self, *names: str) -> Iterator[tuple[Frame, Expr]]:
        """Yield the calls that are written with one of the names, whatever these are."""
        naming = set(self._resolver.inference.program.functions_naming(names))
        for frame in self._runs_on:
            for kind, expr, *_ in frame.function.facts.events if frame.function in naming else ():
                if kind in ("call", "drop") and called_name(expr) in names:
                    yield frame, expr

    def calls_like(self, is_wanted: Callable[[Expr], object]) -> Iterator[tuple[Frame, Expr]]:
        """Yield the calls that are written as is wanted, whatever they are."""
        wanted: dict[Function, list[Expr]] = {}
        for frame in self._runs_on:
            function = frame.function
            if function not in wanted:
                calls = (event[1] for event in function.facts.events if event[0] in ("call", "drop"))
                wanted[function] = [call for call in calls if is_wanted(call)]
            for call in wanted[function]:
                yield frame, call

    def makings(self) -> Iterator[tuple[Use, Resource]]:
        """Yield the library calls that make a resource (client, engine, session, ...)."""
        for site in self._making:
            for name, resource in site.makes:
                yield Use(site, name, self.runs_on(site.frame)), resource
