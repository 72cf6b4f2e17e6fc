"""FL109: A second event loop is run inside the first."""

from __future__ import annotations

from fastlint.fixes.files import FixMaker
from fastlint.rules.base import BlockingRule, Verdict
from fastlint.rules.event_loop.awaited_instead import awaited_instead


class NestedEventLoop(BlockingRule):
    """A second event loop is run inside the first."""

    code = "FL109"
    verb = "runs a second event loop"

    @classmethod
    def fix_of(cls, verdict: Verdict) -> FixMaker:
        """Return what awaits the coroutine."""
        return awaited_instead(verdict.suspect)

    def message(self) -> str:
        """Return what is wrong, where, and what it costs."""
        return f"{self.subject()} runs a second event loop on the event loop{self.where()}, which fails or blocks"

    def advice(self) -> str:
        """A loop is running already, so the coroutine can be awaited."""
        if self.suspect.is_direct:
            return "`await` the coroutine: a loop is running here"
        return "Make the functions of the chain `async def` and `await` the coroutine: a loop is running here"
