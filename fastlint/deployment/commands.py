"""From command lines to the programs that they start."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastlint.deployment.model import SERVERS

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh"})
QUIET = frozenset({
    "pip", "pip3", "echo", "printf", "pkill", "killall", "pgrep", "which", "apt", "apt-get", "apk", "conda", "rm",
    "cp", "mv", "chmod", "chown", "grep", "kill", "curl", "docker", "docker-compose", "alias", "export", "mamba",
})  # fmt: skip
"""Programs whose arguments start nothing here."""
INSTALLING = frozenset({"install", "add", "sync", "remove", "uninstall"})
OPENING = frozenset({"if", "case", "for", "while", "until"})
CLOSING = frozenset({"fi", "esac", "done"})
BETWEEN = frozenset({"then", "else", "do", "{", "!", "elif"})
TESTS = frozenset({"[", "[[", "test"})


@dataclass(frozen=True, slots=True)
class Command:
    """The words of one command of a shell, and whether a condition governs it."""

    words: tuple[str, ...]
    is_conditional: bool = False


def split(text: str) -> list[Command]:
    """Return the commands on a line of a shell; nothing for one that cannot be split."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    found: list[Command] = []
    words: list[str] = []
    is_governed = False
    try:
        for token in lexer:
            if set(token) <= set(";&|"):
                found.append(Command(tuple(words), is_governed))
                is_governed = token in ("&&", "||") and (is_governed or bool(TESTS.intersection(words[:1])))
                words = []
            else:
                words.append(token)
    except ValueError:
        return []
    found.append(Command(tuple(words), is_governed))
    return [command for command in found if command.words]


def script(text: str) -> Iterator[tuple[Command, int, int]]:
    """Yield the commands of a shell script with their first and last row."""
    depth = 0
    pending: list[str] = []
    first = 1
    for row, line in enumerate(text.split("\n"), 1):
        if not pending:
            first = row
        if line.rstrip().endswith("\\"):
            pending.append(line.rstrip()[:-1])
            continue
        for command in split(" ".join([*pending, line])):
            words = command.words
            while words and words[0] in BETWEEN | OPENING | CLOSING:
                depth += (words[0] in OPENING) - (words[0] in CLOSING)
                words = words[1:]
            if words:
                yield Command(words, command.is_conditional or depth > 0), first, row
        pending = []


def started(words: Sequence[str]) -> Iterator[Command]:
    """Yield the servers, Python programs and scripts that a command starts, without what wraps them."""
    for _ in range(20):
        if words and "=" in words[0] and words[0].partition("=")[0].isidentifier():
            words = words[1:]  # `PORT=80 uvicorn ...`
    if not words or _plain(words[0]) in QUIET or INSTALLING.intersection(words[:3]):
        return
    inner = _inner_command(words)
    if inner is not None:
        for command, _, _ in script(inner):
            for found in started(command.words):
                yield Command(found.words, found.is_conditional or command.is_conditional)
        return
    for position, word in enumerate(words):
        name = _plain(word)
        if name in SERVERS:
            yield Command((name, *words[position + 1 :]))
            return
        if _is_python(name):
            yield from _python(words[position + 1 :])
            return
    for position, word in enumerate(words[:4]):
        if is_script(word):
            yield Command(("script", word, *words[position + 1 :]))
            return


def is_script(word: str) -> bool:
    """Tell whether a word of a command line names a script of a shell."""
    return word.endswith(".sh") or _plain(word) in (
        "start",
        "entrypoint",
        "docker-entrypoint",
        "start-reload",
    )


def _python(arguments: Sequence[str]) -> Iterator[Command]:
    """What `python ...` starts: a module that is a server by its name, else the program itself."""
    for position, word in enumerate(arguments):
        if word == "-m" and position + 1 < len(arguments):
            module = arguments[position + 1]
            if module in SERVERS:
                yield Command((module, *arguments[position + 2 :]))
                return
            break
        if word.endswith(".py"):
            break
    yield Command(("python", *arguments))


def _inner_command(words: Sequence[str]) -> str | None:
    """Return the text that a shell is given: `sh -c "..."`."""
    for position, word in enumerate(words[:8]):
        if _plain(word) in SHELLS:
            for offset, option in enumerate(words[position + 1 :], position + 2):
                if not option.startswith("-"):
                    return None
                if option.endswith("c") and not option.startswith("--") and offset < len(words):
                    return words[offset]
    return None


def _plain(word: str) -> str:
    return word.rpartition("/")[2]


def _is_python(name: str) -> bool:
    version = name.removeprefix("python").replace(".", "")
    return name.startswith("python") and (not version or version.isdigit())
