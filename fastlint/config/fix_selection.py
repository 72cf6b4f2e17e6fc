"""Which fixes may be applied, and which of them count as safe; the words are ruff's."""

from __future__ import annotations

from collections.abc import Iterable

from fastlint.config.selection import KnownRule, specificity
from fastlint.config.settings import Settings
from fastlint.diagnostics import Applicability


class FixSelection:
    """What `fixable`, `unfixable`, `extend-safe-fixes` and `extend-unsafe-fixes` say of each rule.

    The longest selector wins. Of equally long ones `unfixable` wins over `fixable`, and unsafe over safe.
    """

    def __init__(self, settings: Settings, rules: Iterable[KnownRule]) -> None:
        known = tuple(rules)
        self._fixable = specificity(known, "fixable", settings.fixable)
        self._unfixable = specificity(known, "unfixable", settings.unfixable)
        self._safe = specificity(known, "extend-safe-fixes", settings.extend_safe_fixes)
        self._unsafe = specificity(known, "extend-unsafe-fixes", settings.extend_unsafe_fixes)

    def applicability(self, code: str, stated: Applicability) -> Applicability | None:
        """How far a fix of the rule `code` is to be trusted; `None` if it is not to be offered."""
        if self._fixable.get(code, -1) <= self._unfixable.get(code, -1):
            return None
        safe, unsafe = self._safe.get(code, -1), self._unsafe.get(code, -1)
        if safe == unsafe == -1:
            return stated
        return Applicability.SAFE if safe > unsafe else Applicability.UNSAFE
