"""FL321: Start-up and shutdown handlers never run, because the application has a lifespan."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.diagnostics import Severity
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule


class OnEventIgnored(ModelRule):
    """Start-up and shutdown handlers never run, because the application has a lifespan."""

    code = "FL321"

    def find(self) -> Iterator[Finding]:
        """Look at every handler and at the application that it is registered on."""
        lifespans = self.application.lifespans
        for handler in lifespans.handlers:
            owner = lifespans.made.get(handler.owner)
            if owner is not None and owner.lifespan:
                row = owner.call[4][0]
                path = owner.frame.function.module.path
                yield self.finding(
                    handler.function,
                    handler.span,
                    f"What `{handler.spelling}` registers never runs: the application has a lifespan "
                    f"({path}:{row}), and then FastAPI does not look at start-up and shutdown handlers",
                    "Move it into the lifespan: before its `yield` for start-up, after it for shutdown",
                )
            elif owner is None or owner.is_known:
                yield self.finding(
                    handler.function,
                    handler.span,
                    f"`{handler.spelling}` is deprecated, and ignored once what it is called on has a lifespan",
                    "Write one `lifespan` function and pass it to the application",
                    Severity.INFO,
                )
