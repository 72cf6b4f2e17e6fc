"""From files and command line to the settings of a run."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fastlint.cache.inputs import note
from fastlint.config.errors import ConfigError
from fastlint.config.files import ConfigFile, find_config, find_project, read_config
from fastlint.config.options import check_table, check_version
from fastlint.config.settings import Selectors, Settings


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the command line says; `None` and empty tuples mean that it says nothing."""

    selectors: Selectors = field(default_factory=Selectors)
    exclude: tuple[str, ...] | None = None
    extend_exclude: tuple[str, ...] = ()
    fix: bool | None = None
    unsafe_fixes: bool | None = None
    show_fixes: bool | None = None
    fixable: tuple[str, ...] | None = None
    unfixable: tuple[str, ...] | None = None
    fastapi_version: str | None = None
    output_format: str | None = None
    cache: bool = True
    config: tuple[str, ...] = ()
    """Each is the path of a file or a piece of TOML such as `select = ["FL1"]`."""
    isolated: bool = False
    """Whether to leave all configuration files alone."""


def load_settings(
    paths: Sequence[str | Path], given: CommandLine | None = None, cwd: Path | None = None
) -> Settings:
    """The settings for a run over `paths` (none means the current directory).

    Raises `ConfigError` for a file, a key or a value that cannot be followed.
    """
    given = given or CommandLine()
    cwd = cwd or Path.cwd()
    targets = tuple(_absolute(cwd, path) for path in paths) or (cwd,)
    start = targets[0] if targets[0].is_dir() else targets[0].parent
    named, pieces = _split_config(given, cwd)
    found = None if given.isolated or named else find_config(start)
    config = named or found
    root = found.path.parent if found else find_project(start) or cwd

    values = check_table(config.table, config.origin) if config else {}
    for piece in pieces:
        values |= check_table(piece, "--config")
    _apply_command_line(values, given, root, cwd)
    values["cache_dir"] = _cache_dir(values, root)
    return Settings(
        root=root,
        paths=targets,
        cwd=cwd,
        command_line=given.selectors,
        cache=given.cache,
        config_file=config.path if config else None,
        **values,  # type: ignore[arg-type]  # check_table vouches for names and types
    )


def _split_config(given: CommandLine, cwd: Path) -> tuple[ConfigFile | None, list[Mapping[str, object]]]:
    """The configuration file that was named, and the pieces of TOML, among the `--config` options."""
    named: ConfigFile | None = None
    pieces: list[Mapping[str, object]] = []
    for option in given.config:
        path = _absolute(cwd, option)
        note(path)
        if path.is_file():
            if given.isolated:
                raise ConfigError(f"--isolated and --config {option} contradict each other")
            if named:
                raise ConfigError(f"--config names two files, {named.origin} and {option}; give one")
            named = read_config(path) or ConfigFile(path, option)
        elif "=" in option:
            pieces.append(_read_piece(option))
        else:
            raise ConfigError(f"--config {option}: there is no such file, and it is not KEY=VALUE")
    return named, pieces


def _read_piece(option: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(option)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"--config {option}: not valid TOML ({error}); strings need quotes, as in "
            f"""--config 'output-format="json"'"""
        ) from None


def _apply_command_line(values: dict[str, object], given: CommandLine, root: Path, cwd: Path) -> None:
    if given.exclude is not None:
        values["exclude"] = tuple(_from_cwd(pattern, root, cwd) for pattern in given.exclude)
    if given.extend_exclude:
        extra = tuple(_from_cwd(pattern, root, cwd) for pattern in given.extend_exclude)
        before = values.get("extend_exclude", ())
        values["extend_exclude"] = (*before, *extra) if isinstance(before, tuple) else extra
    if given.fastapi_version is not None:
        try:
            values["fastapi_version"] = check_version(given.fastapi_version)
        except ValueError as error:
            raise ConfigError(f"--fastapi-version {error}") from None
    for name in ("fix", "unsafe_fixes", "show_fixes", "fixable", "unfixable"):
        value = getattr(given, name)
        if value is not None:
            values[name] = value
    if given.output_format is not None:
        values["output_format"] = given.output_format


def _from_cwd(pattern: str, root: Path, cwd: Path) -> str:
    """A pattern that means below `root` what the user, standing in `cwd`, wrote."""
    if "/" not in pattern.rstrip("/") or cwd == root or not cwd.is_relative_to(root):
        return pattern
    return f"/{cwd.relative_to(root).as_posix()}/{pattern.removeprefix('./').lstrip('/')}"


def _cache_dir(values: Mapping[str, object], root: Path) -> Path:
    wanted = os.environ.get("FASTLINT_CACHE_DIR") or values.get("cache_dir") or ".fastlint_cache"
    return _absolute(root, str(wanted))


def _absolute(base: Path, path: str | Path) -> Path:
    joined = base / path
    return joined.resolve() if ".." in joined.parts else joined
