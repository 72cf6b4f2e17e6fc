"""Which rules are on: selectors (codes, names, prefixes, ALL) applied the way ruff applies them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fastlint.config.errors import ConfigError, did_you_mean
from fastlint.config.settings import Selectors, Settings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_PREFIX = re.compile(r"FL\d*")
_WHOLE_CODE = len("FL101")


class KnownRule(Protocol):
    """What the selection needs to know of a rule."""

    @property
    def code(self) -> str:
        """Such as FL101."""

    @property
    def name(self) -> str:
        """Such as blocking-sleep."""

    @property
    def default(self) -> bool:
        """Whether the rule is on when nothing is selected."""


class Selection:
    """The rules that are on, and where they are not.

    Within one source (a file, the command line) the longest selector wins and `ignore` wins a tie; the
    command line overrules the file. Rules about the run itself (FL9xx) stay on whatever is selected,
    because without them a run that could not read a file looks clean; `ignore` turns them off.
    """

    def __init__(self, settings: Settings, rules: Iterable[KnownRule]) -> None:
        self._rules = tuple(rules)
        self._enabled = {rule.code for rule in self._rules if rule.default}
        self._explicit: set[str] = set()
        for selectors in settings.selectors:
            self._apply(selectors)
        self._ignored_in = [
            _PathIgnore(settings.root, pattern, frozenset(self._specificity(per_file_ignores=words)))
            for pattern, words in settings.per_file_ignores.items()
        ]

    def is_enabled(self, code: str) -> bool:
        """Whether the rule `code` is on."""
        return code in self._enabled

    def is_explicit(self, code: str) -> bool:
        """Whether the user asked for the rule `code`: by code, name, prefix or ALL."""
        return code in self._explicit

    def is_ignored_in(self, code: str, path: Path) -> bool:
        """Whether `per-file-ignores` turns the rule `code` off in the file at `path` (absolute)."""
        return any(code in ignore.codes and ignore.matches(path) for ignore in self._ignored_in)

    def _apply(self, selectors: Selectors) -> None:
        wanted = self._specificity(select=selectors.select or (), extend_select=selectors.extend_select)
        refused = self._specificity(ignore=selectors.ignore, extend_ignore=selectors.extend_ignore)
        if selectors.select is not None:
            self._enabled = {rule.code for rule in self._rules if self._is_about_the_run(rule)}
            self._explicit = set()
        for code in wanted.keys() | refused.keys():
            if wanted.get(code, -1) > refused.get(code, -1):
                self._enabled.add(code)
            else:
                self._enabled.discard(code)
        self._explicit |= wanted.keys()

    @staticmethod
    def _is_about_the_run(rule: KnownRule) -> bool:
        return rule.default and rule.code.startswith("FL9")

    def _specificity(self, **options: Iterable[str]) -> dict[str, int]:
        """For each code that the options' selectors name, the length of the longest of them."""
        lengths: dict[str, int] = {}
        for option, words in options.items():
            for code, length in specificity(self._rules, option.replace("_", "-"), words).items():
                lengths[code] = max(length, lengths.get(code, 0))
        return lengths


def specificity(rules: Iterable[KnownRule], option: str, words: Iterable[str]) -> dict[str, int]:
    """For each code that selectors name, the length of the longest of them.

    Raises `ConfigError` for a selector that names no rule; `option` is where it was written.
    """
    known = tuple(rules)
    lengths: dict[str, int] = {}
    for word in words:
        length, codes = _resolve(known, word, option)
        lengths |= {code: max(length, lengths.get(code, 0)) for code in codes}
    return lengths


def _resolve(rules: tuple[KnownRule, ...], word: str, option: str) -> tuple[int, frozenset[str]]:
    """How specific a selector is, and the codes that it names."""
    codes = frozenset(rule.code for rule in rules if word in (rule.name, rule.code))
    if codes:
        return _WHOLE_CODE, codes
    if word == "ALL":
        return 0, frozenset(rule.code for rule in rules)
    if _PREFIX.fullmatch(word):
        codes = frozenset(rule.code for rule in rules if rule.code.startswith(word))
    if not codes:
        known = ["ALL", *(word for rule in rules for word in (rule.code, rule.name))]
        raise ConfigError(f'unknown rule "{word}" in "{option}"{did_you_mean(word, known)}')
    return len(word), codes


class _PathIgnore:
    """One line of `per-file-ignores`: a pattern, or `!` and the pattern of the files it spares."""

    def __init__(self, root: Path, pattern: str, codes: frozenset[str]) -> None:
        self.codes = codes
        self._root = root
        self._negated = pattern.startswith("!")
        self._pattern = pattern.removeprefix("!")
        self._spec: GitIgnoreSpec | None = None

    def matches(self, path: Path) -> bool:
        if self._spec is None:
            from pathspec import GitIgnoreSpec

            self._spec = GitIgnoreSpec.from_lines([self._pattern])
        relative = path.relative_to(self._root) if path.is_relative_to(self._root) else Path(path.name)
        return self._spec.match_file(relative.as_posix()) is not self._negated
