"""FL305: a dependency catches what its routes raise and does not raise it again."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.providers import Provider
from fastlint.diagnostics import Severity
from fastlint.facts.model import Block, Expr, FunctionFacts, Region, Span
from fastlint.facts.structure import is_inside
from fastlint.fixes.files import FixMaker
from fastlint.project.values import LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.raising import raise_again
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

EVERYTHING = frozenset({
    "builtins.BaseException", "builtins.Exception", "fastapi.HTTPException", "starlette.exceptions.HTTPException",
    "fastapi.exceptions.HTTPException",
})  # fmt: skip
SINCE = "0.110"
"""The version from which on a swallowed exception is an error of its own."""


class DependencySwallowsException(ModelRule):
    """Looks at what stands around the `yield` of dependencies."""

    code = "FL305"

    def find(self) -> Iterator[Finding]:
        """Report handlers around a `yield` that end without an exception."""
        providers = self.application.providers
        seen = set()
        for dependency in providers.dependencies():
            for provider in (dependency, *providers.managers_around_yield(dependency)):
                if provider.frame.function in seen or not provider.yields:
                    continue
                seen.add(provider.frame.function)
                yield from self._handlers(provider)
                yield from self._suppressions(provider)

    def _handlers(self, provider: Provider) -> Iterator[Finding]:
        facts = provider.facts
        tries = [region[3] for region in provider.around_yield("try")]
        for region in facts.regions:
            if region[0] != "except" or region[3] not in tries:
                continue
            if any(r[0] == "finally" and r[3] in tries and _has(provider, r, "raise") for r in facts.regions):
                continue
            severity = self._severity(provider, region)
            if severity is not None:
                fix = raise_again(provider.frame.function, region) if severity is Severity.ERROR else None
                yield self._finding(
                    provider, region[1], _caught(region), severity, "`raise` at the end of this handler", fix
                )

    def _severity(self, provider: Provider, region: Region) -> Severity | None:
        """Return how bad a handler is: None if it raises again."""
        if self._always_raises(provider, region):
            return None
        if _raises_later(provider, region) or not self._is_everything(region[2], provider):
            return Severity.INFO
        return Severity.INFO if _has(provider, region, "raise") else Severity.ERROR

    def _always_raises(self, provider: Provider, region: Region) -> bool:
        """Tell whether every way through a handler ends in an exception."""
        facts = provider.facts
        raised = {e[3] for e in facts.events if e[0] == "raise" and is_inside(e[5], region[1])}
        for site in self.application.resolver.sites(provider.frame):
            if is_inside(site.event[5], region[1]) and any(_only_raises(f.function.facts) for f in site.runs):
                raised.add(site.event[3])
        inside = [event[3] for event in facts.events if is_inside(event[5], region[1])]
        return bool(inside) and _leaves(facts.blocks, min(inside), raised)

    def _is_everything(self, caught: Expr, provider: Provider) -> bool:
        """Tell whether a handler catches what a route raises on purpose: errors for the client."""
        if caught[0] == "unknown":
            return True
        kinds = caught[1] if caught[0] == "tuple" else (caught,)
        for kind in kinds:
            for value in self.application.inference.values(kind, provider.frame):
                name = value.name if isinstance(value, LibraryName) else getattr(value, "cls", "")
                if name in EVERYTHING:
                    return True
        return False

    def _suppressions(self, provider: Provider) -> Iterator[Finding]:
        """Report `with suppress(Exception):` around a `yield`."""
        for region in provider.around_yield("with", "async with"):
            call = region[2]
            if call[0] != "call" or not call[2]:
                continue
            callees = self.application.inference.values(call[1], provider.frame)
            if any(getattr(callee, "name", "") == "contextlib.suppress" for callee in callees):
                everything = any(self._is_everything(kind, provider) for kind in call[2])
                severity = Severity.ERROR if everything else Severity.INFO
                what = f"`{render(call[1])}({', '.join(render(kind) for kind in call[2])})`"
                yield self._finding(provider, call[4], what, severity, "the `yield` outside of it")

    def _finding(
        self,
        provider: Provider,
        span: Span,
        what: str,
        severity: Severity,
        instead: str,
        fix: FixMaker | None = None,
    ) -> Finding:
        name, where = provider.facts.name, self.where(provider.frame)
        if self.application.versions.is_at_least("fastapi", SINCE):
            result = (
                "FastAPI answers such a request with a 500 of its own, a 404 as well, and the cause is lost"
            )
        else:
            severity = min(severity, Severity.WARNING)
            result = "nobody hears of them, and from FastAPI 0.110 on each of them is answered with a 500"
        message = (
            f"{what} around the `yield` of `{name}` keeps the errors of routes to itself{where}: {result}"
        )
        return self.finding(provider.frame, span, message, f"Write {instead}", severity, fix=fix)


def _has(provider: Provider, region: Region, kind: str) -> bool:
    return any(event[0] == kind and is_inside(event[5], region[1]) for event in provider.facts.events)


def _raises_later(provider: Provider, region: Region) -> bool:
    """Tell whether something below a handler may raise what it kept: `if error: raise error`."""
    own = [r[1] for r in provider.facts.regions if r[3] == region[3]]
    return any(
        event[0] == "raise" and event[5] > region[1] and not any(is_inside(event[5], span) for span in own)
        for event in provider.facts.events
    )


def _leaves(blocks: list[Block], block: int, raised: set[int]) -> bool:
    """Tell whether every way through a block raises: it does so itself, or in both branches of an `if`."""
    if block in raised:
        return True
    inner = [index for index, (parent, kind, _) in enumerate(blocks) if parent == block and not kind]
    pairs = [(a, b) for a in inner for b in inner if blocks[b][2] == ("not", blocks[a][2])]
    return any(_leaves(blocks, a, raised) and _leaves(blocks, b, raised) for a, b in pairs)


def _only_raises(facts: FunctionFacts) -> bool:
    """Tell whether calling a function always ends in an exception."""
    return any(event[0] == "raise" and event[3] == 0 for event in facts.events) and not facts.returns


def _caught(region: Region) -> str:
    caught = region[2]
    if caught[0] == "unknown":
        return "`except:`"
    kinds = caught[1] if caught[0] == "tuple" else (caught,)
    return f"`except {', '.join(render(kind) for kind in kinds)}`"
