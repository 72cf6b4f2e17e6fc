"""The bodies of functions as bytes: each expression once, and unpacked when somebody looks at the function.

The call around a call contains it again, and most expressions are an event as well as a part of another
one. So a packed body holds each expression as a row of its own, in which the numbers of other rows stand for
its parts. Unpacked, what was one object is one object again: who asks for the call that an event is about
asks for identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import msgpack

from fastlint.facts.model import UNKNOWN, Expr, FunctionFacts, ModuleFacts, Parameter

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

TAGS = (
    "name", "const", "attr", "call", "sub", "star", "await", "elem", "aelem", "enter", "aenter", "generator",
    "not", "instance", "list", "tuple", "set", "text", "other", "any", "compare", "dict", "item", "binop",
    "except", "typed", "within", "lit", "lambda", "def", "class", "import", "member",
)  # fmt: skip
_TAGS = {tag: number for number, tag in enumerate(TAGS)}
_NAME, _ATTR, _CALL = _TAGS["name"], _TAGS["attr"], _TAGS["call"]
_ALONE = frozenset({"name", "const", "lit", "lambda", "def", "class", "import", "member"})
"""What has no parts."""
_AROUND_ONE = frozenset({
    "attr", "star", "await", "elem", "aelem", "enter", "aenter", "generator", "not", "instance", "item",
})  # fmt: skip
_AROUND_TWO = frozenset({"sub", "except", "typed"})
_AROUND_SEVERAL = frozenset({"list", "tuple", "set", "text", "other", "any", "compare"})


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
    rows: list[tuple[Any, ...]] = []
    number = _numbering(rows)
    # What is inside comes before what is around it in events, so that they number most of it without recursion.
    events = [
        (_NUMBERS[kind], number(expr), statement, block, awaited, None if expr[-1] == span else span)
        for kind, expr, statement, block, awaited, span in facts.events
    ]
    return [
        rows,
        {
            name: [(time, block, number(value)) for time, block, value in bindings]
            for name, bindings in facts.bindings.items()
        },
        [(number(base), attribute, number(value)) for base, attribute, value in facts.stores],
        events,
        [(span,) if span == header else (span, header) for span, header in facts.statements],
        [(parent, kind, number(detail)) for parent, kind, detail in facts.blocks],
        [(kind, span, number(detail), statement) for kind, span, detail, statement in facts.regions],
        [number(value) for value in facts.returns],
        [number(value) for value in facts.yields],
    ]


def _numbering(rows: list[tuple[Any, ...]]) -> Callable[[Expr], int]:
    """Return what numbers expressions, by identity, and adds the rows of new ones, after those of their parts."""
    numbers = {id(UNKNOWN): 0}

    def number(expr: Expr) -> int:
        known = numbers.get(id(expr))
        if known is not None:
            return known
        tag = expr[0]
        row: tuple[Any, ...]
        if tag == "name":
            row = (_NAME, expr[1], expr[2], expr[3])
        elif tag == "attr":
            row = (_ATTR, number(expr[1]), expr[2], expr[3])
        elif tag == "call":
            _, base, args, keywords, span = expr
            named = [(name, number(value)) for name, value in keywords]
            row = (_CALL, number(base), [number(arg) for arg in args], named, span)
        elif tag in _ALONE:
            row = (_TAGS[tag], *expr[1:])
        elif tag in _AROUND_ONE:
            row = (_TAGS[tag], number(expr[1]), *expr[2:])
        elif tag in _AROUND_SEVERAL:
            row = (_TAGS[tag], [number(part) for part in expr[1]], *expr[2:])
        elif tag in _AROUND_TWO:
            row = (_TAGS[tag], number(expr[1]), None if expr[2] is None else number(expr[2]), *expr[3:])
        elif tag == "binop":
            row = (_TAGS[tag], expr[1], number(expr[2]), number(expr[3]), expr[4])
        elif tag == "dict":
            row = (_TAGS[tag], [number(part) for part in expr[1]], [number(part) for part in expr[2]])
        else:
            row = (_TAGS[tag], expr[1], number(expr[2]))
        numbers[id(expr)] = new = len(numbers)
        rows.append(row)
        return new

    return number


def _unpack_body(packed: bytes) -> Iterable[Any]:
    """Yield the fields of a body, in the order of `BODY`."""
    rows, bindings, stores, events, statements, blocks, regions, returns, yields = msgpack.unpackb(
        packed, use_list=False, **SURROGATES
    )
    exprs = _expressions(rows)
    yield {
        name: [(time, block, exprs[number]) for time, block, number in bound]
        for name, bound in bindings.items()
    }
    yield [(exprs[base], attribute, exprs[value]) for base, attribute, value in stores]
    yield [
        (EVENTS[kind], exprs[number], statement, block, awaited, exprs[number][-1] if span is None else span)
        for kind, number, statement, block, awaited, span in events
    ]
    yield [row if len(row) == 2 else (row[0], row[0]) for row in statements]
    yield [(parent, kind, exprs[number]) for parent, kind, number in blocks]
    yield [(kind, span, exprs[number], statement) for kind, span, number, statement in regions]
    yield [exprs[number] for number in returns]
    yield [exprs[number] for number in yields]


def _expressions(rows: Iterable[tuple[Any, ...]]) -> list[Expr]:
    """Return the expressions that rows are of, by their numbers."""
    made: list[Expr] = [UNKNOWN]
    for row in rows:
        tag = TAGS[row[0]]
        if tag == "name":
            _, name, time, block = row
            made.append(("name", name, time, block))
        elif tag == "attr":
            _, base, name, span = row
            made.append(("attr", made[base], name, span))
        elif tag == "call":
            _, base, args, keywords, span = row
            named = tuple([(name, made[value]) for name, value in keywords])
            made.append(("call", made[base], tuple([made[arg] for arg in args]), named, span))
        elif tag in _ALONE:
            made.append((tag, *row[1:]))
        elif tag in _AROUND_ONE:
            made.append((tag, made[row[1]], *row[2:]))
        elif tag in _AROUND_SEVERAL:
            made.append((tag, tuple([made[part] for part in row[1]]), *row[2:]))
        elif tag in _AROUND_TWO:
            made.append((tag, made[row[1]], None if row[2] is None else made[row[2]], *row[3:]))
        elif tag == "binop":
            _, operator, left, right, span = row
            made.append(("binop", operator, made[left], made[right], span))
        elif tag == "dict":
            made.append(
                ("dict", tuple([made[key] for key in row[1]]), tuple([made[value] for value in row[2]]))
            )
        else:
            made.append((tag, row[1], made[row[2]]))
    return made
