"""FL102: A synchronous HTTP call stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class BlockingHttpCall(BlockingRule):
    """A synchronous HTTP call stops the event loop."""

    code = "FL102"
    verb = "waits for an HTTP response"
