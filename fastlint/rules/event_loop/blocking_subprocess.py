"""FL104: Waiting for a subprocess stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class BlockingSubprocess(BlockingRule):
    """Waiting for a subprocess stops the event loop."""

    code = "FL104"
    verb = "waits for a subprocess"
