"""Fixes of commands that start servers: words that go, come or change."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.deployment.model import Process
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix, SourceText
from fastlint.fixes.words import with_word, without_word


def without_option(process: Process, name: str, value: str, trust: Applicability) -> FixMaker:
    """Return what takes an option out of the command of a process, with its value if it has one."""

    def make(files: Files) -> Fix:
        source = files.text(process.file.path)
        joined = f"{name}={value}" if value else name
        if value and joined not in process.words:
            edits = list(_of_two_words(source, process, name, value))
        else:
            edits = [without_word(source, *_place(source, process, joined))]
        return Fix(f"Remove `{name} {value}`" if value else f"Remove `{name}`", trust, tuple(edits))

    return make


def with_option(process: Process, words: tuple[str, ...], trust: Applicability) -> FixMaker:
    """Return what adds an option to the command of a process, behind the application."""

    def make(files: Files) -> Fix:
        source = files.text(process.file.path)
        target = process.target
        if target is None:
            raise NoFix("the command does not name the application")
        end = _place(source, process, target)[1]
        return Fix(f"Add `{' '.join(words)}`", trust, (with_word(source, end, words),))

    return make


def other_word(process: Process, before: str, after: str, trust: Applicability) -> FixMaker:
    """Return what writes another word in the command of a process."""

    def make(files: Files) -> Fix:
        source = files.text(process.file.path)
        edit = source.replace(*_place(source, process, before), after)
        return Fix(f"Write `{after}`", trust, (edit,))

    return make


def _of_two_words(source: SourceText, process: Process, name: str, value: str) -> Iterator[Edit]:
    """Yield the edits that take out an option and the value behind it."""
    start, middle = _place(source, process, name)
    gap = source.text[middle:].lstrip(" \t\"',")
    end = len(source.text) - len(gap)
    if not gap.startswith(value):
        raise NoFix("the option and its value are not written side by side")
    first = without_word(source, start, middle)
    second = without_word(source, end, end + len(value))
    if first.end > second.start:
        raise NoFix("the option is the first word of the command")
    yield from (first, second)


def _place(source: SourceText, process: Process, word: str) -> tuple[int, int]:
    """Return the offsets of a word of a command. Raises `NoFix` if it is not written so."""
    start, end = source.bounds(process.span(word))
    if source.text[start:end] != word:
        raise NoFix(f"`{word}` is not written in the command")
    return start, end
