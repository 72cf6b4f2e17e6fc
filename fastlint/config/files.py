"""Configuration files: which one counts, which directory is the project, and what the file says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastlint.cache.inputs import note
from fastlint.config.errors import ConfigError

_OWN_FILES = (".fastlint.toml", "fastlint.toml")
_PROJECT_MARKS = ("pyproject.toml", ".git")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration table and how messages name the place where it was written."""

    path: Path
    origin: str
    table: Mapping[str, object] = field(default_factory=dict)


def find_config(start: Path) -> ConfigFile | None:
    """The configuration nearest to the directory `start`, looking upwards."""
    for directory in (start, *start.parents):
        for name in (*_OWN_FILES, "pyproject.toml"):
            path = directory / name
            note(path)
            if path.is_file():
                config = read_config(path)
                if config is not None:
                    return config
    return None


def read_config(path: Path) -> ConfigFile | None:
    """The configuration in `path`, or None for a `pyproject.toml` that says nothing about fastlint."""
    document = _read_toml(path)
    if path.name != "pyproject.toml":
        return ConfigFile(path, _shown(path), document)
    tools = document.get("tool")
    table = tools.get("fastlint") if isinstance(tools, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ConfigError(f"[tool.fastlint] in {_shown(path)} must be a table")
    return ConfigFile(path, f"[tool.fastlint] of {_shown(path)}", table)


def find_project(start: Path) -> Path | None:
    """The nearest directory at or above `start` that looks like the root of a project."""
    for directory in (start, *start.parents):
        for mark in _PROJECT_MARKS:
            note(directory / mark)
            if (directory / mark).exists():
                return directory
    return None


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {_shown(path)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{_shown(path)} is not UTF-8, which TOML requires") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{_shown(path)} is not valid TOML: {error}") from None


def _shown(path: Path) -> str:
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()
