"""What a request waits for: the code that has to end before there is an answer."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from fastlint.application.model import REQUEST, Entry
from fastlint.project.calls import CallResolver, Site
from fastlint.project.performs import followed
from fastlint.project.program import Frame

BESIDE = "background task"
"""The kind of entry points whose end nobody waits for."""


class WaitedFor:
    """The frames that routes, dependencies, middleware and the like call and await, and who calls them.

    Left out are background tasks, tasks that are started and left alone, start-up and scripts.
    """

    def __init__(self, entries: Iterable[Entry], resolver: CallResolver) -> None:
        self._callers: dict[Frame, list[Site]] = defaultdict(list)
        self._frames: dict[Frame, None] = {}
        self._resolver = resolver
        queue = deque(e.frame for e in entries if e.phase == REQUEST and e.kind != BESIDE)
        while queue:
            frame = queue.popleft()
            if frame in self._frames:
                continue
            self._frames[frame] = None
            for site in resolver.sites(frame):
                for callee in followed(site):
                    self._callers[callee].append(site)
                    queue.append(callee)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def __contains__(self, frame: Frame) -> bool:
        return frame in self._frames

    def callers(self, frame: Frame) -> list[Site]:
        """Return the places on the way of requests that run the frame."""
        return self._callers.get(frame, [])
