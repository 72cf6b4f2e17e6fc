"""FL302: the clean-up of a dependency stands below its `yield`, where an error of the route never arrives."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.providers import KEEPERS, Provider, closings
from fastlint.facts.model import Event, Expr, Region
from fastlint.facts.structure import blocks_around, is_inside, regions_around, unwrapped
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.giving_back import clean_up_in_finally
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

OPENERS = frozenset({"acquire", "connect", "open", "start"})


class YieldWithoutFinally(ModelRule):
    """Looks at dependencies with calls after their `yield`."""

    code = "FL302"

    def find(self) -> Iterator[Finding]:
        """Report a `yield` whose clean-up an exception skips."""
        for provider in self.application.providers.dependencies():
            for event in provider.yields:
                skipped = self._skipped(provider, event)
                if skipped is None:
                    continue
                call = render(skipped[1])
                message = (
                    f"an error{self.where(provider.frame)}, be it a 404, is raised at this `yield` of "
                    f"`{provider.facts.name}` and skips `{call}`: what it would give back stays taken"
                )
                advice = f"Put this `yield` into `try:`, and `{call}` into `finally:`"
                closing = [e[5] for e in closings(provider.facts, self._owned(provider, event))]
                fix = clean_up_in_finally(provider, event, skipped, closing)
                yield self.finding(provider.frame, event[5], message, advice, fix=fix)

    def _skipped(self, provider: Provider, event: Event) -> Event | None:
        """Return the first clean-up after a yield that runs only if the route raised nothing."""
        facts = provider.facts
        for name in self._owned(provider, event):
            calls = closings(facts, [name])
            below = [e for e in calls if e[5] > event[5] and _is_reached(provider, event, e)]
            if not below or any(_is_safe(provider, event, e) for e in calls):
                continue
            if any(not _raises(provider, handler) for handler in _handlers(provider, event)):
                continue
            return below[0]
        return None

    def _owned(self, provider: Provider, event: Event) -> list[str]:
        """Return the names of what the dependency made or opened itself, and no `with` closes."""
        facts = provider.facts
        found = []
        for name, bindings in facts.bindings.items():
            values = [value for _, _, value in bindings]
            if name in facts.outer_names or any(v[0] in ("enter", "aenter") for v in values):
                continue
            calls = [unwrapped(value) for value in values]
            if any(call[0] == "call" and not _is_kept(call) for call in calls):
                found.append(name)
        for kind, expr, _, _, _, span in facts.events:
            if (
                kind in ("call", "drop")
                and span < event[5]
                and expr[1][0] == "attr"
                and expr[1][2] in OPENERS
            ):
                base = expr[1][1]
                if (
                    base[0] == "name"
                    and base[1] not in provider.frame.function.parameters
                    and base[1] not in found
                ):
                    found.append(base[1])
        managed = {n for a in provider.acquisitions if provider.managers(a) for n in a.names}
        return [name for name in found if name not in managed]


def _is_kept(call: Expr) -> bool:
    """Tell whether an `ExitStack` closes what a call gives: `stack.enter_context(...)`."""
    return call[1][0] == "attr" and call[1][2] in KEEPERS


def _is_reached(provider: Provider, event: Event, call: Event) -> bool:
    """Tell whether a call comes after the yield, and is not in another branch."""
    ours = [index for index, _, _ in blocks_around(provider.facts, event[3])]
    theirs = [index for index, _, _ in blocks_around(provider.facts, call[3])]
    return call[3] in ours or event[3] in theirs


def _handlers(provider: Provider, event: Event) -> list[Region]:
    """Return the handlers of the `try` statements that a yield is in."""
    tries = [region[3] for region in regions_around(provider.facts, event[5], "try")]
    return [region for region in provider.facts.regions if region[0] == "except" and region[3] in tries]


def _is_safe(provider: Provider, event: Event, call: Event) -> bool:
    """Tell whether a call runs after an error as well: in `finally` or a handler of a `try` around the yield."""
    tries = [region[3] for region in regions_around(provider.facts, event[5], "try", "else", "except")]
    regions = regions_around(provider.facts, call[5], "finally", "except")
    return any(region[3] in tries for region in regions)


def _raises(provider: Provider, handler: Region) -> bool:
    return any(e[0] == "raise" and is_inside(e[5], handler[1]) for e in provider.facts.events)
