"""FL313: A request builds a client of its own instead of sharing one."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.makings import Made, Makings
from fastlint.application.model import THREAD
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.facts.structure import walk
from fastlint.project.bindings import call_argument
from fastlint.rules.finding import Finding
from fastlint.rules.making import shown
from fastlint.rules.model_rule import ModelRule

SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)
PER_CALL = frozenset({
    "timeout", "headers", "default_headers", "params", "follow_redirects", "event_hooks", "trust_env",
    "raise_for_status", "json_serialize", "limits",
})  # fmt: skip
"""Arguments that a shared client takes for a single call as well, or that need not differ."""
BASE_URL = frozenset({"httpx", "httpx2", "aiohttp"})
"""Libraries whose clients are as good without `base_url`."""
STREAMING = frozenset({
    "iter_chunked", "iter_any", "iter_chunks", "iter_content", "iter_bytes", "iter_raw", "aiter_bytes",
    "aiter_raw", "readany",
})  # fmt: skip
"""What long transfers read with; beside them, making a client takes no time worth mentioning."""


class ClientPerRequest(ModelRule):
    """A request builds a client of its own instead of sharing one."""

    code = "FL313"

    def find(self) -> Iterator[Finding]:
        """Look at every client that code of the request path makes."""
        self.makings = Makings(self.application)
        for made in self.makings.of_requests("client", "throwaway"):
            if made.resource.kind == "throwaway":
                if made.use.runs_on == {THREAD} or self.makings.handed_over(made) is not None:
                    yield self._about_throwaway(made)
            elif not self.makings.is_database(made.use.name) and not self.makings.brings_connections(made):
                yield self._about_client(made)

    def _about_client(self, made: Made) -> Finding:
        rank = made.resource.rank
        call, name = made.call, made.use.name
        verify = call_argument(call, None, "verify")
        if rank and (self._streams(made) or (verify is not None and verify != ("const", True))):
            rank -= 1
        shared = PER_CALL | {"base_url"} if name.partition(".")[0] in BASE_URL else PER_CALL
        if self.makings.varying(call, made.frame, shared) or self.makings.is_rare(made):
            rank = 0
        cost = "takes tens of milliseconds of processor time and opens new connections"
        if made.resource.rank < len(SEVERITIES) - 1:
            cost = "opens new connections each time"
        return self.finding(
            made.frame,
            made.use.span,
            f"`{shown(self.makings, made)}` builds a client for each request{self.where(made.frame)}; this {cost}",
            f"Make one `{name}` in the lifespan, let all requests share it, and close it at shutdown",
            SEVERITIES[rank],
        )

    def _about_throwaway(self, made: Made) -> Finding:
        library, _, verb = made.use.name.partition(".")
        return self.finding(
            made.frame,
            made.use.span,
            f"`{shown(self.makings, made)}` builds a client for this one call{self.where(made.frame)}; this takes tens "
            "of milliseconds of processor time and opens a new connection",
            f"Call `client.{verb}(...)` of one `{library}.Client` that all requests share",
        )

    def _streams(self, made: Made) -> bool:
        """Tell whether the function that makes a client, or one that it calls, reads a long transfer."""
        functions = {made.frame.function}
        for site in self.application.resolver.sites(made.frame):
            functions.update(frame.function for frame in (*site.runs, *site.starts, *site.scheduled))
        return any(
            (part[0] == "attr" and part[2] in STREAMING) or _reads_a_part(part)
            for function in functions
            if function.module.mentions(*STREAMING, "content")
            for event in function.facts.events
            for part in walk(event[1])
        )


def _reads_a_part(expr: Expr) -> bool:
    """Tell whether an expression is `response.content.read(1024)`."""
    if expr[0] != "call" or not expr[2] or expr[1][0] != "attr" or expr[1][2] != "read":
        return False
    return bool(expr[1][1][0] == "attr" and expr[1][1][2] == "content")
