"""Words, places and expressions as numbers, each once, and back.

The call around a call contains it again, and most expressions are an event as well as a part of another one. So each
expression is a row of its own, in which the numbers of other rows stand for its parts. Read again, what was one object
is one object: who asks for the call that an event is about asks for identity. Words and the numbers in places stand
everywhere; read again, equal ones are one object as well, in whatever file they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain
from sys import intern
from typing import Any, TypeVar

from fastlint.facts.model import UNKNOWN, Expr, Span

Item = TypeVar("Item", bound=Hashable)
Row = tuple[Any, ...]

TAGS = (
    "name", "const", "attr", "call", "sub", "star", "await", "elem", "aelem", "enter", "aenter", "generator",
    "not", "instance", "list", "tuple", "set", "text", "other", "any", "compare", "dict", "item", "binop",
    "except", "typed", "within", "lit", "lambda", "def", "class", "import", "member",
    "string",
)  # fmt: skip
"""The last one stands in rows for a constant that is a string."""
_TAGS = {tag: number for number, tag in enumerate(TAGS)}
_NAME, _ATTR, _CALL, _CONST, _STRING = map(_TAGS.__getitem__, ("name", "attr", "call", "const", "string"))
_NUMBERS = frozenset({"const", "lambda", "def", "class"})
_AROUND_ONE = frozenset({
    "star", "await", "elem", "aelem", "enter", "aenter", "generator", "not", "instance", "item",
})  # fmt: skip
_AROUND_TWO = frozenset({"except", "typed"})
_AROUND_SEVERAL = frozenset({"list", "tuple", "set", "text", "other"})

_SHARED = tuple(range(10_000))


class Numbers(dict[Item, int]):
    """Numbers what it is asked for, in the order in which it is asked."""

    def __missing__(self, item: Item) -> int:
        self[item] = number = len(self)
        return number


class Table:
    """Numbers the expressions and places of some facts; their words have numbers in all of a file."""

    def __init__(self, words: Numbers[str]) -> None:
        self.words = words
        self.spans: Numbers[Span] = Numbers()
        self._rows: list[Row] = []
        self._numbers = {id(UNKNOWN): 0}

    def row(self) -> Row:
        """Return what `read_table` makes all of it from."""
        return [*chain.from_iterable(self.spans)], self._rows

    def optional(self, expr: Expr | None) -> int | None:
        """Return the number of an expression, if there is one."""
        return None if expr is None else self.number(expr)

    def number(self, expr: Expr) -> int:
        """Return the number of an expression, by identity; its row comes after those of its parts."""
        known = self._numbers.get(id(expr))
        if known is not None:
            return known
        number, words, tag = self.number, self.words, expr[0]
        row: Row
        if tag == "name":
            row = (_NAME, words[expr[1]], expr[2], expr[3])
        elif tag == "attr":
            row = (_ATTR, number(expr[1]), words[expr[2]], self.spans[expr[3]])
        elif tag == "call":
            _, base, args, keywords, span = expr
            named = [(name and words[name], number(value)) for name, value in keywords]
            row = (_CALL, number(base), [number(arg) for arg in args], named, self.spans[span])
        elif tag == "const" and isinstance(expr[1], str):
            row = (_STRING, words[expr[1]])
        elif tag in _NUMBERS:
            row = (_TAGS[tag], expr[1])
        elif tag in _AROUND_ONE:
            row = (_TAGS[tag], number(expr[1]), *expr[2:])
        elif tag in _AROUND_SEVERAL:
            row = (_TAGS[tag], [number(part) for part in expr[1]])
        elif tag == "sub":
            row = (_TAGS[tag], number(expr[1]), number(expr[2]), self.spans[expr[3]])
        elif tag == "import":
            _, module, level, name, span = expr
            row = (_TAGS[tag], words[module], level, None if name is None else words[name], self.spans[span])
        elif tag == "any":
            row = (_TAGS[tag], [number(part) for part in expr[1]], *[self.spans[span] for span in expr[2:]])
        elif tag == "compare":
            row = (_TAGS[tag], [number(part) for part in expr[1]], [words[operator] for operator in expr[2]])
        elif tag == "dict":
            row = (_TAGS[tag], [number(part) for part in expr[1]], [number(part) for part in expr[2]])
        elif tag == "binop":
            row = (_TAGS[tag], words[expr[1]], number(expr[2]), number(expr[3]), self.spans[expr[4]])
        elif tag in _AROUND_TWO:
            row = (_TAGS[tag], number(expr[1]), self.optional(expr[2]))
        elif tag == "within":
            row = (_TAGS[tag], expr[1], number(expr[2]))
        elif tag == "member":
            row = (_TAGS[tag], expr[1], words[expr[2]])
        else:
            row = (_TAGS[tag], words[expr[1]])
        self._numbers[id(expr)] = known = len(self._numbers)
        self._rows.append(row)
        return known


def read_words(row: Iterable[str]) -> list[str]:
    """Return the words of a file by their numbers."""
    return list(map(intern, row))


def read_table(row: Row, words: Sequence[str]) -> tuple[list[Span], list[Expr]]:
    """Return the places and the expressions of a table by their numbers."""
    flat, rows = row
    numbers = iter([_SHARED[number] for number in flat] if max(flat, default=0) < len(_SHARED) else flat)
    spans: list[Span] = list(zip(numbers, numbers, numbers, numbers, strict=True))
    return spans, _expressions(rows, words, spans)


def _expressions(rows: Iterable[Row], words: Sequence[str], spans: Sequence[Span]) -> list[Expr]:
    made: list[Expr] = [UNKNOWN]
    for row in rows:
        tag = TAGS[row[0]]
        if tag == "name":
            _, name, time, block = row
            made.append(("name", words[name], time, block))
        elif tag == "string":
            made.append(("const", words[row[1]]))
        elif tag == "attr":
            _, base, name, span = row
            made.append(("attr", made[base], words[name], spans[span]))
        elif tag == "call":
            _, base, args, keywords, span = row
            named = tuple([(None if name is None else words[name], made[value]) for name, value in keywords])
            made.append(("call", made[base], tuple([made[arg] for arg in args]), named, spans[span]))
        elif tag in _NUMBERS:
            made.append((tag, row[1]))
        elif tag in _AROUND_ONE:
            made.append((tag, made[row[1]], *row[2:]))
        elif tag in _AROUND_SEVERAL:
            made.append((tag, tuple([made[part] for part in row[1]])))
        elif tag == "sub":
            made.append(("sub", made[row[1]], made[row[2]], spans[row[3]]))
        elif tag == "import":
            _, module, level, name, span = row
            made.append(("import", words[module], level, None if name is None else words[name], spans[span]))
        elif tag == "any":
            made.append(("any", tuple([made[part] for part in row[1]]), *[spans[span] for span in row[2:]]))
        elif tag == "compare":
            operators = tuple([words[operator] for operator in row[2]])
            made.append(("compare", tuple([made[part] for part in row[1]]), operators))
        elif tag == "dict":
            keys, values = row[1:]
            made.append(
                ("dict", tuple([made[key] for key in keys]), tuple([made[value] for value in values]))
            )
        elif tag == "binop":
            made.append(("binop", words[row[1]], made[row[2]], made[row[3]], spans[row[4]]))
        elif tag in _AROUND_TWO:
            made.append((tag, made[row[1]], None if row[2] is None else made[row[2]]))
        elif tag == "within":
            made.append(("within", row[1], made[row[2]]))
        elif tag == "member":
            made.append(("member", row[1], words[row[2]]))
        else:
            made.append((tag, words[row[1]]))
    return made
