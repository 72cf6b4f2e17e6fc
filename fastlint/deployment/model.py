"""The words of the facts about deployment: files, processes, images, proxies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fastlint.facts.model import Span

OTHER_USE = frozenset({
    "dev", "develop", "development", "local", "debug", "test", "tests", "testing", "override", "devcontainer",
    "example", "examples", "demo", "ci", "e2e", "docs", "sandbox", "hotreload", "reload", "watch", "samples",
    "benchmark", "benchmarks", "tutorial", "playground", "devel", "loadtest",
})  # fmt: skip
"""Words in names that say that something is not how the application is served."""
PRODUCTION = frozenset({"prod", "production", "prd", "release", "live"})


def words_of(name: str) -> set[str]:
    """Return the words that a name is put together from: `docker-compose.dev.yml` has four."""
    return set("".join(c if c.isalnum() else " " for c in name.lower()).split())


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that deploys, as it was read."""

    path: str
    """As reports show it."""
    inner: str
    """Below the root of the project."""
    text: str
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.inner.rpartition("/")[2]

    @property
    def directory(self) -> str:
        """The directory below the root of the project; empty for the root itself."""
        return self.inner.rpartition("/")[0]

    @property
    def is_for_development(self) -> bool:
        """Whether the path says that this is not how the application is served."""
        return bool(words_of(self.inner) & OTHER_USE)

    def span(self, word: str, rows: Iterable[tuple[int, int]]) -> Span:
        """Return the place of a word in rows (first, last) of the file; without it, of the first of them."""
        ranges = list(rows) or [(1, 1)]
        for first, last in ranges:
            for row in range(first, min(last, len(self.lines)) + 1):
                column = self._column(word, row)
                if column >= 0:
                    before = len(self.lines[row - 1][:column].encode())
                    return (row, before, row, before + len(word.encode()))
        row = ranges[0][0]
        line = self.lines[row - 1].rstrip() if row <= len(self.lines) else ""
        indent = len(line) - len(line.lstrip())
        return (row, indent, row, max(len(line.encode()), indent + 1))

    def _column(self, word: str, row: int) -> int:
        line = self.lines[row - 1]
        column = line.find(word) if word else -1
        while column >= 0:
            around = line[column - 1 : column] + line[column + len(word) : column + len(word) + 1]
            if not any(c.isalnum() or c in "-_" for c in around):
                return column
            column = line.find(word, column + 1)
        return -1


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that a file sets."""

    name: str
    value: str
    file: TextFile
    row: int
    for_development: bool = False

    @property
    def span(self) -> Span:
        """Where its name stands."""
        return self.file.span(self.name, [(self.row, self.row)])


@dataclass(frozen=True, slots=True)
class Process:
    """A program that a file starts, without what wraps it (`exec`, `sh -c`, `poetry run`)."""

    words: tuple[str, ...]
    """The program by its plain name, then its arguments."""
    file: TextFile
    rows: tuple[tuple[int, int], ...]
    """Where the command stands: (first, last) row."""
    environment: Mapping[str, Variable] = field(default_factory=dict)
    for_development: bool = False
    is_conditional: bool = False
    """Whether a script runs it only if a condition holds."""
    service: str = ""
    """The name that other services reach it by."""
    copies: int = 1
    """How many containers run it at once."""

    @property
    def program(self) -> str:
        """The plain name of the program: "uvicorn", "gunicorn", "fastapi", "python", ..."""
        return self.words[0]

    @property
    def shown(self) -> str:
        """The beginning of the command, for messages."""
        text = " ".join(self.words)
        return text if len(text) <= 60 else f"{text[:57]}..."

    @property
    def place(self) -> str:
        """The file and row, for messages."""
        return f"{self.file.path}:{self.rows[0][0]}"

    def has(self, *names: str) -> bool:
        """Tell whether one of the options is given."""
        return self.option(*names) is not None

    def option(self, *names: str) -> str | None:
        """Return the value of an option given by one of its names; empty for one without a value."""
        for position, word in enumerate(self.words[1:], 1):
            for name in names:
                if word == name:
                    following = self.words[position + 1 : position + 2]
                    return following[0] if following and not following[0].startswith("-") else ""
                if word.startswith(f"{name}=" if name.startswith("--") else name) and len(word) > len(name):
                    return word[len(name) :].removeprefix("=")
        return None

    @property
    def is_complete(self) -> bool:
        """Whether all options are known: `uvicorn app:app $OPTIONS` may have more."""
        pairs = zip(self.words, self.words[1:], strict=False)
        return not any(word.startswith("$") and not before.startswith("-") for before, word in pairs)

    def setting(self, name: str) -> str | None:
        """Return what an option of uvicorn is set to, on the command line or by its variable."""
        given = self.option(f"--{name}")
        if given is None and self.program == "uvicorn":
            variable = self.environment.get(f"UVICORN_{name.upper().replace('-', '_')}")
            return variable.value if variable else None
        return given

    def span(self, *words: str) -> Span:
        """Return the place of the first of the words that the command is written with."""
        for word in words:
            found = self.file.span(word, self.rows)
            if found[3] - found[1] == len(word.encode()):
                return found
        return self.file.span(self.program, self.rows)

    def written(self, *names: str) -> str:
        """Return the word that gives one of the options, as it is written."""
        for word in self.words[1:]:
            if word in names or any(word.startswith(f"{name}=") for name in names):
                return word
        return self.program

    @property
    def target(self) -> str | None:
        """The application as `module:attribute`, if the command names it so."""
        for word in self.words[1:]:
            module, colon, attribute = word.partition(":")
            parts = (*module.split("."), *attribute.removesuffix("()").split("."))
            if colon and all(part.isidentifier() for part in parts):
                return word
        return None

    @property
    def ports(self) -> set[str]:
        """The ports that a server listens on."""
        bind = self.option("-b", "--bind") if self.program in ("gunicorn", "hypercorn") else None
        port = bind.rpartition(":")[2] if bind else self.setting("port")
        if port is None and self.program == "fastapi":
            port = self.option("-p")
        if port is None:
            return {"8000"} if self.program in SERVERS else set()
        return {port} if port.isdigit() else set()


SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "fastapi", "daphne"})


@dataclass(frozen=True, slots=True)
class Image:
    """A container image that a file uses."""

    name: str
    """Without registry and tag: `nginx`, `tiangolo/uvicorn-gunicorn`."""
    tag: str
    file: TextFile
    row: int


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a compose file, by the name that others reach it by."""

    name: str
    file: TextFile
    row: int
    dockerfile: str = ""
    """Where its Dockerfile is, below the root of the project, if it is built."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A requirement that a `pip install` in a Dockerfile names."""

    requirement: str
    file: TextFile
    row: int


@dataclass(frozen=True, slots=True)
class GunicornSettings:
    """A configuration file of gunicorn: the values that are constants; None for what is computed."""

    file: TextFile
    values: Mapping[str, tuple[object, Span]]


@dataclass(frozen=True, slots=True)
class Upstream:
    """A group of servers that nginx passes requests to, and how many connections to them are kept."""

    name: str
    servers: tuple[str, ...]
    keepalive: int | None
    timeout: str | None
    file: TextFile
    row: int


@dataclass(frozen=True, slots=True)
class ProxyPass:
    """A place where nginx passes requests on."""

    host: str
    port: str
    location: str
    version: str | None
    """Of HTTP; None for nginx's own default."""
    connection: str | None
    """What requests without an `Upgrade` header get as `Connection`; None for nginx's own default."""
    connection_from: str
    """The variable that `connection` comes from, if it does."""
    upstream: Upstream | None
    is_certain: bool
    """Whether nothing is included here that might set more."""
    keeps_answers: bool
    """Whether `proxy_cache` names a cache here."""
    file: TextFile
    row: int


@dataclass(frozen=True, slots=True)
class ClosingOption:
    """A line of HAProxy's configuration that keeps connections to servers from being used again."""

    text: str
    file: TextFile
    row: int


@dataclass(slots=True)
class Facts:
    """What all files together say."""

    processes: list[Process] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    installed: list[Installed] = field(default_factory=list)
    gunicorn: list[GunicornSettings] = field(default_factory=list)
    passes: list[ProxyPass] = field(default_factory=list)
    closing: list[ClosingOption] = field(default_factory=list)
    served_paths: set[str] = field(default_factory=set)
    """Locations that nginx answers from the disk."""
    manifests: list[TextFile] = field(default_factory=list)
    """Files for an orchestrator, which starts as many processes as it likes."""
    requirements: list[tuple[TextFile, Path]] = field(default_factory=list)
    """Files that list requirements, and where they are."""
