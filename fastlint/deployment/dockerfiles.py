"""Dockerfiles: what the last stage starts, what it sets and installs."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastlint.deployment.commands import split, started
from fastlint.deployment.model import (
    OTHER_USE,
    Facts,
    Image,
    Installed,
    Process,
    TextFile,
    Variable,
    words_of,
)

Rows = tuple[int, int]


@dataclass(slots=True)
class _Stage:
    name: str = ""
    environment: dict[str, Variable] = field(default_factory=dict)
    entrypoint: tuple[list[str], Rows] | None = None
    command: tuple[list[str], Rows] | None = None
    is_base: bool = False
    """Whether a later stage is built on it."""


def read(file: TextFile, facts: Facts) -> None:
    """Add what a Dockerfile says."""
    stages: list[_Stage] = []
    by_name: dict[str, _Stage] = {}
    for instruction, value, rows in _instructions(file.text):
        if instruction == "FROM":
            words = [word for word in value.split() if not word.startswith("--")]
            if not words:
                continue
            stage = _Stage(words[2].lower() if len(words) > 2 else "")
            base = by_name.get(words[0].lower())
            if base is not None:
                base.is_base = True
                stage.environment = dict(base.environment)
                stage.entrypoint, stage.command = base.entrypoint, base.command
            else:
                facts.images.append(image(words[0], file, rows[0]))
            stages.append(stage)
            by_name[stage.name] = stage
        elif not stages:
            continue
        elif instruction == "ENV":
            for name, text in _assignments(value):
                variable = Variable(name, text, file, _row_of(file, name, rows), file.is_for_development)
                stages[-1].environment[name] = variable
        elif instruction == "CMD":
            stages[-1].command = (_words(value), rows)
        elif instruction == "ENTRYPOINT":
            stages[-1].entrypoint, stages[-1].command = (_words(value), rows), None
        elif instruction == "RUN":
            for command in split(value):
                _add_installed(command.words, file, rows, facts)
    for stage in stages:
        is_last = stage is stages[-1]
        for_development = file.is_for_development or bool(words_of(stage.name) & OTHER_USE)
        if is_last or not stage.is_base:
            facts.variables += stage.environment.values()
            facts.processes += _processes(stage, file, for_development)


def image(text: str, file: TextFile, row: int) -> Image:
    """Return the image that a reference such as `docker.io/library/nginx:1.27@sha256:...` names."""
    reference = text.partition("@")[0]
    head, slash, last = reference.rpartition("/")
    name, _, tag = last.partition(":")
    owner = head.rpartition("/")[2]
    return Image(
        f"{owner}/{name}" if slash and "." not in owner and owner != "library" else name, tag, file, row
    )


def _processes(stage: _Stage, file: TextFile, for_development: bool) -> Iterator[Process]:
    entrypoint, command = stage.entrypoint, stage.command
    words = [*(entrypoint[0] if entrypoint else ()), *(command[0] if command else ())]
    rows = tuple(part[1] for part in (command, entrypoint) if part)
    if entrypoint and entrypoint[0][:2] == ["/bin/sh", "-c"]:
        words, rows = entrypoint[0], (entrypoint[1],)  # a shell ignores the arguments
    for found in started(words):
        yield Process(found.words, file, rows, stage.environment, for_development, found.is_conditional)


def _instructions(text: str) -> Iterator[tuple[str, str, Rows]]:
    """Yield (instruction, value, rows) of a Dockerfile, without what here-documents hold."""
    from dockerfile_parse import DockerfileParser

    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()))
    structure: list[dict[str, Any]] = parser.structure
    waiting_for = ""
    for part in structure:
        if waiting_for:
            if part["content"].strip() == waiting_for:
                waiting_for = ""
            continue
        value = str(part["value"] or "")
        if part["instruction"] in ("RUN", "COPY") and "<<" in value:
            word = value.partition("<<")[2].split()[:1]
            waiting_for = _terminator(word[0].strip("-\"'") if word else "", text, part["endline"])
        yield part["instruction"], value, (part["startline"] + 1, part["endline"] + 1)


def _terminator(word: str, text: str, after: int) -> str:
    """Return the word that ends a here-document, if a later line consists of it."""
    return word if word and word in (line.strip() for line in text.split("\n")[after + 1 :]) else ""


def _words(value: str) -> list[str]:
    """Return the words of `CMD` or `ENTRYPOINT`, in the form of a list or of a shell's line."""
    value = value.strip()
    if value.startswith("["):
        try:
            words = json.loads(value)
        except (ValueError, RecursionError):
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
    return ["/bin/sh", "-c", value] if value else []


def _assignments(value: str) -> Iterator[tuple[str, str]]:
    """Yield what `ENV` sets, in its new form (`A=1 B=2`) and its old one (`A 1`)."""
    try:
        words = shlex.split(value)
    except ValueError:
        return
    if words and "=" not in words[0]:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        name, sign, text = word.partition("=")
        if sign:
            yield name, text


def _row_of(file: TextFile, word: str, rows: Rows) -> int:
    return file.span(word, [rows])[0]


def _add_installed(words: tuple[str, ...], file: TextFile, rows: Rows, facts: Facts) -> None:
    if "install" in words[:4] or "add" in words[:3]:
        for word in words:
            if word[:1].isalpha():
                facts.installed.append(Installed(word, file, _row_of(file, word, rows)))
