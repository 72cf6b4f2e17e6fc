"""FL201: A synchronous database call stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule, Suspect
from fastlint.rules.database.injection import injected_session, is_read_per_row


class SyncDriverInAsync(BlockingRule):
    """A synchronous database call stops the event loop."""

    code = "FL201"
    verb = "waits for the database"

    @classmethod
    def concerns(cls, suspect: Suspect) -> bool:
        """Injected sessions are the subject of FL202, relationships that are read row by row that of FL204."""
        if not super().concerns(suspect) or is_read_per_row(suspect):
            return False
        return injected_session(suspect) is None
