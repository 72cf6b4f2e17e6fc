"""What the files of a directory say about the versions of distributions; nothing is executed.

A file that cannot be read, or is not what its name promises, says nothing.
"""

from __future__ import annotations

import codecs
import configparser
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from fastlint.cache.inputs import note
from fastlint.sources.pins import ANY, Pin, from_poetry, from_specifiers

_MAX_BYTES = 20_000_000
_MAX_REQUIREMENT = 500
"""Characters, without hashes and markers; it also bounds the numbers in a version."""

_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # `pip freeze >` in PowerShell
_COMMENT = re.compile(r"(?:^|\s)#.*")
_OPTION = re.compile(r"\s--?[a-z]")
_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)[\s=]*(\S.*)")
_CONDA = re.compile(r"([\w.-]+)=([\w.]+)(?:=\w+)?")

_LOCKED_PACKAGE = re.compile(r"^\[\[packages?\]\]", re.MULTILINE)
_LOCKED_NAME = re.compile(r"""^name\s*=\s*["']([^"']+)""", re.MULTILINE)
_LOCKED_VERSION = re.compile(r"""^version\s*=\s*["']([^"']+)""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a directory says, by the normalized names of distributions."""

    locked: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    """Several versions where it depends on the platform."""
    declared: Mapping[str, Pin] = field(default_factory=dict)
    extras: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What is required of a distribution besides itself: `standard` of `uvicorn[standard]`."""

    def names(self, distribution: str) -> bool:
        """Whether it says something about `distribution`."""
        return distribution in self.locked or distribution in self.declared


@dataclass(frozen=True, slots=True)
class _Declared:
    """One requirement; a conditional one holds on some platforms only."""

    name: str
    pin: Pin
    conditional: bool
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Listed:
    """A requirement that an application runs with, and the row that it stands on."""

    name: str
    extras: frozenset[str]
    row: int


def read_directory(directory: Path) -> Stated:
    """What the lock files and the lists of requirements in `directory` say."""
    names = _names(directory)
    locked: dict[str, tuple[Version, ...]] = {}
    for name, lock_reader in _LOCKS.items():
        if name in names:
            locked = lock_reader(_text(directory / name)) | locked
    declared: dict[str, Pin] = {}
    extras: dict[str, frozenset[str]] = {}
    for requirements in _declarations(directory, names):
        listed = list(requirements)
        for distribution, pin in _pins(listed).items():
            declared[distribution] = declared.get(distribution, ANY) & pin
        for one in listed:
            if one.extras:
                extras[one.name] = extras.get(one.name, frozenset()) | one.extras
    return Stated(locked, declared, extras)


def listed_in(name: str, text: str) -> list[Listed]:
    """Return what a file lists for the application itself, for every platform: no groups, no extras of its own.

    `name` is that of the file: a list for pip, `pyproject.toml` or `Pipfile`.
    """
    rows = text.splitlines()
    if name.endswith(".txt"):
        found = [(row, _from_pip(_COMMENT.sub("", line).rstrip(" \\"))) for row, line in enumerate(rows, 1)]
        return [Listed(one.name, one.extras, row) for row, one in found if one and not one.conditional]
    document = _toml(text)
    dependencies = _table(document, "project").get("dependencies")
    declared = [_from_pip(one) for one in dependencies] if isinstance(dependencies, list) else []
    tables = _table(document, "tool", "poetry", "dependencies") | _table(document, "packages")
    for distribution, value in tables.items():
        declared += _from_poetry(distribution, value)
    return [
        Listed(one.name, one.extras, _row_of(one.name, rows))
        for one in declared
        if one and not one.conditional
    ]


def _row_of(name: str, rows: list[str]) -> int:
    """Return the row on which a requirement begins."""
    for row, line in enumerate(rows, 1):
        head = canonicalize_name(line.strip().lstrip("\"'"))
        if head.startswith(name) and not head[len(name) : len(name) + 1].strip("-").isalnum():
            return row
    for row, line in enumerate(rows, 1):
        if f'"{name}' in line or f"'{name}" in line:
            return row
    return 1


def _declarations(directory: Path, names: frozenset[str]) -> Iterator[Iterable[_Declared]]:
    """The requirements of each file."""
    for name, reader in _PROJECT_FILES.items():
        if name in names:
            yield reader(_text(directory / name))
    pending = [directory / name for name in _lists({n for n in names if n.startswith("requirements")})]
    if "requirements" in names:
        pending += [directory / "requirements" / name for name in _lists(_names(directory / "requirements"))]
    seen = set(pending)
    while pending:
        path = pending.pop()
        lines = list(_requirement_lines(_text(path)))
        yield filter(None, map(_from_pip, lines))
        included = {
            Path(os.path.normpath(path.parent / match[1]))
            for line in lines
            if (match := _INCLUDE.match(line))
        }
        pending += included - seen
        seen |= included


def _names(directory: Path) -> frozenset[str]:
    note(directory)
    try:
        return frozenset(path.name for path in directory.iterdir())
    except OSError:
        return frozenset()


def _lists(names: Iterable[str]) -> list[str]:
    """The lists of requirements among `names`; one that was compiled speaks for its source."""
    known = frozenset(names)
    sources = (n for n in known if n.endswith(".in") and f"{n.removesuffix('.in')}.txt" not in known)
    return sorted([*(n for n in known if n.endswith(".txt")), *sources])


def _text(path: Path) -> str:
    note(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            return ""
        data = path.read_bytes()
    except (OSError, ValueError):  # the latter for a name with NUL in it
        return ""
    return data.decode(_MARKS.get(data[:2], "utf-8-sig"), errors="replace")


def _pins(requirements: Iterable[_Declared]) -> dict[str, Pin]:
    """The pins of one file. What holds everywhere holds at once; of the conditional ones, any may hold."""
    everywhere: dict[str, Pin] = {}
    somewhere: dict[str, Pin] = {}
    for one in requirements:
        if one.conditional:
            somewhere[one.name] = somewhere[one.name] | one.pin if one.name in somewhere else one.pin
        else:
            everywhere[one.name] = everywhere.get(one.name, ANY) & one.pin
    return somewhere | everywhere


def _from_pip(text: object) -> _Declared | None:
    """A requirement such as `fastapi[all]>=0.115; python_version > "3.8"`, or None if it is none."""
    if not isinstance(text, str):
        return None
    text, _, marker = text.partition(";")
    text = _OPTION.split(text, maxsplit=1)[0]
    if len(text) > _MAX_REQUIREMENT:
        return None
    try:
        requirement = Requirement(text.strip())
        pin = from_specifiers(requirement.specifier)
    except ValueError:
        return None
    extras = frozenset(requirement.extras)
    return _Declared(canonicalize_name(requirement.name), pin, bool(marker.strip()), extras)


def _from_poetry(name: str, value: object) -> Iterator[_Declared]:
    """The requirement in a table of Poetry's or Pipenv's, where several may stand for one name."""
    if isinstance(value, list):
        for one in value:
            yield from _from_poetry(name, one)
        return
    conditions: Mapping[str, object] = value if isinstance(value, dict) else {}
    constraint = conditions.get("version", "*") if conditions else value
    if not isinstance(constraint, str) or len(constraint) > _MAX_REQUIREMENT:
        return
    conditional = bool({"python", "markers", "platform"} & conditions.keys())
    extras = conditions.get("extras")
    wanted = frozenset(e for e in extras if isinstance(e, str)) if isinstance(extras, list) else frozenset()
    try:
        yield _Declared(canonicalize_name(name), from_poetry(constraint), conditional, wanted)
    except ValueError:
        return


def _requirement_lines(text: str) -> Iterator[str]:
    """The lines of a list of requirements, put together and without comments."""
    begun: list[str] = []
    for raw in text.splitlines():
        line = _COMMENT.sub("", raw).rstrip()
        begun.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            yield "".join(begun).strip()
            begun = []
    yield "".join(begun).strip()


def _read_pyproject(text: str) -> Iterator[_Declared]:
    document = _toml(text)
    project, tool = _table(document, "project"), _table(document, "tool")
    lists = [
        project.get("dependencies"),
        *_table(project, "optional-dependencies").values(),
        *_table(document, "dependency-groups").values(),
        *_table(tool, "pdm", "dev-dependencies").values(),
        _table(tool, "uv").get("dev-dependencies"),
    ]
    for environment in _table(tool, "hatch", "envs").values():
        if isinstance(environment, dict):
            lists += [environment.get("dependencies"), environment.get("extra-dependencies")]
    for requirements in lists:
        if isinstance(requirements, list):
            yield from filter(None, map(_from_pip, requirements))

    poetry = _table(tool, "poetry")
    tables = [_table(poetry, "dependencies"), _table(poetry, "dev-dependencies")]
    groups = _table(poetry, "group")
    tables += [_table(groups, group, "dependencies") for group in groups]
    for table in tables:
        for name, value in table.items():
            yield from _from_poetry(name, value)


def _read_pipfile(text: str) -> Iterator[_Declared]:
    document = _toml(text)
    for section in ("packages", "dev-packages"):
        for name, value in _table(document, section).items():
            yield from _from_poetry(name, value)


def _read_setup_cfg(text: str) -> Iterator[_Declared]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    values = [parser.get("options", "install_requires", fallback="")]
    if parser.has_section("options.extras_require"):
        values += [value for _, value in parser.items("options.extras_require")]
    for value in values:
        yield from filter(None, map(_from_pip, _requirement_lines(value)))


def _read_conda(text: str) -> Iterator[_Declared]:
    """The items of all lists: those for conda, and those for pip among them."""
    for line in text.splitlines():
        dash, _, item = _COMMENT.sub("", line).strip().partition(" ")
        if dash == "-":
            item = item.strip(" \"'").rpartition("::")[2]
            match = _CONDA.fullmatch(item)
            requirement = _from_pip(f"{match[1]}=={match[2]}.*" if match else item)
            if requirement:
                yield requirement


def _read_lock(text: str) -> dict[str, tuple[Version, ...]]:
    """The versions in a lock file of packages in TOML tables.

    Read by its lines: it is long and only a few are wanted, and uv writes TOML newer than `tomllib` is.
    """
    versions: dict[str, tuple[Version, ...]] = {}
    for package in _LOCKED_PACKAGE.split(text)[1:]:
        head = package.partition("\n[")[0]
        name, version = _LOCKED_NAME.search(head), _LOCKED_VERSION.search(head)
        if name and version:
            _note(versions, name[1], version[1])
    return versions


def _read_pipfile_lock(text: str) -> dict[str, tuple[Version, ...]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    versions: dict[str, tuple[Version, ...]] = {}
    for section in ("default", "develop"):
        for name, package in _table(document, section).items():
            version = package.get("version") if isinstance(package, dict) else None
            if isinstance(version, str) and canonicalize_name(name) not in versions:
                _note(versions, name, version.removeprefix("=="))
    return versions


def _note(versions: dict[str, tuple[Version, ...]], name: str, version: str) -> None:
    if len(version) <= _MAX_REQUIREMENT:
        try:
            known = versions.get(canonicalize_name(name), ())
            versions[canonicalize_name(name)] = (*known, Version(version))
        except InvalidVersion:
            pass


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _table(document: object, *keys: str) -> dict[str, object]:
    """The table under nested keys; empty where there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


_LOCKS: dict[str, Callable[[str], dict[str, tuple[Version, ...]]]] = {
    "uv.lock": _read_lock,
    "poetry.lock": _read_lock,
    "pdm.lock": _read_lock,
    "pylock.toml": _read_lock,
    "Pipfile.lock": _read_pipfile_lock,
}

_PROJECT_FILES: dict[str, Callable[[str], Iterator[_Declared]]] = {
    "pyproject.toml": _read_pyproject,
    "Pipfile": _read_pipfile,
    "setup.cfg": _read_setup_cfg,
    "environment.yml": _read_conda,
    "environment.yaml": _read_conda,
}
