"""The format of a table of the catalog: how its text is read, and the check of a table against it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeGuard

from fastlint.catalog.model import (
    ACTS,
    COSTS,
    DECORATOR_EFFECTS,
    KINDS,
    PLACES,
    RESOURCES,
    TWIN_FORMS,
    parse_type,
)
from fastlint.config.errors import FastlintError, did_you_mean

_STATEMENT = re.compile(
    r"""^(?:\[(?P<array>\[)?(?P<section>\w+)\]+|(?:"(?P<quoted>[^"\n]+)"|(?P<bare>\w+))"""
    r"""[ ]=[ ](?:"(?P<text>[^"\n]*)"|(?P<list>\[.*?\])))[ ]*(?:\#.*?)?$""",
    re.MULTILINE | re.DOTALL,
)
_EFFECT = ("kind", "cost", "instead", "twin", "unless", "unless_first")
_GROUPS: dict[str, tuple[str, ...]] = {
    "blocks": ("names", *_EFFECT, "except"),
    "runs": ("names", "where", "callable"),
    "decorators": ("names", "effect", *_EFFECT),
    "acts": ("names", "act"),
    "resources": ("names", "resource", "cost", "close"),
    "twins": (
        "names", "how", "twin", "because", "gives", "result", "made_with", "arguments", "unlike_arguments", "plain",
        "awaited", "unlike", "written", "iterated", "needs",
    ),
}  # fmt: skip
_WORDS = {
    "kind": KINDS, "cost": COSTS, "where": PLACES, "effect": DECORATOR_EFFECTS, "act": ACTS,
    "resource": RESOURCES, "how": TWIN_FORMS,
}  # fmt: skip
_REQUIRED = {
    "blocks": ("kind", "cost"), "runs": ("where", "callable"), "decorators": ("effect",), "acts": ("act",),
    "resources": ("resource", "cost"), "twins": ("how", "twin"),
}  # fmt: skip


class CatalogError(FastlintError):
    """The user's catalog says something that it cannot mean; the text names the table and the key."""


def read_table(text: str) -> dict[str, Any]:
    """Parse the text of a table that comes with fastlint.

    These tables hold strings without escapes and lists on top of that, which makes reading them several
    times as fast as a parser of all of TOML is.
    """
    table: dict[str, Any] = {}
    current = table
    for statement in _STATEMENT.finditer(text):
        array, section, quoted, bare, plain, listed = statement.groups()
        if section and array:
            current = {}
            table.setdefault(section, []).append(current)
        elif section:
            current = table.setdefault(section, {})
        else:
            current[quoted or bare] = ast.literal_eval(listed) if listed else plain
    return table


def read_modules(text: str) -> frozenset[str] | None:
    """Return the modules that a table that comes with fastlint is about, or None if it always applies."""
    header = text[: text.find("\n[") + 1]
    modules = read_table(header).get("modules")
    return frozenset(modules) if modules is not None else None


def check_table(table: Mapping[str, object]) -> None:
    """Check a table that a user wrote.

    Raises:
        CatalogError: a key, a word or a type is not one that the format has.
    """
    for key, value in table.items():
        check = _CHECKS.get(key)
        if check is None:
            raise CatalogError(f'unknown key "{key}" in the catalog{did_you_mean(key, _CHECKS)}')
        check(key, value)


def _check_groups(section: str, value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(group, dict) for group in value):
        raise CatalogError(f'"{section}" in the catalog must be written as [[catalog.{section}]]')
    for number, group in enumerate(value, start=1):
        _check_group(section, f"[[catalog.{section}]] number {number}", group)


def _check_group(section: str, place: str, group: Mapping[str, object]) -> None:
    for key, value in group.items():
        if key not in _GROUPS[section]:
            raise CatalogError(f'unknown key "{key}" in {place}{did_you_mean(key, _GROUPS[section])}')
        _check_value(key, value, place)
    required = (
        "names",
        *_REQUIRED[section],
        *(_REQUIRED["blocks"] if group.get("effect") == "blocks" else ()),
    )
    for key in required:
        if key not in group:
            raise CatalogError(f'{place} lacks "{key}"')


def _check_value(key: str, value: object, place: str) -> None:
    if key in _WORDS:
        known = _WORDS[key]
        if value not in known:
            words = ", ".join(f'"{word}"' for word in known)
            hint = did_you_mean(value, known) if isinstance(value, str) else ""
            raise CatalogError(f'"{key}" in {place} must be one of {words}, not {_shown(value)}{hint}')
    elif key in ("instead", "twin", "because", "gives", "result", "made_with"):
        if not isinstance(value, str):
            raise CatalogError(f'"{key}" in {place} must be a string')
    elif key == "callable":
        if not isinstance(value, list) or not all(type(item) in (int, str) for item in value):
            raise CatalogError(f'"{key}" in {place} must be a list of positions and keyword names')
    elif not _is_string_list(value):
        raise CatalogError(f'"{key}" in {place} must be a list of strings')
    elif key == "unless" and not all("=" in condition for condition in value):
        raise CatalogError(f'"{key}" in {place} must hold conditions such as "block=False"')


def _check_types(section: str, value: object) -> None:
    for name, written in _strings(section, value).items():
        try:
            parse_type(written)
        except ValueError:
            raise CatalogError(
                f'"{name}" in [catalog.{section}] is {_shown(written)}, which is no type'
            ) from None


def _check_aliases(section: str, value: object) -> None:
    for name, canonical in _strings(section, value).items():
        if name == canonical:
            raise CatalogError(f'"{name}" in [catalog.{section}] is an alias of itself')


def _check_bases(section: str, value: object) -> None:
    if not isinstance(value, dict) or not all(_is_string_list(bases) for bases in value.values()):
        raise CatalogError(f"[catalog.{section}] must map classes to lists of their bases")


def _check_strings(section: str, value: object) -> None:
    if not _is_string_list(value):
        raise CatalogError(f'"{section}" in the catalog must be a list of strings')


def _strings(section: str, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise CatalogError(f"[catalog.{section}] must map names to strings; quote names that have dots")
    return value


def _is_string_list(value: object) -> TypeGuard[Collection[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else "missing" if value is None else str(value)


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "blocks": _check_groups,
    "runs": _check_groups,
    "decorators": _check_groups,
    "acts": _check_groups,
    "resources": _check_groups,
    "twins": _check_groups,
    "returns": _check_types,
    "attributes": _check_types,
    "aliases": _check_aliases,
    "bases": _check_bases,
    "modules": _check_strings,
    "distributions": _check_strings,
}
