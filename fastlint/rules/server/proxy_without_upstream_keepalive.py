"""FL710: The proxy opens a connection to the application for every request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fastlint.deployment.model import ProxyPass
from fastlint.deployment.upstreams import is_forced_shut, keeps_by_default, missing
from fastlint.rules.finding import Finding
from fastlint.rules.server.kept_connections import keeping, without_line
from fastlint.rules.server.serving import ServerRule


class ProxyWithoutUpstreamKeepalive(ServerRule):
    """The proxy opens a connection to the application for every request."""

    code = "FL710"

    def find(self) -> Iterator[Finding]:
        """Look at what nginx passes on, once for each target, and at options of HAProxy."""
        groups: dict[tuple[str, str, str], list[ProxyPass]] = defaultdict(list)
        for passed in self.servers.passes:
            if not any(word in passed.location.lower() for word in ("ws", "socket")):
                groups[passed.file.path, passed.host, passed.port].append(passed)
        for group in groups.values():
            yield from self._about_target(group)
        for option in self.servers.facts.closing if self.servers.serves else ():
            if not option.file.is_for_development:
                yield self.finding(
                    option.file.path,
                    option.file.span(option.text.split()[-1], [(option.row, option.row)]),
                    f"`{option.text}` makes HAProxy open a connection to the application for every request",
                    "Remove the line: HAProxy then keeps connections open and uses them again",
                    fix=without_line(option),
                )

    def _about_target(self, group: list[ProxyPass]) -> Iterator[Finding]:
        is_new = keeps_by_default(self.servers.facts.images)
        closing = [p for p in group if p.is_certain and (is_forced_shut(p) if is_new else missing(p))]
        if not closing:
            return
        worst = closing[0]
        upstream = worst.upstream
        lines = missing(worst)
        if is_new:
            lines = [line for line in lines if not line.startswith("keepalive")]
        row, word, file = worst.row, "proxy_pass", worst.file
        if lines[:1] == ["keepalive 32;"] and upstream is not None and upstream.file is worst.file:
            row, word = upstream.row, "upstream"
        notes: tuple[str, ...] = ()
        if len(closing) > 1:
            rows = ", ".join(str(p.row) for p in closing)
            notes = (f"{len(closing)} locations pass requests on so: lines {rows}",)
        yield self.finding(
            file.path,
            file.span(word, [(row, row)]),
            f"nginx opens a connection to `{worst.host}` for every request",
            self._advice(worst, lines),
            notes=notes,
            fix=keeping(closing, lines),
        )

    def _advice(self, passed: ProxyPass, lines: list[str]) -> str:
        if passed.connection_from and (passed.connection or "").lower() == "close":
            own = f"In the `map` of `{passed.connection_from}` write `'' '';` instead of `'' close;`"
            others = [line for line in lines if "Connection" not in line]
            return own + (f", and add {_listed(others)}" if others else "")
        if passed.upstream is None and "keepalive 32;" in lines:
            others = [line for line in lines if line != "keepalive 32;"]
            server = f"{passed.host}:{passed.port}" if passed.port else passed.host
            group = f"Pass to an `upstream` block with `server {server};` and `keepalive 32;`"
            return group + (f", and add {_listed(others)}" if others else "")
        return f"Add {_listed(lines)}"


def _listed(lines: list[str]) -> str:
    quoted = [f"`{line}`" for line in lines]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
