"""Facts as bytes and back, in a format whose reader runs nothing of what it reads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgpack

from fastlint.facts.bodies import SURROGATES, PackedFunction, function_row
from fastlint.facts.model import ClassFacts, Expr, FileFacts, ModuleFacts, Problem, Span
from fastlint.facts.numbering import Numbers, Row, Table, read_table, read_words


def to_bytes(facts: FileFacts) -> bytes | None:
    """Return facts as bytes; None if they are nested deeper than the format allows, or a number is too large."""
    try:
        packed: bytes = msgpack.packb(_row(facts), **SURROGATES)
    except (ValueError, OverflowError, RecursionError):
        return None
    return packed


def from_bytes(data: bytes | memoryview) -> FileFacts | None:
    """Return the facts that `to_bytes` was given; None if it did not make the bytes."""
    try:
        row = msgpack.unpackb(data, use_list=False, **SURROGATES)
        if isinstance(row[0], str):
            return Problem(*row)
        words, table, functions, classes, stars, mentions, imports = row
        words = read_words(words)
        spans, exprs = read_table(table, words)
        return ModuleFacts(
            [PackedFunction(function, words, spans, exprs) for function in functions],
            [_class(cls, words, spans, exprs) for cls in classes],
            [(words[module], level) for module, level in stars],
            frozenset([words[name] for name in mentions]),
            frozenset([(words[module], level, _optional(words, name)) for module, level, name in imports]),
        )
    except (msgpack.UnpackException, ValueError, TypeError, LookupError, AttributeError):
        return None


def _row(facts: FileFacts) -> tuple[Any, ...]:
    if isinstance(facts, Problem):
        return (facts.code, facts.message, facts.row, facts.column)
    words: Numbers[str] = Numbers()
    table = Table(words)
    functions = [function_row(function, table) for function in facts.functions]
    classes = [_class_row(cls, table) for cls in facts.classes]
    stars = [(words[module], level) for module, level in facts.stars]
    mentions = [words[name] for name in sorted(facts.mentions)]
    imports = [
        (words[module], level, name if name is None else words[name]) for module, level, name in facts.imports
    ]
    return ([*words], table.row(), functions, classes, stars, mentions, imports)


def version() -> bytes:
    """Return what facts depend on besides the text that they are of: who makes them."""
    package = Path(__file__).parent
    makers = [*sorted(package.glob("*.py")), package.parent / "sources" / "reading.py"]
    lowering = find_spec("libcst")
    installed = Path(lowering.origin).stat() if lowering is not None and lowering.origin else None
    parts = [sys.version, "" if installed is None else f"{installed.st_mtime_ns} {installed.st_size}"]
    return b"".join((*(part.encode() for part in parts), *(path.read_bytes() for path in makers)))


def _class_row(facts: ClassFacts, table: Table) -> Row:
    words, number = table.words, table.number
    return (
        words[facts.name],
        words[facts.qualname],
        table.spans[facts.span],
        facts.parent,
        [number(base) for base in facts.bases],
        [(name if name is None else words[name], number(value)) for name, value in facts.keywords],
        [number(decorator) for decorator in facts.decorators],
        [
            (words[name], [(time, block, number(value)) for time, block, value in bindings])
            for name, bindings in facts.bindings.items()
        ],
    )


def _class(row: Row, words: Sequence[str], spans: Sequence[Span], exprs: Sequence[Expr]) -> ClassFacts:
    name, qualname, span, parent, bases, keywords, decorators, bindings = row
    return ClassFacts(
        words[name],
        words[qualname],
        spans[span],
        parent,
        [exprs[base] for base in bases],
        [(_optional(words, keyword), exprs[value]) for keyword, value in keywords],
        [exprs[decorator] for decorator in decorators],
        {
            words[bound]: [(time, block, exprs[value]) for time, block, value in values]
            for bound, values in bindings
        },
    )


def _optional(words: Sequence[str], number: int | None) -> str | None:
    return None if number is None else words[number]
