"""Which frames reach a blocking call without leaving their thread, and by which way."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from fastlint.catalog.model import KINDS
from fastlint.project.calls import CallResolver, Sink, Site
from fastlint.project.program import Frame


class Way(NamedTuple):
    """The shortest way from a frame to a sink: the site to go through, and the frame it runs."""

    site: Site
    callee: Frame | None
    """None where the site itself is the blocking call."""
    sink: Sink
    length: int


class Reach:
    """For each frame and kind of effect, the worst sink that running the frame ends in."""

    def __init__(self, resolver: CallResolver) -> None:
        self.resolver = resolver
        self._ways: dict[Frame, dict[str, Way]] = defaultdict(dict)
        """By frame and kind of effect; most frames have none."""
        self._seen: set[Frame] = set()
        self._callers: dict[Frame, list[Site]] = defaultdict(list)

    def explore(self, frames: Iterable[Frame]) -> None:
        """Visit the frames and all plain functions below them, and settle their ways."""
        queue = deque(frame for frame in frames if frame not in self._seen)
        self._seen.update(queue)
        fresh: list[tuple[Frame, Site, Sink]] = []
        while queue:
            frame = queue.popleft()
            for site in self.resolver.sites(frame):
                fresh += [(frame, site, sink) for sink in site.sinks]
                for callee in site.runs:
                    self._callers[callee].append(site)
                    if callee not in self._seen:
                        self._seen.add(callee)
                        queue.append(callee)
        self._settle(fresh)

    def _settle(self, found: list[tuple[Frame, Site, Sink]]) -> None:
        """Spread sinks up to the callers: the costliest first, each by its shortest way."""
        for rank in (2, 1, 0):
            queue: deque[tuple[Frame, str]] = deque()
            for frame, site, sink in found:
                if sink.effect.rank == rank:
                    self._offer(queue, frame, sink.effect.kind, Way(site, None, sink, 1))
            while queue:
                callee, kind = queue.popleft()
                way = self._ways[callee][kind]
                for site in self._callers.get(callee, ()):
                    self._offer(queue, site.frame, kind, Way(site, callee, way.sink, way.length + 1))

    def _offer(self, queue: deque[tuple[Frame, str]], frame: Frame, kind: str, way: Way) -> None:
        ways = self._ways[frame]
        known = ways.get(kind)
        better = known is None or (
            (-way.sink.effect.rank, way.length) < (-known.sink.effect.rank, known.length)
        )
        if better:
            ways[kind] = way
            queue.append((frame, kind))

    def ways_from(self, site: Site) -> list[Way]:
        """Return, for each kind of effect, the worst way to block that begins at a site."""
        best: dict[str, Way] = {}
        offers = [Way(site, None, sink, 1) for sink in site.sinks]
        for callee in site.runs:
            ways = self._ways.get(callee, {})
            for kind in KINDS if ways else ():
                way = ways.get(kind)
                if way is not None:
                    offers.append(Way(site, callee, way.sink, way.length + 1))
        for offer in offers:
            kind = offer.sink.effect.kind
            known = best.get(kind)
            if known is None or (-offer.sink.effect.rank, offer.length) < (
                -known.sink.effect.rank,
                known.length,
            ):
                best[kind] = offer
        return list(best.values())

    def steps(self, way: Way) -> list[Way]:
        """Return the whole chain of a way, from its site down to the blocking call."""
        chain = [way]
        seen = {way.site.frame}
        while chain[-1].callee is not None:
            callee = chain[-1].callee
            following = self._ways[callee][way.sink.effect.kind]
            if callee in seen:
                break
            seen.add(callee)
            chain.append(following)
        return chain
