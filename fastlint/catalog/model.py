"""What the catalog says about a name, as typed values."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import Any

KINDS = ("sleep", "http", "network", "sdk", "database", "file", "subprocess", "hash", "cpu", "wait", "loop")
COSTS = ("short", "bounded", "unbounded")
PLACES = ("thread", "process", "loop", "caller")
DECORATOR_EFFECTS = ("memoises", "offloads", "blocks", "transparent")
ACTS = (
    "query", "write", "command", "commit", "rollback", "flush", "refresh", "close", "request", "sleep",
    "task", "gather", "compute", "settings", "templates", "schema", "weights", "metadata",
)  # fmt: skip
RESOURCES = ("engine", "pool", "connection", "session", "client", "throwaway", "executor", "file")
"""A throwaway is a client that one call makes, uses and closes: `httpx.get`."""
TWIN_FORMS = ("function", "shared", "client", "result", "exception", "manual")
"""How a twin takes the place of a name: a function is awaited; a function becomes a method of one client that
a module shares; a client is made from another class; results and exceptions follow the calls that give them; what is manual needs a decision."""

Type = tuple[Any, ...]
"""A parsed type: ("class", name), ("list" | "tuple" | "iterator" | "awaitable" | "union", types),
("dict", value type), ("type", type), ("self",), ("none",), ("arg" | "call" | "instance", position)."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call does to the thread that makes it."""

    kind: str
    cost: str
    instead: str = ""
    twin: str = ""
    unless: tuple[str, ...] = ()
    unless_first: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """How bad the cost is: 0 (short) to 2 (unbounded)."""
        return COSTS.index(self.cost)


@dataclass(frozen=True, slots=True)
class Runs:
    """A function that runs a callable handed to it, and where it does so."""

    where: str
    callables: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """What a call makes that has to be given back, and what making one for each request costs."""

    kind: str
    cost: str
    close: frozenset[str] = frozenset()
    """Methods that give it back; leaving `with` does so as well."""

    @property
    def rank(self) -> int:
        """How much one for each request costs: 0 (nothing to speak of) to 2 (the server suffers)."""
        return COSTS.index(self.cost)


@dataclass(frozen=True, slots=True)
class Twin:
    """What takes the place of a name when a program becomes asynchronous; docs/catalog.md has the words."""

    how: str
    name: str
    """The dotted name of the asynchronous counterpart; several for an exception, parted by `|`."""
    because: str = ""
    """Why it takes a person to put the twin in place."""
    gives: str = ""
    """What a call gives, or the class that a function makes."""
    result: str = ""
    """The class of what the calls of a client give, if that changes with the client."""
    made_with: str = ""
    arguments: frozenset[str] = frozenset()
    """Keyword arguments that mean the same, `old=new` where the name differs; all do where none is listed."""
    unlike_arguments: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    """Members that both have and neither waits for."""
    awaited: frozenset[str] = frozenset()
    """Members to await beside those that block, `old=new` where the name differs."""
    unlike: frozenset[str] = frozenset()
    """Members that block and mean something else on the twin."""
    written: frozenset[str] = frozenset()
    """Members that are written differently: `ok=not {}.is_error`."""
    iterated: frozenset[str] = frozenset()
    """Methods whose results are iterated by `async for` on the twin."""
    needs: frozenset[str] = frozenset()
    """Distributions and the versions that have the twin: `redis>=5.0.1`."""

    def renamed(self, words: frozenset[str], word: str) -> str | None:
        """Return what a word of a list is called on the twin; None if the list does not have it."""
        for entry in words:
            old, _, new = entry.partition("=")
            if old == word:
                return new or old
        return None


@dataclass(frozen=True, slots=True)
class Decorator:
    """What a decorator does to calls of the function below it."""

    effect: str
    blocks: Effect | None = None


@cache
def parse_type(text: str) -> Type:
    """Parse a type of the catalog.

    Raises:
        ValueError: the text is no type that the catalog knows.
    """
    try:
        return _type(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"{text!r} is not a type") from error


_GENERICS = {
    "list": "list", "set": "list", "frozenset": "list", "Sequence": "list", "List": "list",
    "Iterator": "iterator", "Iterable": "iterator", "AsyncIterator": "iterator", "Generator": "iterator",
    "AsyncGenerator": "iterator", "AsyncIterable": "iterator",
    "tuple": "tuple", "Awaitable": "awaitable", "Coroutine": "awaitable",
}  # fmt: skip


def _type(node: ast.expr) -> Type:
    match node:
        case ast.Constant(value=None):
            return ("none",)
        case ast.Name(id="Self"):
            return ("self",)
        case ast.Name() | ast.Attribute():
            return ("class", ast.unparse(node))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return ("union", (_type(left), _type(right)))
        case ast.Call(
            func=ast.Name(id="arg" | "call" | "instance" as form), args=[ast.Constant(value=position)]
        ):
            return (form, position)
        case ast.Subscript(value=base, slice=inner):
            name = ast.unparse(base).rpartition(".")[2]
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name == "type":
                return ("type", _type(parts[0]))
            if name in ("dict", "Mapping", "Dict"):
                return ("dict", _type(parts[-1]))
            if name == "Optional":
                return _type(parts[0])
            if name in _GENERICS:
                kept = [p for p in parts if not (isinstance(p, ast.Constant) and p.value is Ellipsis)]
                return (_GENERICS[name], tuple(_type(p) for p in kept))
            return ("class", ast.unparse(base))
    raise ValueError(f"{ast.unparse(node)!r} is not a type")
