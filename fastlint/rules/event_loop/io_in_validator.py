"""FL111: FastAPI validates requests on the event loop, for `def` routes as well."""

from __future__ import annotations

from fastlint.rules.base import BlockingRule, Suspect, is_validator


class IoInValidator(BlockingRule):
    """FastAPI validates requests on the event loop, for `def` routes as well."""

    code = "FL111"
    verb = "blocks"

    @classmethod
    def concerns(cls, suspect: Suspect) -> bool:
        """Only code of models that requests or responses pass through."""
        return is_validator(suspect)

    def message(self) -> str:
        """Return what is wrong, where, and what it costs."""
        return f"{self.subject()} blocks the event loop{self.where()}: such code runs there even for `def` routes"

    def advice(self) -> str:
        """Validators cannot await, so the work has to move."""
        return "Check this in a dependency or in the route, where it can be awaited or run in the thread pool"
