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
        if sum(before in word for word in process.words) != 1:
            raise NoFix(f"`{before}` stands for something else in the command as well")
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


def other_value(process: Process, name: str, value: str, trust: Applicability) -> FixMaker:
    """Return what gives an option of a command another value, or adds the option."""

    def make(files: Files) -> Fix:
        given = process.option(name)
        title = f"Write `{name} {value}`"
        if given is None:
            fix = with_option(process, (name, value), trust)(files)
            return Fix(title, trust, fix.edits)
        source = files.text(process.file.path)
        joined = f"{name}={given}"
        if joined in process.words:
            edit = source.replace(*_place(source, process, joined), f"{name}={value}")
        else:
            start, end = _place_behind(source, _place(source, process, name)[1], given)
            edit = source.replace(start, end, value)
        return Fix(title, trust, (edit,))

    return make


def _place_behind(source: SourceText, offset: int, word: str) -> tuple[int, int]:
    """Return the offsets of the word that follows an option."""
    start = len(source.text) - len(source.text[offset:].lstrip(" \t\"',"))
    if not word or not source.text.startswith(word, start):
        raise NoFix("the option and its value are not written side by side")
    return start, start + len(word)
