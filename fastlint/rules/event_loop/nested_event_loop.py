"""FL109: A second event loop is run inside the first."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class NestedEventLoop(BlockingRule):
    """A second event loop is run inside the first."""

    code = "FL109"
    verb = "runs a second event loop"
