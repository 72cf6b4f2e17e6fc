"""FL709: The server closes idle connections before the proxy stops using them."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.deployment.model import Process, ProxyPass
from fastlint.deployment.upstreams import is_forced_shut, keeps_by_default, missing, seconds
from fastlint.diagnostics import Applicability
from fastlint.rules.finding import Finding
from fastlint.rules.server.commands import other_value
from fastlint.rules.server.serving import ServerRule, process_count

UVICORN, GUNICORN = 5, 2
"""Seconds that the servers keep an idle connection unless told otherwise."""


class KeepaliveShorterThanProxy(ServerRule):
    """The server closes idle connections before the proxy stops using them."""

    code = "FL709"

    def find(self) -> Iterator[Finding]:
        """Compare each process with the proxy that keeps its connections longest."""
        kept = [passed for passed in self.servers.passes if self._is_kept(passed)]
        for process in self.servers.processes:
            own = self._own(process)
            before = [passed for passed in kept if self.servers.leads_to(passed, process)]
            longest = max(before, key=self._timeout, default=None)
            if longest is not None and own is not None and own < self._timeout(longest):
                option = "--keep-alive" if process.program == "gunicorn" else "--timeout-keep-alive"
                yield self.about_process(
                    process,
                    [option, process.program],
                    f"{process.program} closes a connection after {own} idle seconds, and nginx uses it for "
                    f"{self._timeout(longest):.0f}: a request sent meanwhile is lost and answered with 502",
                    f"Write `{option} {self._timeout(longest) + 5:.0f}`",
                    notes=(f"{longest.file.path}:{longest.row} passes requests on",),
                    fix=other_value(
                        process, option, f"{self._timeout(longest) + 5:.0f}", Applicability.UNSAFE
                    ),
                )

    def _is_kept(self, passed: ProxyPass) -> bool:
        if is_forced_shut(passed):
            return False
        return not missing(passed) or keeps_by_default(self.servers.facts.images)

    def _timeout(self, passed: ProxyPass) -> float:
        return seconds(passed.upstream.timeout if passed.upstream is not None else None)

    def _own(self, process: Process) -> int | None:
        """Return the idle seconds that a server allows; None if that is not known."""
        if not process.is_complete:
            return None
        if process.program == "uvicorn":
            given = process.setting("timeout-keep-alive")
            return UVICORN if given is None else process_count(given)
        if process.program == "gunicorn":
            given = process.option("--keep-alive")
            known = [s.values["keepalive"][0] for s in self.servers.facts.gunicorn if "keepalive" in s.values]
            if given is None and known:
                return known[0] if isinstance(known[0], int) else None
            return GUNICORN if given is None else process_count(given)
        return None
