"""Words of commands in files that deploy: shells, lists of JSON, items of YAML."""

from __future__ import annotations

from fastlint.diagnostics import Edit
from fastlint.fixes.text import NoFix, SourceText

QUOTES = "\"'"


def without_word(source: SourceText, start: int, end: int) -> Edit:
    """Return the edit that takes a word out of a command, with the quotes, comma or line that belong to it.

    Raises `NoFix` if the word is the command's only one on its line in a way that is not known.
    """
    text = source.text
    if text[start - 1 : start] and text[start - 1] in QUOTES and text[end : end + 1] == text[start - 1]:
        start, end = start - 1, end + 1
    first, last = source.line_start(start), source.line_end(start)
    before, after = text[first:start], text[end:last]
    if before.strip() in ("", "-"):
        return _without_line(source, (first, last), before.strip(), after.strip())
    kept = before.rstrip()
    if kept.endswith(","):
        return source.replace(first + len(kept) - 1, end, "")
    if kept.endswith("[") and after.lstrip().startswith(","):
        return source.replace(start, end + after.index(",") + 1 + _spaces(after[after.index(",") + 1 :]), "")
    if after[:1] and not after[0].isspace() and after[0] not in QUOTES + "]":
        raise NoFix("it is part of a longer word")
    if not before[-1].isspace():
        raise NoFix("it is part of a longer word")
    return source.replace(first + len(kept), end, "")


def _without_line(source: SourceText, line: tuple[int, int], mark: str, rest: str) -> Edit:
    """Return the edit that deletes the line of a word: an item of a list, or a line that continues another."""
    first, last = line
    if mark == "-" and (not rest or rest.startswith("#")) and not _has_neighbour(source, first, last):
        raise NoFix("nothing would be left of the list")
    if rest in ("\\", ",") or (mark == "-" and (not rest or rest.startswith("#"))):
        return source.replace(first, last, "")
    before = source.text[:first].rstrip("\r\n").rstrip()
    if not rest and before.endswith("\\"):
        return source.replace(len(before[:-1].rstrip()), last - _line_end(source.text[first:last]), "")
    if not rest and before.endswith(","):
        return source.replace(len(before) - 1, last - _line_end(source.text[first:last]), "")
    raise NoFix("the word is written in an unusual way")


def _has_neighbour(source: SourceText, first: int, last: int) -> bool:
    """Tell whether the line before or after an item of a list is another item of it."""
    lines = source.text[:first].splitlines()[-1:] + source.text[last:].splitlines()[:1]
    return any(line.startswith(f"{source.indentation(first)}-") for line in lines)


def _line_end(line: str) -> int:
    return len(line) - len(line.rstrip("\r\n"))


def _spaces(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


def with_word(source: SourceText, end: int, words: tuple[str, ...]) -> Edit:
    """Return the edit that adds words to a command behind the one that ends at an offset, written alike."""
    text = source.text
    quote = text[end : end + 1] if text[end : end + 1] in ('"', "'") else ""
    end += len(quote)
    first, last = source.line_start(end), source.line_end(end)
    line = text[first:end]
    if line.lstrip().startswith("- ") and len(line.split()) == 2 and not text[end:last].strip():
        indent = source.indentation(end)
        if last == len(text) and not text.endswith(("\n", "\r")):
            raise NoFix("the file ends without a line end")
        return source.insert(
            last, "".join(f"{indent}- {quote}{word}{quote}{source.newline}" for word in words)
        )
    if quote and "[" in line:
        return source.insert(end, "".join(f", {quote}{word}{quote}" for word in words))
    if quote:
        raise NoFix("the command is quoted in a way that is not known")
    return source.insert(end, "".join(f" {word}" for word in words))
