"""FL401: A request reads the settings again."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class SettingsPerRequest(ModelRule):
    """A request reads the settings again."""

    code = "FL401"

    def find(self) -> Iterator[Finding]:
        """Look at settings objects that code of the request path makes."""
        for use in self.application.requests.uses("settings"):
            yield self.finding(
                use.frame,
                use.span,
                f"`{render(use.expr)}` reads the environment and its files for each request{self.where(use.frame)}",
                "Make the object once: at module level, or in a function under `@lru_cache`",
            )
