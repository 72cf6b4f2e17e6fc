"""Procfiles, units of systemd, sections of supervisor, scripts, and the configuration of gunicorn."""

from __future__ import annotations

import ast
import configparser
import shlex
from collections.abc import Mapping

from fastlint.deployment.commands import script, split, started
from fastlint.deployment.model import (
    OTHER_USE,
    Facts,
    GunicornSettings,
    Process,
    TextFile,
    Variable,
    words_of,
)


def read_procfile(file: TextFile, facts: Facts) -> None:
    """Add the processes of a Procfile: `web: uvicorn app.main:app`."""
    for row, line in enumerate(file.lines, 1):
        name, colon, text = line.partition(":")
        if not colon or not name.strip().replace("-", "").replace("_", "").isalnum():
            continue
        for command in split(text):
            for found in started(command.words):
                facts.processes.append(
                    Process(
                        found.words,
                        file,
                        ((row, row),),
                        for_development=file.is_for_development or bool(words_of(name) & OTHER_USE),
                        is_conditional=found.is_conditional or command.is_conditional,
                    )
                )


def read_unit(file: TextFile, facts: Facts) -> None:
    """Add what a unit of systemd starts."""
    sections = _sections(file.text)
    service = sections.get("Service", [])
    environment: dict[str, Variable] = {}
    for key, value, row, _ in service:
        if key == "Environment":
            try:
                pairs = shlex.split(value)
            except ValueError:
                continue
            for pair in pairs:
                name, sign, text = pair.partition("=")
                if sign:
                    environment[name] = Variable(name, text, file, row, file.is_for_development)
    facts.variables += environment.values()
    for key, value, row, last in service:
        if key == "ExecStart":
            _add_line(value.lstrip("@-:+!"), (row, last), environment, file, facts)


def read_supervisor(file: TextFile, facts: Facts) -> None:
    """Add the programs of supervisor's configuration."""
    for name, lines in _sections(file.text).items():
        if not name.startswith("program:"):
            continue
        environment: dict[str, Variable] = {}
        for key, value, row, _ in lines:
            if key == "environment":
                for pair in value.split(","):
                    variable, sign, text = pair.strip().partition("=")
                    if sign:
                        environment[variable] = Variable(variable, text.strip("\"'"), file, row)
        facts.variables += environment.values()
        for key, value, row, last in lines:
            if key == "command":
                _add_line(value, (row, last), environment, file, facts)


def _add_line(
    text: str, rows: tuple[int, int], environment: Mapping[str, Variable], file: TextFile, facts: Facts
) -> None:
    for command in split(text):
        for found in started(command.words):
            is_conditional = found.is_conditional or command.is_conditional
            facts.processes.append(
                Process(found.words, file, (rows,), environment, file.is_for_development, is_conditional)
            )


def _sections(text: str) -> dict[str, list[tuple[str, str, int, int]]]:
    """Return (key, value, first row, last row) of the lines of each section.

    `configparser` knows neither rows nor keys that occur twice, as `Environment` does, so it is given one
    option at a time.
    """
    found: dict[str, list[tuple[str, str, int, int]]] = {}
    section = ""
    pending: list[str] = []
    first = 1
    for row, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not pending:
            first = row
            if not stripped or stripped[0] in "#;":
                continue
            if stripped.startswith("[") and stripped.endswith("]"):
                section = stripped[1:-1].strip()
                continue
        if stripped.endswith("\\"):
            pending.append(stripped[:-1])
            continue
        option = _option(" ".join([*pending, stripped]))
        pending = []
        if option is not None:
            found.setdefault(section, []).append((*option, first, row))
    return found


def _option(line: str) -> tuple[str, str] | None:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(f"[one]\n{line}\n")
        items = parser.items("one")
    except configparser.Error:
        return None
    return (items[0][0], items[0][1]) if len(items) == 1 and items[0][1] is not None else None


def read_script(file: TextFile, caller: Process, facts: Facts) -> list[Process]:
    """Return what a script starts that a process runs, in the environment of that process."""
    found = []
    environment = dict(caller.environment)
    for command, first, last in script(file.text):
        words = command.words[1:] if command.words[0] in ("export", "exec") else command.words
        if words and "=" in words[0] and len(words) == 1:
            name, _, value = words[0].partition("=")
            environment[name] = Variable(name, value, file, first, caller.for_development)
            continue
        for inner in started(words):
            found.append(
                Process(
                    inner.words,
                    file,
                    ((first, last),),
                    environment,
                    caller.for_development or file.is_for_development,
                    inner.is_conditional or command.is_conditional or caller.is_conditional,
                    caller.service,
                )
            )
    facts.variables += [v for v in environment.values() if v.file is file]
    return found


def read_gunicorn(file: TextFile, facts: Facts) -> None:
    """Add the settings that a configuration file of gunicorn assigns."""
    try:
        tree = ast.parse(file.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    values: dict[str, tuple[object, tuple[int, int, int, int]]] = {}
    for node in ast.walk(tree):
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign):
                value = node.value.value if isinstance(node.value, ast.Constant) else None
                end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
                values[target.id] = (value, (node.lineno, node.col_offset, *end))
    facts.gunicorn.append(GunicornSettings(file, values))
