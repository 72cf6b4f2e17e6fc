"""FL404: A request loads a trained model."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class ModelLoadPerRequest(ModelRule):
    """A request loads a trained model."""

    code = "FL404"

    def find(self) -> Iterator[Finding]:
        """Look at what loads weights on the request path."""
        for use in self.application.requests.uses("weights"):
            yield self.finding(
                use.frame,
                use.span,
                f"`{render(use.expr)}` loads a model for each request{self.where(use.frame)}",
                "Load it once, in the lifespan of the application or in a function under `@lru_cache`",
            )
