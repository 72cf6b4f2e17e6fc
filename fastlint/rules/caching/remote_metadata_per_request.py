"""FL406: A request fetches the keys of the identity provider again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from fastlint.application.cached import Caches, cache_decorators
from fastlint.application.makings import Makings
from fastlint.application.origins import Origins
from fastlint.application.requests import Use
from fastlint.application.written import words
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, unwrapped
from fastlint.fixes.files import FixMaker
from fastlint.project.bindings import call_argument
from fastlint.project.calls import Site
from fastlint.project.performs import performed
from fastlint.project.program import Function
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.remembering import keep
from fastlint.rules.rendering import heading, render

METADATA = re.compile(
    r"jwks|openid[-_]?config|oidc[-_]?(config|discovery|metadata)|oauth-authorization-server|discovery_(url|uri|endpoint)"
    r"|public_?keys?_(url|uri|endpoint)|openid-connect/certs|oauth2/v\d/certs",
    re.IGNORECASE,
)
"""What names and addresses of keys and descriptions of identity providers look like."""
ADDRESSES = ("url", "uri", "endpoint")
LOGIN = re.compile(r"login|callback|authoriz|sso|oauth|token|well-known|sign_?in|/auth\b|oidc", re.IGNORECASE)
"""Routes that a user passes once, not at each request."""
EVERY = frozenset({"dependency", "middleware"})
CLIENT = "jwt.PyJWKClient"
GOOGLE = "google.oauth2.id_token."


class RemoteMetadataPerRequest(ModelRule):
    """A request fetches the keys of the identity provider again."""

    code = "FL406"

    def find(self) -> Iterator[Finding]:
        """Look at requests to other services, and at clients for keys, on the request path."""
        self.caches = Caches(self.application)
        self.makings = Makings(self.application)
        self.origins = Origins(self.application)
        for site in self.application.requests.library_calls:
            call = unwrapped(site.event[1])
            if call[0] == "call" and self._is_metadata(site, call) and not self._is_kept(site, call):
                severity = self._severity(site, call)
                if severity is not None:
                    yield self._finding(site, call, severity)
        yield from self._remembered()

    def _is_metadata(self, site: Site, call: Expr) -> bool:
        """Tell whether a call fetches keys, by what the catalog knows of it or by the address that it is given."""
        if any("metadata" in act.words for act in site.acts):
            given = call_argument(call, None, "key") or call_argument(call, None, "validate")
            return given in (None, ("const", None))
        return self._fetches(site, call)

    def _fetches(self, site: Site, call: Expr) -> bool:
        if not any("request" in done for _, done in performed(site)):
            return False
        given = [*call[2], *(value for name, value in call[3] if name in ADDRESSES)]
        inference = self.application.inference
        return any(METADATA.search(w) for expr in given[:2] for w in words(inference, expr, site.frame))

    def _is_kept(self, site: Site, call: Expr) -> bool:
        if self.makings.is_kept(call, site.frame):
            return True
        is_client = any(act.name == CLIENT for act in site.acts)
        return not is_client and self.caches.remembers(site.frame)

    def _finding(self, site: Site, call: Expr, severity: Severity) -> Finding:
        names = {act.name for act in site.acts} | {sink.name for sink in site.sinks}
        what = "fetches the keys of the identity provider"
        advice = "Keep the answer for some minutes, in a cache with an expiry time"
        if CLIENT in names:
            what = "makes a client that has to fetch the keys anew"
            advice = "Make one `PyJWKClient` at module level, which keeps the keys, and call it in a thread"
        elif any(name.startswith(GOOGLE) for name in names):
            advice = "Give it a `Request(session=...)` whose session keeps the certificates, made with `CacheControl` at module level"
        return self.finding(
            site.frame,
            call[-1],
            f"`{render(call)}` {what} for each request{self.where(site.frame)}, which waits for the answer",
            advice,
            severity,
            fix=self._keeping(site) if CLIENT in names else None,
        )

    def _keeping(self, site: Site) -> FixMaker:
        """Return what makes a client of the module, which fetches keys when it is first asked."""
        return keep(Use(site, CLIENT, frozenset()), self.application.inference, lambda _: "jwks_client")

    def _severity(self, site: Site, call: Expr) -> Severity | None:
        """A login passes once what a dependency does for each request; an address may differ each time.

        A route that is given the address asks a provider that it has not met before: nothing is reported.
        """
        entries = self.application.entries_of(site.frame)
        routes = [entry for entry in entries if entry.kind == "route"]
        is_at_each = any(entry.kind in EVERY for entry in entries)
        by_address = not any("metadata" in act.words for act in site.acts)
        if by_address and call[2] and not self.origins.is_same(call[2][0], site.frame):
            return Severity.WARNING if is_at_each else None
        if not is_at_each and routes and LOGIN.search(routes[0].label):
            return Severity.INFO
        return Severity.ERROR

    def _remembered(self) -> Iterator[Finding]:
        """Look at functions whose answer is kept until the process ends."""
        for function in self.application.program.functions():
            for decorator in cache_decorators(self.application, function):
                if (
                    decorator.name.startswith("functools.")
                    and not self._gives_client(function)
                    and function.facts.name not in self._emptied
                    and self._fetches_below(function)
                ):
                    yield self.finding(
                        function,
                        heading(function),
                        f"`@{decorator.short}` keeps what `{function.facts.name}` fetched until the process ends: "
                        f"keys that the provider changed are never seen{_nor_a_failure(function)}",
                        "Keep the answer for some minutes only: `@cached(TTLCache(maxsize=1, ttl=300))` of cachetools",
                        Severity.INFO,
                    )

    def _gives_client(self, function: Function) -> bool:
        """Tell whether a function returns a client that fetches keys itself when it needs others."""
        frame = self.application.program.generic_frame(function)
        return any(
            self.application.inference.is_subclass(value, CLIENT)
            for value in self.application.inference.returned(frame)
        )

    @cached_property
    def _emptied(self) -> frozenset[str]:
        """The names of the functions of which the program calls `function.cache_clear()`, so that keys are fetched again."""
        return frozenset(
            render(expr[1][1]).rpartition(".")[2]
            for function in self.application.program.functions_naming(("cache_clear",))
            for kind, expr, *_ in function.facts.events
            if kind in ("call", "drop") and called_name(expr) == "cache_clear" and expr[1][0] == "attr"
        )

    def _fetches_below(self, function: Function) -> bool:
        frame = self.application.program.generic_frame(function)
        for site in self.application.resolver.sites(frame):
            call = unwrapped(site.event[1])
            if call[0] == "call" and self._fetches(site, call):
                return True
        return False


def _nor_a_failure(function: Function) -> str:
    returns_none = ("const", None) in function.facts.returns
    return ", nor is a failure tried again that returned `None`" if returns_none else ""
