"""The configuration of nginx and HAProxy: what they pass on, and how."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastlint.deployment.model import ClosingOption, Facts, ProxyPass, TextFile, Upstream

Statement = dict[str, Any]
CLOSING = (
    ["option", "httpclose"],
    ["option", "forceclose"],
    ["option", "http-server-close"],
    ["http-reuse", "never"],
)
HARMLESS_INCLUDES = (
    "mime.types",
    "fastcgi",
    "uwsgi",
    "ssl",
    "letsencrypt",
    "modules",
    "cors",
    "security",
    "gzip",
)
DEEPEST = 40


@dataclass(slots=True)
class _Level:
    """What a block of nginx inherits from those around it."""

    version: str | None = None
    connection: str | None = None
    location: str = ""
    is_certain: bool = True
    keeps_answers: bool = False
    variables: dict[str, str] = field(default_factory=dict)


def read_nginx(file: TextFile, facts: Facts, others: Mapping[str, list[Statement]]) -> None:
    """Add what a file of nginx passes on; `others` are the files that it may include, by their names."""
    statements = parse_nginx(file)
    if not statements:
        return
    maps = dict(_maps(statements, DEEPEST))
    upstreams = {u.name: u for u in _upstreams(statements, file, DEEPEST)}
    known = {name: u for other in others.values() for name, u in _named(other, file)}
    _pass(statements, _Level(), file, facts, (maps, known | upstreams, others), DEEPEST)


def parse_nginx(file: TextFile) -> list[Statement]:
    """Return the statements of a file of nginx; none if something in it is wrong.

    crossplane reads nothing but files, and the text may be one that a fix has changed and not written yet.
    """
    import crossplane

    with TemporaryDirectory(prefix="fastlint-") as directory:
        path = Path(directory) / "nginx.conf"
        path.write_text(file.text, encoding="utf-8", newline="")
        payload = crossplane.parse(
            str(path), single=True, strict=False, check_ctx=False, check_args=False, comments=False
        )
    if payload["status"] != "ok" or not payload["config"]:
        return []
    statements: list[Statement] = payload["config"][0]["parsed"]
    return statements


def _named(statements: list[Statement], file: TextFile) -> Iterator[tuple[str, Upstream]]:
    for upstream in _upstreams(statements, file, DEEPEST):
        yield upstream.name, upstream


def _walk(statements: list[Statement], depth: int) -> Iterator[Statement]:
    for statement in statements:
        yield statement
        if depth:
            yield from _walk(statement.get("block", []), depth - 1)


def _maps(statements: list[Statement], depth: int) -> Iterator[tuple[str, str | None]]:
    """Yield for each mapped variable what it is when the source is empty, as without an `Upgrade` header."""
    for statement in _walk(statements, depth):
        if statement["directive"] == "map" and len(statement["args"]) == 2:
            rows = {inner["directive"]: (inner["args"] or [""])[0] for inner in statement.get("block", [])}
            yield statement["args"][1], rows.get("", rows.get("default", ""))


def _upstreams(statements: list[Statement], file: TextFile, depth: int) -> Iterator[Upstream]:
    for statement in _walk(statements, depth):
        if statement["directive"] != "upstream" or not statement["args"]:
            continue
        inner = {part["directive"]: part["args"] for part in statement.get("block", [])}
        servers = tuple(
            part["args"][0]
            for part in statement.get("block", [])
            if part["directive"] == "server" and part["args"]
        )
        kept = (inner.get("keepalive") or [None])[0]
        timeout = (inner.get("keepalive_timeout") or [None])[0]
        count = None if kept is None else int(kept) if kept.isdigit() else 1
        yield Upstream(statement["args"][0], servers, count, timeout, file, statement["line"])


Known = tuple[Mapping[str, str | None], Mapping[str, Upstream], Mapping[str, list[Statement]]]


def _pass(
    statements: list[Statement], outer: _Level, file: TextFile, facts: Facts, known: Known, depth: int
) -> None:
    """Add each `proxy_pass` with what holds there: headers of an inner block replace all outer ones."""
    maps, upstreams, others = known
    level = replace(outer, variables=dict(outer.variables))
    own = list(_with_includes(statements, level, others, depth))
    headers = [part["args"] for part in own if part["directive"] == "proxy_set_header" and part["args"]]
    if headers:
        level.connection = None
    for name, *value in headers:
        if name.lower() == "connection":
            level.connection = value[0] if value else ""
    for part in own:
        if part["directive"] == "proxy_http_version" and part["args"]:
            level.version = part["args"][0]
        elif part["directive"] == "proxy_cache":
            level.keeps_answers = part["args"] != ["off"]
        elif part["directive"] == "set" and len(part["args"]) == 2:
            level.variables[part["args"][0]] = part["args"][1]
        elif part["directive"] in ("root", "alias") and level.location:
            facts.served_paths.add(level.location)
    for part in own:
        if part["directive"] == "proxy_pass" and part["args"]:
            _add_pass(part, level, file, facts, maps, upstreams)
        if "block" in part and depth and part["directive"] not in ("upstream", "map", "types"):
            inner = level
            if part["directive"] == "location":
                location = part["args"][-1] if part["args"] else ""
                inner = replace(level, location=location)
            _pass(part["block"], inner, file, facts, known, depth - 1)


def _with_includes(
    statements: list[Statement], level: _Level, others: Mapping[str, list[Statement]], depth: int
) -> Iterator[Statement]:
    for part in statements:
        if part["directive"] != "include" or not part["args"]:
            yield part
            continue
        name = posixpath.basename(part["args"][0])
        if name in others and depth:
            yield from (inner for inner in others[name] if inner["directive"] != "include")
        elif level.location and not any(word in part["args"][0] for word in HARMLESS_INCLUDES):
            level.is_certain = False


def _add_pass(
    part: Statement,
    level: _Level,
    file: TextFile,
    facts: Facts,
    maps: Mapping[str, str | None],
    upstreams: Mapping[str, Upstream],
) -> None:
    address = str(part["args"][0])
    for name, value in level.variables.items():
        address = address.replace(name, value)
    scheme, _, rest = address.partition("://")
    if scheme not in ("http", "https"):
        return
    authority = rest.partition("/")[0] if not rest.startswith("unix:") else "unix:"
    host, _, port = authority.partition(":")
    connection = level.connection
    source = ""
    if connection is not None and connection in maps:
        source, connection = connection, maps[connection]
    facts.passes.append(
        ProxyPass(
            host,
            port,
            level.location,
            level.version,
            connection,
            source,
            upstreams.get(authority) or upstreams.get(host),
            level.is_certain,
            level.keeps_answers,
            file,
            part["line"],
        )
    )


def read_haproxy(file: TextFile, facts: Facts) -> None:
    """Add the lines of HAProxy's configuration that close connections to the servers."""
    mode = {"": "http"}
    section = ""
    lines: list[tuple[str, int, list[str]]] = []
    for row, line in enumerate(file.lines, 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if not words:
            continue
        if words[0] in ("global", "defaults", "frontend", "backend", "listen"):
            section = " ".join(words)
        elif words[0] == "mode" and len(words) > 1:
            mode[section] = words[1]
        elif words[:2] in CLOSING:
            lines.append((section, row, words[:2]))
    for section, row, words in lines:
        if mode.get(section, mode.get("defaults", "http")) != "tcp" and not section.startswith("frontend"):
            facts.closing.append(ClosingOption(" ".join(words), file, row))
