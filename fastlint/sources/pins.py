"""Which versions of a distribution are allowed: what pip and Poetry write, as an interval."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

_POETRY_TERM = re.compile(r"(\^|~=|~|===?|!=|[<>]=?)?\s*([^\s,<>=!~^|]+)")


@dataclass(frozen=True, slots=True)
class Pin:
    """The versions of a distribution that a project allows, from the lowest to the highest."""

    lowest: Version | None = None
    highest: Version | None = None
    """None means the newest there is."""
    below: bool = False
    """Whether `highest` itself is not allowed, as in `<0.116`."""

    def is_at_least(self, version: str) -> bool:
        """Whether the newest version that is allowed is `version` or a newer one."""
        return self._reaches(Version(version))

    def allows(self, version: Version) -> bool:
        """Whether `version` is in the interval."""
        return (self.lowest is None or self.lowest <= version) and self._reaches(version)

    def _reaches(self, version: Version) -> bool:
        return self.highest is None or (version < self.highest if self.below else version <= self.highest)

    def __and__(self, other: Pin) -> Pin:
        lowest = max((pin.lowest for pin in (self, other) if pin.lowest is not None), default=None)
        end = min(self, other, key=_end)
        return Pin(lowest, end.highest, end.below)

    def __or__(self, other: Pin) -> Pin:
        either = self.lowest is None or other.lowest is None
        lowest = None if either else min(pin.lowest for pin in (self, other) if pin.lowest is not None)
        end = max(self, other, key=_end)
        return Pin(lowest, end.highest, end.below)


ANY = Pin()


def _end(pin: Pin) -> tuple[bool, Version | None, bool]:
    return (pin.highest is None, pin.highest, not pin.below)


def exactly(version: Version) -> Pin:
    """The pin that allows one version."""
    return Pin(version, version)


def series(version: str) -> Pin:
    """The pin of the versions that begin with `version`: `0.115` allows `0.115.2`."""
    return from_specifier(Specifier(f"=={version}.*"))


def from_specifiers(specifiers: SpecifierSet) -> Pin:
    """The interval of a set such as `>=0.115,<0.116`. Raises `ValueError` for a version that is none."""
    return reduce(and_, map(from_specifier, specifiers), ANY)


def from_specifier(specifier: Specifier) -> Pin:
    """The interval of one comparison; `!=` is none. Raises `ValueError` for a version that is none."""
    operator, version = specifier.operator, Version(specifier.version.removesuffix(".*"))
    if operator == "~=":
        return Pin(version, _after(version.release[:-1]), below=True)
    if operator == "==" and specifier.version.endswith(".*"):
        return Pin(version, _after(version.release), below=True)
    if operator in ("==", "==="):
        return exactly(version)
    if operator in ("<", "<="):
        return Pin(None, version, below=operator == "<")
    return Pin(version) if operator in (">", ">=") else ANY


def from_poetry(constraint: str) -> Pin:
    """The interval of a constraint such as `^0.115 || ~1.0`. Raises `ValueError` if it is none."""
    return reduce(or_, map(_from_poetry_terms, constraint.replace("||", "|").split("|")))


def _from_poetry_terms(terms: str) -> Pin:
    return reduce(and_, (_from_poetry_term(*term) for term in _POETRY_TERM.findall(terms)), ANY)


def _from_poetry_term(operator: str, text: str) -> Pin:
    if text == "*":
        return ANY
    if operator not in ("^", "~"):
        return from_specifier(Specifier(f"{operator or '=='}{text}"))
    version = Version(text)
    release = version.release
    if operator == "~":
        kept = 2
    else:
        kept = next((place for place, number in enumerate(release, 1) if number), len(release))
    return Pin(version, _after(release[:kept]), below=True)


def _after(release: tuple[int, ...]) -> Version:
    """The first version behind all that begin with `release`."""
    return Version(".".join(map(str, (*release[:-1], release[-1] + 1))))
