"""FL316: A request starts threads or processes of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.makings import Makings
from fastlint.diagnostics import Severity
from fastlint.rules.finding import Finding
from fastlint.rules.making import shown
from fastlint.rules.model_rule import ModelRule

SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class ExecutorPerRequest(ModelRule):
    """A request starts threads or processes of its own."""

    code = "FL316"

    def find(self) -> Iterator[Finding]:
        """Look at every executor that code of the request path makes."""
        makings = Makings(self.application)
        for made in makings.of_requests("executor"):
            is_process = made.resource.rank == len(SEVERITIES) - 1
            yield self.finding(
                made.frame,
                made.use.span,
                f"`{shown(makings, made)}` starts new {'processes' if is_process else 'threads'} for each request"
                f"{self.where(made.frame)} and stops them again",
                f"Make one `{made.use.name}` in the lifespan and let all requests share it"
                if is_process
                else "Use `run_in_threadpool`, or one executor that is made in the lifespan and shared by all requests",
                SEVERITIES[made.resource.rank],
            )
