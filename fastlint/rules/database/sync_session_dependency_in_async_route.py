"""FL202: An `async def` route is injected a synchronous session and uses it on the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule, Suspect
from fastlint.rules.database.injection import injected_session, is_read_per_row


class SyncSessionDependencyInAsyncRoute(BlockingRule):
    """An `async def` route is injected a synchronous session and uses it on the event loop."""

    code = "FL202"
    verb = "waits for the database"

    @classmethod
    def concerns(cls, suspect: Suspect) -> bool:
        """Only uses of a session that FastAPI injects into the function; FL204 has what is read row by row."""
        if not super().concerns(suspect) or is_read_per_row(suspect):
            return False
        return injected_session(suspect) is not None

    def advice(self) -> str:
        """The whole function is what has to change."""
        facts = self.suspect.frame.function.facts
        name = injected_session(self.suspect)
        if not facts.has_await:
            return f"Make `{facts.name}` a plain `def` (it awaits nothing, and plain routes run in the thread pool), or inject an async session"
        return f"Inject an async session as `{name}`, or run each piece of database work with `await run_in_threadpool(...)`"
