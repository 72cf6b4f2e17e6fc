"""FL201: A synchronous database call stops the event loop."""

from __future__ import annotations

import libcst as cst

from fastlint.rules.base import BlockingRule
from fastlint.rules.database.injection import injected_session, is_read_per_row


class SyncDriverInAsync(BlockingRule):
    """A synchronous database call stops the event loop."""

    code = "FL201"
    verb = "waits for the database"

    def concerns(self, node: cst.CSTNode) -> bool:
        """Injected sessions are the subject of FL202, relationships that are read row by row that of FL204."""
        if not super().concerns(node) or is_read_per_row(self.suspect):
            return False
        return injected_session(self.suspect) is None
