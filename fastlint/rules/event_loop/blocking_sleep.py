"""FL101: A sleep stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class BlockingSleep(BlockingRule):
    """A sleep stops the event loop."""

    code = "FL101"
    verb = "sleeps"
