"""FL603: A middleware asks a database or another service for every request."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading

WORDS = {"query": "sends a query", "command": "sends a command to a store", "request": "asks another service"}


class IoInMiddleware(ModelRule):
    """A middleware asks a database or another service for every request."""

    code = "FL603"

    def find(self) -> Iterator[Finding]:
        """Look at what middleware does below it."""
        for entry in self.application.entries:
            if entry.kind != "middleware" or entry.frame.function.facts.name in ("__init__", "__new__"):
                continue
            for word, does in WORDS.items():
                step = self.application.performs.step(entry.frame, word)
                if step is not None:
                    yield self.finding(
                        entry.frame,
                        heading(entry.frame.function),
                        f"The middleware `{entry.label}` {does} for every path, health checks and files included",
                        "Make it a dependency of the routes that need it, or keep the answer for a while",
                        chain=self.chain(step, word),
                    )
                    break
