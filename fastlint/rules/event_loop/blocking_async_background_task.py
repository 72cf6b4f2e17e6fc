"""FL110: An `async def` background task runs on the event loop, and blocks it."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule, Suspect, advice_for, is_background


class BlockingAsyncBackgroundTask(BlockingRule):
    """An `async def` background task runs on the event loop, and blocks it."""

    code = "FL110"
    verb = "blocks"

    @classmethod
    def concerns(cls, suspect: Suspect) -> bool:
        """Only functions that run as background tasks and in no other way."""
        return is_background(suspect)

    def message(self) -> str:
        """Return what is wrong, where, and what it costs."""
        name = self.suspect.frame.function.facts.name
        return f"{self.subject()} blocks the event loop: the background task `{name}` is `async def`, so it runs there"

    def advice(self) -> str:
        """A background task that awaits nothing is right as a plain function."""
        facts = self.suspect.frame.function.facts
        if not facts.has_await:
            return f"Make `{facts.name}` a plain `def`: it awaits nothing, and plain tasks run in the thread pool"
        return advice_for(self.suspect)
