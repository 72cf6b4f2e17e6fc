"""The facts of one file: plain data without references to other files or to a syntax tree.

An expression is a tuple whose first item is its tag:

    ("name", id, time, block)            a name, and where it is used (see `Binding`)
    ("attr", base, attribute, span)      base.attribute
    ("call", base, args, keywords, span) base(*args, **keywords); a keyword is (name or None, expression)
    ("star", expression)                 *expression among arguments or elements
    ("const", value)                     a string, integer, boolean or None
    ("lit", type)                        another literal of a builtin type ("bytes", "float", "str", ...)
    ("await", expression)
    ("list" | "tuple" | "set", elements)
    ("dict", keys, values)
    ("generator", element)               a generator expression
    ("sub", base, index, span)
    ("any", expressions)                 one of several: `a or b`, `a if c else b`; with a span, the annotation `A | B`
    ("not", expression)
    ("binop", operator, left, right, span)
    ("text", parts)                      an f-string: its pieces and what is written between them
    ("compare", parts, operators)        a comparison, what is compared and how ("Eq", "Is", ...)
    ("other", parts)                     another operation, and what it is made of
    ("lambda", function)                 index into ModuleFacts.functions
    ("def", function)  ("class", class)  indices as well
    ("import", module, level, name, span)  `from module import name`; name is None for `import module`
    ("elem" | "aelem", expression)       what (async) iteration yields
    ("enter" | "aenter", expression)     what `with` binds
    ("item", expression, index)          an element of an unpacked value
    ("instance", expression)             an instance of that class: `except E as e`, isinstance()
    ("except", expression, class)        what is left of it when isinstance() said no
    ("typed", annotation, value or None)
    ("member", class, id)                a name that the class body around it binds
    ("within", function, expression)     evaluated in another function: `global x; x = ...`
    ("unknown",)

A span is (row, column, end row, end column): rows from 1, columns from 0 in UTF-8 bytes, as in `ast`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Expr = tuple[Any, ...]
Span = tuple[int, int, int, int]

UNKNOWN: Expr = ("unknown",)
WHOLE_FILE: Span = (1, 0, 1, 0)
"""In place of the span of a module's body."""

Binding = tuple[int, int, Expr]
"""(time, block, value): a name is bound to the value at that point of the function.

Times count the statements of a function in source order; blocks are indices into
`FunctionFacts.blocks`. A binding reaches a use that comes later in the same block or in one inside it.
"""

Event = tuple[str, Expr, int, int, int, Span]
"""(kind, expression, statement, block, awaited, span): something that runs.

Kinds: "call", "drop" (a call whose value is thrown away), "enter" and "aenter" (`with`), "iter" and
"aiter" (`for`), "attr" and "set" (an attribute is read, is set), "sub" and "setitem" (base[index]), "op"
(an operator); and those of `FLOW`.
"""

FLOW = frozenset({"yield", "return", "raise", "break", "continue", "test", "delete", "augment"})
"""Kinds of events that run nothing but direct what runs; "test" is the condition of `if`, `while`, `assert`,
"delete" what `del` takes away, "augment" the attribute or item that `+=` and the like change."""

NOT_AWAITED, DIRECTLY, INSIDE = 0, 1, 2
"""How a call is awaited: not, by an `await` (or `async with`, `async for`) of its own, or as part of an
awaited expression (`await gather(f(), g())`)."""

Block = tuple[int, str, Expr]
"""(parent, kind, detail): kind is "" (a branch; the detail is its condition, if that is known), "loop" (`for`; the detail is what is iterated), "while" (its
condition), or "once" for code that a guard keeps from running on each request:
`if _client is None`, `except RuntimeError` after asking for the running loop, a generator not yet consumed.
"fills x,y" means once as well if what is called there sets x or y: `if not self._data: self.reload()`."""

Region = tuple[str, Span, Expr, int]
"""(kind, span, detail, statement): a stretch of the body that something around it governs.

Kinds: "with" and "async with" (the body; the detail is the context manager, one region for each), "try"
(what is guarded), "except" (a handler; what it catches, unknown if that is everything), "else",
"finally". Parts of one `try` share its statement. Events are inside if their spans are.
"""

Statement = tuple[Span, Span]
"""The span of a statement and of its header (all of it, for a simple statement)."""


@dataclass(slots=True)
class Parameter:
    """A parameter: kind is one of "positional", "keyword", "args", "kwargs"."""

    name: str
    kind: str
    annotation: Expr | None
    default: Expr | None


@dataclass(slots=True)
class FunctionFacts:
    """A function, a lambda, or (index 0) the body of the module."""

    name: str
    qualname: str
    span: Span
    is_async: bool
    is_generator: bool
    parent: int
    """Index of the enclosing function; 0 is the module, -1 for the module itself."""
    owner: int
    """Index of the class whose body holds it, or -1."""
    parameters: list[Parameter]
    decorators: list[Expr]
    returns_annotation: Expr | None
    bindings: dict[str, list[Binding]]
    stores: list[tuple[Expr, str, Expr]]
    """Attributes that are set: (base, attribute, value); "[]" for items, "[+]" for `append` and the like."""
    events: list[Event]
    statements: list[Statement]
    blocks: list[Block]
    regions: list[Region]
    returns: list[Expr]
    yields: list[Expr]
    outer_names: list[str]
    """Names declared global or nonlocal."""
    has_await: bool
    is_stub: bool
    """The body is only `...`, `pass`, a docstring or `raise NotImplementedError`."""
    names: str = ""
    """Every name, attribute and keyword in its heading and body, each once, separated by spaces.

    So are the parts of texts that are dotted names, and the name of its class, if it names `cls`.
    """
    stored: str = ""
    """The names of attributes that it sets or deletes, and of what it puts items into, in the same form."""


@dataclass(slots=True)
class ClassFacts:
    """A class: its bases and what its body binds."""

    name: str
    qualname: str
    span: Span
    parent: int
    """Index of the enclosing function; 0 is the module."""
    bases: list[Expr]
    keywords: list[tuple[str | None, Expr]]
    decorators: list[Expr]
    bindings: dict[str, list[Binding]]


@dataclass(slots=True)
class ModuleFacts:
    """Everything the later stages know about one file."""

    functions: list[FunctionFacts]
    classes: list[ClassFacts]
    stars: list[tuple[str, int]]
    """Star imports: (module, level)."""
    mentions: frozenset[str]
    """Every name and attribute that the file reads."""
    imports: frozenset[tuple[str, int, str | None]]
    """What it imports, star imports included: (module, level, name), as in the expression."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be understood: which rule says so, why, and where if that is known."""

    code: str
    message: str
    row: int = 1
    column: int = 1


FileFacts = ModuleFacts | Problem
