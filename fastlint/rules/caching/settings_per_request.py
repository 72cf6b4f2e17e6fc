"""FL401: A request reads the settings again."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.origins import SETTINGS
from fastlint.application.requests import Use
from fastlint.application.validators import VALIDATING
from fastlint.facts.structure import mentions, unwrapped
from fastlint.project.program import Function
from fastlint.project.values import Instance
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.remembering import class_name, first_of, keep, remember
from fastlint.rules.rendering import render


class SettingsPerRequest(ModelRule):
    """A request reads the settings again."""

    code = "FL401"

    def find(self) -> Iterator[Finding]:
        """Look at settings objects that code of the request path makes."""
        for use in self.application.requests.uses("settings"):
            if self._completes_settings(use.frame.function) or _is_fallback(use):
                continue
            yield self.finding(
                use.frame,
                use.span,
                f"`{render(use.expr)}` reads the environment and its files for each request{self.where(use.frame)}",
                "Make the object once: at module level, or in a function under `@lru_cache`",
                fix=first_of(
                    remember(use),
                    keep(use, self.application.inference, class_name),
                ),
            )

    def _completes_settings(self, function: Function) -> bool:
        """Tell whether a function is a validator of other settings, and runs as often as these are made."""
        owner = function.owner
        if owner is None or not any(
            self.application.inference.is_subclass(Instance(owner), base) for base in SETTINGS
        ):
            return False
        names = self.application.resolver.decorator_names(function)
        return function.facts.name in ("__init__", "model_post_init") or not VALIDATING.isdisjoint(names)


def _is_fallback(use: Use) -> bool:
    """Tell whether settings are made only if none were found: after `if found is not None: return found`."""
    facts = use.frame.function.facts
    returns = [(event[1], event[3]) for event in facts.events if event[0] == "return" and event[5] < use.span]
    for returned, block in returns:
        test = facts.blocks[block][2] if block >= 0 else ("unknown",)
        tested = test[1][0] if test[0] == "compare" and test[2] == ("IsNot",) else test
        if tested[0] == "name" and mentions(returned, tested[1]):
            values = [value for _, _, value in facts.bindings.get(tested[1], ())]
            if any(unwrapped(value)[0] == "call" for value in values):
                return True
    return False
