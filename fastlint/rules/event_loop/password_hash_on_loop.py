"""FL106: Hashing a password stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class PasswordHashOnLoop(BlockingRule):
    """Hashing a password stops the event loop."""

    code = "FL106"
    verb = "hashes"
