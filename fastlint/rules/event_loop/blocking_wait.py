"""FL108: Waiting for a thread, a lock or a queue stops the event loop."""

from __future__ import annotations

from fastlint.diagnostics import Severity
from fastlint.rules.base import BlockingRule, severity_of

LOCKS = ("threading.Lock.", "threading.RLock.", "threading.Condition.")


class BlockingWait(BlockingRule):
    """Waiting for a thread, a lock or a queue stops the event loop."""

    code = "FL108"
    verb = "waits for another thread"

    def severity(self) -> Severity:
        """A lock deep in a helper mostly guards a few statements: advice at most."""
        if self.suspect.target.startswith(LOCKS) and not self.suspect.is_direct:
            return Severity.INFO
        return severity_of(self.suspect)
