"""The bodies of functions as bytes: each expression once, and unpacked when somebody looks at the function.

The call around a call contains it again, and most expressions are an event as well as a part of another
one. So a packed body holds its outermost expressions, and everything else says where in these it is.
Unpacked, what was one object is one object again: who asks for the call that an event is about asks for
identity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import msgpack

from fastlint.facts.model import UNKNOWN, Event, Expr, FunctionFacts, ModuleFacts, Parameter, Statement

SURROGATES = {"unicode_errors": "surrogatepass"}
"""Half of a surrogate pair is a legal literal."""

BODY = ("bindings", "stores", "events", "statements", "blocks", "regions", "returns", "yields")
HEADING = tuple(field.name for field in fields(FunctionFacts) if field.name not in BODY)
_PARAMETERS, _LISTS = HEADING.index("parameters"), [HEADING.index("decorators"), HEADING.index("outer_names")]

EVENTS = (
    "call", "drop", "enter", "aenter", "iter", "aiter", "attr", "set", "sub", "setitem", "op",
    "yield", "return", "raise", "break", "continue", "test", "delete", "augment",
)  # fmt: skip
_NUMBERS = {kind: number for number, kind in enumerate(EVENTS)}

Place = int | tuple[int, ...]
"""Where an expression is: the number of an outermost one, and the indices that lead down from there."""
_NOWHERE = -1
"""The place of `UNKNOWN`."""

Patch = tuple[int, tuple[int, ...], int]
"""(outermost, way, other): what is there in one outermost expression is another of them."""


class PackedFunction(FunctionFacts):
    """A function whose body stays packed until somebody looks at it; most are never looked at."""

    __slots__ = ("_packed",)
    _packed: bytes

    def __init__(self, row: Sequence[Any]) -> None:
        *heading, self._packed = row
        heading[_PARAMETERS] = [Parameter(*parameter) for parameter in heading[_PARAMETERS]]
        for place in _LISTS:
            heading[place] = list(heading[place])
        for name, value in zip(HEADING, heading, strict=True):
            setattr(self, name, value)
        if not isinstance(self._packed, bytes):
            raise TypeError("no packed body")

    def __getattr__(self, name: str) -> Any:
        """Unpack the body, whose fields are unset until then."""
        if name not in BODY:
            raise AttributeError(name)
        for field, value in zip(BODY, _unpack_body(self._packed), strict=True):
            setattr(self, field, value)
        self._packed = b""
        return getattr(self, name)

    @property
    def is_unread(self) -> bool:
        """Whether nobody has looked at the body."""
        return bool(self._packed)

    def __eq__(self, other: object) -> bool:
        names = (*HEADING, *BODY)
        return isinstance(other, FunctionFacts) and all(getattr(self, n) == getattr(other, n) for n in names)


def unread_bodies(facts: ModuleFacts) -> Iterator[int]:
    """Yield the indices of functions whose bodies nobody has looked at."""
    for index, function in enumerate(facts.functions):
        if isinstance(function, PackedFunction) and function.is_unread:
            yield index


def function_row(facts: FunctionFacts) -> list[Any]:
    """Return what `PackedFunction` is made from. Raises `ValueError` or `OverflowError` if that is impossible."""
    heading = [getattr(facts, name) for name in HEADING]
    heading[_PARAMETERS] = [(p.name, p.kind, p.annotation, p.default) for p in facts.parameters]
    return [*heading, msgpack.packb(_body_row(facts), **SURROGATES)]


def _body_row(facts: FunctionFacts) -> list[Any]:
    outermost, patches, place = _places(_expressions(facts))
    return [
        outermost,
        patches,
        {
            name: [(time, block, place[id(value)]) for time, block, value in bindings]
            for name, bindings in facts.bindings.items()
        },
        [(place[id(base)], attribute, place[id(value)]) for base, attribute, value in facts.stores],
        [
            (_NUMBERS[kind], place[id(expr)], *numbers, None if _ends_with(expr, span) else span)
            for kind, expr, *numbers, span in facts.events
        ],
        [(span,) if span == header else (span, header) for span, header in facts.statements],
        [(parent, kind, place[id(detail)]) for parent, kind, detail in facts.blocks],
        [(kind, span, place[id(detail)], statement) for kind, span, detail, statement in facts.regions],
        [place[id(value)] for value in facts.returns],
        [place[id(value)] for value in facts.yields],
    ]


def _unpack_body(packed: bytes) -> Iterable[Any]:
    """Yield the fields of a body, in the order of `BODY`."""
    unpacked, patches, bindings, stores, events, statements, blocks, regions, returns, yields = (
        msgpack.unpackb(packed, use_list=False, **SURROGATES)
    )
    outermost: list[Expr] = list(unpacked)
    for number, way, other in patches:
        outermost[number] = _replaced(outermost[number], way, outermost[other])

    def at(place: Place) -> Expr:
        if type(place) is int:
            return outermost[place] if place >= 0 else UNKNOWN
        expr: Any = outermost
        for index in place:  # type: ignore[union-attr]
            expr = expr[index]
        return expr  # type: ignore[no-any-return]

    def event(kind: int, place: Place, statement: int, block: int, awaited: int, span: Any) -> Event:
        expr = at(place)
        return (EVENTS[kind], expr, statement, block, awaited, expr[-1] if span is None else span)

    def statement(span: Any, header: Any = None) -> Statement:
        return (span, span if header is None else header)

    yield {
        name: [(time, block, at(place)) for time, block, place in bound] for name, bound in bindings.items()
    }
    yield [(at(base), attribute, at(value)) for base, attribute, value in stores]
    yield [event(*row) for row in events]
    yield [statement(*row) for row in statements]
    yield [(parent, kind, at(place)) for parent, kind, place in blocks]
    yield [(kind, span, at(place), statement) for kind, span, place, statement in regions]
    yield list(map(at, returns))
    yield list(map(at, yields))


def _replaced(expr: Expr, way: tuple[int, ...], part: Expr) -> Expr:
    """Return an expression with another part at the end of a way."""
    if not way:
        return part
    index = way[0]
    return (*expr[:index], _replaced(expr[index], way[1:], part), *expr[index + 1 :])


def _ends_with(expr: Expr, span: object) -> bool:
    return bool(expr[-1] == span)


def _expressions(facts: FunctionFacts) -> Iterable[Expr]:
    """Yield the expressions that a body refers to."""
    for bindings in facts.bindings.values():
        yield from (value for _, _, value in bindings)
    for base, _, value in facts.stores:
        yield base
        yield value
    yield from (event[1] for event in facts.events)
    yield from (detail for _, _, detail in facts.blocks)
    yield from (region[2] for region in facts.regions)
    yield from facts.returns
    yield from facts.yields


def _places(exprs: Iterable[Expr]) -> tuple[list[Expr], list[Patch], dict[int, Place]]:
    """Return the outermost of the expressions, how they share parts, and where each of them is, by identity.

    What is part of several others, as the value that `a, b = value` unpacks, counts as outermost as well.
    """
    wanted = {id(expr): expr for expr in exprs}
    uses = _uses(wanted.values())
    shared = {key for key, count in uses.items() if count > 1}
    outermost: list[Expr] = []
    patches: list[Patch] = []
    places: dict[int, Place] = {id(UNKNOWN): _NOWHERE}

    def add(root: Expr) -> int:
        """Number an outermost expression, after those that it shares with others."""
        patched: list[tuple[tuple[int, ...], Expr]] = []
        inside: list[tuple[Expr, tuple[int, ...]]] = []
        below: list[tuple[Expr, tuple[int, ...]]] = [(root, ())]
        while below:
            expr, way = below.pop()
            for index, part in enumerate(expr):
                if _is_expression(part):
                    here = (*way, index)
                    if id(part) in shared:
                        patched.append((here, part))
                        continue
                    if id(part) in wanted:
                        inside.append((part, here))
                    below.append((part, here))
        numbers = [(here, number_of(part)) for here, part in patched]
        outermost.append(root)
        number = len(outermost) - 1
        places[id(root)] = number
        places.update((id(part), (number, *here)) for part, here in inside)
        patches.extend((number, here, other) for here, other in numbers)
        return number

    def number_of(root: Expr) -> int:
        place = places.get(id(root))
        return place if isinstance(place, int) else add(root)

    for key, expr in wanted.items():
        if expr is not UNKNOWN and (key in shared or key not in uses):
            number_of(expr)
    return outermost, patches, places


def _uses(exprs: Iterable[Expr]) -> Counter[int]:
    """Return by identity how many times expressions and their parts are part of another one."""
    uses: Counter[int] = Counter()
    seen: set[int] = set()
    for expr in exprs:
        pending = [] if id(expr) in seen else [expr]
        seen.add(id(expr))
        while pending:
            for part in pending.pop():
                if _is_expression(part):
                    uses[id(part)] += 1
                    if id(part) not in seen:
                        seen.add(id(part))
                        pending.append(part)
    return uses


def _is_expression(part: object) -> bool:
    """Tell whether something in an expression is one, or a tuple of some: not a span, nor what means nothing."""
    return type(part) is tuple and bool(part) and type(part[0]) is not int and part is not UNKNOWN
