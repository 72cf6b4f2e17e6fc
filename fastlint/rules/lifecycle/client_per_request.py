"""FL313: A request builds a client of its own instead of sharing one."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.diagnostics import Severity
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class ClientPerRequest(ModelRule):
    """A request builds a client of its own instead of sharing one."""

    code = "FL313"

    def find(self) -> Iterator[Finding]:
        """Look at every client that code of the request path makes."""
        for use, resource in self.application.requests.makings():
            if resource.kind == "client":
                yield self.finding(
                    use.frame,
                    use.span,
                    f"`{render(use.expr)}` builds a client for each request{self.where(use.frame)}",
                    "Build one at start-up and share it",
                    SEVERITIES[resource.rank],
                )
