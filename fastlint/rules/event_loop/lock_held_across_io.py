"""FL116: A lock that all requests share is kept while something is waited for."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr, Region
from fastlint.facts.structure import events_in, is_inside
from fastlint.project.calls import Site
from fastlint.project.program import Frame, Function
from fastlint.project.values import Instance
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

LOCKS = frozenset({"asyncio.Lock", "asyncio.locks.Lock", "anyio.Lock"})
WAITS = {"request": "another service", "query": "the database", "sleep": "time to pass"}


class LockHeldAcrossIo(ModelRule):
    """A lock that all requests share is kept while something is waited for."""

    code = "FL116"

    def find(self) -> Iterator[Finding]:
        """Look at every `async with lock` that requests wait for."""
        seen = set()
        for frame in self.application.waited_for:
            for region in frame.function.facts.regions:
                key = (frame.function, region[1])
                if region[0] == "async with" and key not in seen and self._is_shared(region[2], frame):
                    found = self._waiting(frame, region)
                    if found is not None:
                        seen.add(key)
                        yield self._finding(frame, region, *found)

    def _is_shared(self, lock: Expr, frame: Frame) -> bool:
        """Tell whether a lock lives longer than a request: in a module, on the application, on `self`."""
        scope: Function | None = frame.function
        while lock[0] == "name" and scope is not None:
            if lock[1] in scope.facts.bindings or lock[1] in scope.parameters:
                return False
            scope = scope.parent
        if lock[0] not in ("name", "attr"):
            return False
        values = self.application.inference.values(lock, frame)
        return any(isinstance(value, Instance) and value.cls in LOCKS for value in values)

    def _waiting(self, frame: Frame, region: Region) -> tuple[Site, str] | None:
        """Return the first place inside that waits, and for what.

        Where the others find that the work is done and return, the lock is meant to let one of them do it.
        """
        returns = events_in(frame.function.facts, region[1], "return")
        for site in self.application.resolver.sites(frame):
            if site.is_awaited and is_inside(site.event[5], region[1]):
                if any(
                    event[5] < site.event[5] and not is_inside(site.event[5], event[5]) for event in returns
                ):
                    return None
                for word in WAITS:
                    if self.application.performs.at(site, word):
                        return site, word
        return None

    def _finding(self, frame: Frame, region: Region, site: Site, word: str) -> Finding:
        lock = render(region[2])
        step = self.application.performs.at(site, word)[0]
        return self.finding(
            frame,
            site.event[5],
            f"`{render(site.event[1])}` waits for {WAITS[word]}{self.where(frame)}, and `{lock}` makes all other requests "
            "wait with it",
            f"Wait before or after the block of `{lock}`, or have a lock for each key instead of one for all",
            chain=self.chain(step, word),
        )
