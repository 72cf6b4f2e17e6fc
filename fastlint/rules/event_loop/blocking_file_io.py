"""FL103: Disk work stops the event loop."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule


class BlockingFileIo(BlockingRule):
    """Disk work stops the event loop."""

    code = "FL103"
    verb = "works on the disk"
