"""FL107: Heavy computation stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class CpuBoundOnLoop(BlockingRule):
    """Heavy computation stops the event loop."""

    code = "FL107"
    verb = "computes"
