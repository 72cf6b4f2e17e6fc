"""Functions whose bodies stay bytes until somebody looks at them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgpack

from fastlint.facts.model import Expr, FunctionFacts, ModuleFacts, Parameter, Span
from fastlint.facts.numbering import Row, Table, read_table

SURROGATES = {"unicode_errors": "surrogatepass"}
"""Half of a surrogate pair is a legal literal."""

_TABLED = ("bindings", "stores", "events", "blocks", "regions", "returns", "yields")
"""The fields of a body that share expressions."""
BODY = (*_TABLED, "statements")

EVENTS = (
    "call", "drop", "enter", "aenter", "iter", "aiter", "attr", "set", "sub", "setitem", "op",
    "yield", "return", "raise", "break", "continue", "test", "delete", "augment",
)  # fmt: skip
_NUMBERS = {kind: number for number, kind in enumerate(EVENTS)}


class PackedFunction(FunctionFacts):
    """A function whose body stays packed until somebody looks at it; some are never looked at.

    Few ask for statements, which are packed by themselves.
    """

    __slots__ = ("_packed", "_statements", "_words")
    _packed: bytes
    _statements: bytes
    _words: Sequence[str]

    def __init__(
        self, row: Sequence[Any], words: Sequence[str], spans: Sequence[Span], exprs: Sequence[Expr]
    ) -> None:
        (
            name, qualname, span, self.is_async, self.is_generator, self.parent, self.owner, parameters,
            decorators, returns, outer_names, self.has_await, self.is_stub, self.names, self.stored,
            self._packed, self._statements,
        ) = row  # fmt: skip
        self.name, self.qualname, self.span = words[name], words[qualname], spans[span]
        self.parameters = [
            Parameter(
                words[each],
                words[kind],
                None if annotation is None else exprs[annotation],
                None if default is None else exprs[default],
            )
            for each, kind, annotation, default in parameters
        ]
        self.decorators = [exprs[decorator] for decorator in decorators]
        self.returns_annotation = None if returns is None else exprs[returns]
        self.outer_names = [words[each] for each in outer_names]
        self._words = words
        if not isinstance(self._packed, bytes) or not isinstance(self._statements, bytes):
            raise TypeError("no packed body")

    def __getattr__(self, name: str) -> Any:
        """Unpack the body, whose fields are unset until then."""
        if name == "statements":
            self.statements = _read_statements(self._statements)
            self._statements = b""
        elif name in _TABLED:
            for field, value in zip(_TABLED, _read_body(self._packed, self._words), strict=True):
                setattr(self, field, value)
            self._packed, self._words = b"", ()
        else:
            raise AttributeError(name)
        return getattr(self, name)

    @property
    def is_unread(self) -> bool:
        """Whether nobody has looked at the body."""
        return bool(self._packed and self._statements)

    def __eq__(self, other: object) -> bool:
        names = FunctionFacts.__match_args__
        return isinstance(other, FunctionFacts) and all(getattr(self, n) == getattr(other, n) for n in names)


def unread_bodies(facts: ModuleFacts) -> Iterator[int]:
    """Yield the indices of functions whose bodies nobody has looked at."""
    for index, function in enumerate(facts.functions):
        if isinstance(function, PackedFunction) and function.is_unread:
            yield index


def function_row(facts: FunctionFacts, table: Table) -> Row:
    """Return what `PackedFunction` is made from, with a table for what is outside of bodies.

    Raises `ValueError` or `OverflowError` if that is impossible.
    """
    words, number, optional = table.words, table.number, table.optional
    parameters = [
        (words[p.name], words[p.kind], optional(p.annotation), optional(p.default)) for p in facts.parameters
    ]
    return (
        words[facts.name], words[facts.qualname], table.spans[facts.span], facts.is_async, facts.is_generator,
        facts.parent, facts.owner, parameters, [number(decorator) for decorator in facts.decorators],
        optional(facts.returns_annotation), [words[name] for name in facts.outer_names],
        facts.has_await, facts.is_stub, facts.names, facts.stored,
        msgpack.packb(_body_row(facts, Table(words))),
        msgpack.packb([(span,) if span == header else (span, header) for span, header in facts.statements]),
    )  # fmt: skip


def _body_row(facts: FunctionFacts, table: Table) -> Row:
    words, number, spans = table.words, table.number, table.spans
    # What is inside comes before what is around it in events, so that they number most of it without recursion.
    events = [
        (_NUMBERS[kind], number(expr), statement, block, awaited, None if expr[-1] == span else spans[span])
        for kind, expr, statement, block, awaited, span in facts.events
    ]
    fields = (
        [
            (words[name], [(time, block, number(value)) for time, block, value in bindings])
            for name, bindings in facts.bindings.items()
        ],
        [(number(base), words[attribute], number(value)) for base, attribute, value in facts.stores],
        events,
        [(parent, words[kind], number(detail)) for parent, kind, detail in facts.blocks],
        [
            (words[kind], spans[span], number(detail), statement)
            for kind, span, detail, statement in facts.regions
        ],
        [number(value) for value in facts.returns],
        [number(value) for value in facts.yields],
    )
    return (table.row(), *fields)


def _read_body(packed: bytes, words: Sequence[str]) -> Iterator[Any]:
    """Yield the fields of a body, in the order of `_TABLED`."""
    table, bindings, stores, events, blocks, regions, returns, yields = msgpack.unpackb(
        packed, use_list=False
    )
    spans, exprs = read_table(table, words)
    yield {
        words[name]: [(time, block, exprs[number]) for time, block, number in bound]
        for name, bound in bindings
    }
    yield [(exprs[base], words[attribute], exprs[value]) for base, attribute, value in stores]
    yield [
        (
            EVENTS[kind],
            exprs[number],
            statement,
            block,
            awaited,
            exprs[number][-1] if span is None else spans[span],
        )
        for kind, number, statement, block, awaited, span in events
    ]
    yield [(parent, words[kind], exprs[number]) for parent, kind, number in blocks]
    yield [(words[kind], spans[span], exprs[number], statement) for kind, span, number, statement in regions]
    yield [exprs[number] for number in returns]
    yield [exprs[number] for number in yields]


def _read_statements(packed: bytes) -> list[tuple[Span, Span]]:
    rows = msgpack.unpackb(packed, use_list=False)
    return [row if len(row) == 2 else (row[0], row[0]) for row in rows]
