"""The keys of a configuration file: their names, their types, and the check of a table against them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeGuard

from fastlint.config.errors import ConfigError, did_you_mean
from fastlint.config.settings import OUTPUT_FORMATS

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")


def check_table(table: Mapping[str, object], origin: str) -> dict[str, object]:
    """Check the keys and types of a configuration table.

    `origin` is how messages name the place. Returns the values under the names of the settings'
    attributes, lists turned into tuples. Raises `ConfigError` at the first key that does not fit.
    """
    values: dict[str, object] = {}
    for key, value in table.items():
        reader = _READERS.get(key)
        if reader is None:
            raise ConfigError(f'unknown key "{key}" in {origin}{did_you_mean(key, _READERS)}')
        try:
            values[key.replace("-", "_")] = reader(value)
        except ValueError as error:
            raise ConfigError(f'"{key}" in {origin} {error}') from None
    return values


def _strings(value: object) -> tuple[str, ...]:
    if not _is_string_list(value):
        raise ValueError(f"must be a list of strings, not {_kind(value)}")
    return tuple(value)


def _is_string_list(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_kind(value)}")
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {_kind(value)}")
    return value


def _output_format(value: object) -> str:
    name = _string(value)
    if name not in OUTPUT_FORMATS:
        known = ", ".join(f'"{known}"' for known in OUTPUT_FORMATS)
        raise ValueError(f'must be one of {known}, not "{name}"{did_you_mean(name, OUTPUT_FORMATS)}')
    return name


def check_version(value: object) -> str:
    """The version that `value` is; raises `ValueError`, with the rest of a sentence, if it is none."""
    if not isinstance(value, str):
        raise ValueError(f'must be a version in quotes such as "0.115", not {_kind(value)}')
    if not _VERSION.fullmatch(value):
        raise ValueError(f'must be a version such as "0.115", not "{value}"')
    return value


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a table, not {_kind(value)}")
    return value


def _ignores(value: object) -> dict[str, tuple[str, ...]]:
    ignores: dict[str, tuple[str, ...]] = {}
    for pattern, selectors in _table(value).items():
        if not _is_string_list(selectors):
            raise ValueError(f'must map patterns to lists of rules; "{pattern}" is {_kind(selectors)}')
        ignores[pattern] = tuple(selectors)
    return ignores


def _kind(value: object) -> str:
    if isinstance(value, list):
        odd = next((item for item in value if not isinstance(item, str)), None)
        return "a list" if odd is None else f"a list with {_kind(odd)} in it"
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", dict: "a table"}
    return names.get(type(value), "a date or time")


_READERS: dict[str, Callable[[object], object]] = {
    "select": _strings,
    "ignore": _strings,
    "extend-select": _strings,
    "extend-ignore": _strings,
    "exclude": _strings,
    "extend-exclude": _strings,
    "fixable": _strings,
    "unfixable": _strings,
    "extend-safe-fixes": _strings,
    "extend-unsafe-fixes": _strings,
    "fix": _flag,
    "unsafe-fixes": _flag,
    "show-fixes": _flag,
    "per-file-ignores": _ignores,
    "force-exclude": _flag,
    "respect-gitignore": _flag,
    "catalog": _table,
    "fastapi-version": check_version,
    "output-format": _output_format,
    "cache-dir": _string,
}
