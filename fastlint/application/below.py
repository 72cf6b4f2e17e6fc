"""What a function runs below it, all levels of it."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.project.calls import CallResolver
from fastlint.project.program import Frame

DEEPEST = 12


class Below:
    """Answers which functions of the program run when one runs."""

    def __init__(self, resolver: CallResolver) -> None:
        self._resolver = resolver
        self._below_plain: dict[Frame, tuple[Frame, ...]] = {}
        self._below_awaited: dict[Frame, tuple[Frame, ...]] = {}

    def of(self, frame: Frame, *, awaited: bool = False) -> Iterator[Frame]:
        """Yield a function and the plain functions that it runs, all levels of them; `awaited` ones as well."""
        found, pending = {frame: 0}, [frame]
        yield frame
        while pending:
            current = pending.pop()
            depth = found[current] + 1
            if depth > DEEPEST:
                continue
            for callee in self._directly(current, awaited=awaited):
                if callee not in found:
                    found[callee] = depth
                    pending.append(callee)
                    yield callee

    def _directly(self, frame: Frame, *, awaited: bool) -> tuple[Frame, ...]:
        """Return the plain functions that a function itself runs, `awaited` ones as well, each once."""
        known = self._below_awaited if awaited else self._below_plain
        if frame not in known:
            sites = self._resolver.sites(frame)
            known[frame] = tuple(
                dict.fromkeys(
                    callee
                    for site in sites
                    for callee in ((*site.runs, *site.starts) if awaited else site.runs)
                )
            )
        return known[frame]
