"""FL105: A synchronous network client stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class BlockingSdkCall(BlockingRule):
    """A synchronous network client stops the event loop."""

    code = "FL105"
    verb = "waits for a remote service"
