"""What an expression can evaluate to, as far as a linter can tell.

Nobody changes a value. They are not frozen, as millions are made, and `frozen` takes three times as long for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from fastlint.catalog.model import Effect
from fastlint.facts.model import Expr

if TYPE_CHECKING:
    from fastlint.project.program import Frame, Function, Module, ProjectClass


@dataclass(unsafe_hash=True, slots=True)
class Instance:
    """An object of a class: one of the project, or a library's by its dotted name.

    `origin` tells apart objects whose identity matters (routers), by where they are made; `made_with`
    tells apart objects that are constructed with different collaborators.
    """

    cls: ProjectClass | str
    origin: object = None
    made_with: tuple[tuple[str, Values], ...] = ()

    @property
    def depth(self) -> int:
        """How deeply objects made with objects are nested here."""
        inner = [v.depth for _, values in self.made_with for v in values if isinstance(v, Instance)]
        return 1 + max(inner, default=0) if self.made_with else 0


@dataclass(unsafe_hash=True, slots=True)
class ClassValue:
    """A class itself."""

    cls: ProjectClass | str


@dataclass(unsafe_hash=True, slots=True)
class FunctionValue:
    """A function of the project, bound to a receiver when it is a method.

    `frame` is the call of the enclosing function that made a closure. `marks` say what decorators
    made of it: "memoises", "contextmanager", "asynccontextmanager", "property", "offloads", "static",
    "class". `blocks` is the effect of a decorator that waits between attempts.
    """

    function: Function
    receiver: Value | None = None
    frame: Frame | None = None
    marks: frozenset[str] = frozenset()
    blocks: tuple[str, Effect] | None = None


@dataclass(unsafe_hash=True, slots=True)
class LibraryName:
    """A module, function or method of a library, by its dotted name."""

    name: str
    receiver: Value | None = None


@dataclass(unsafe_hash=True, slots=True)
class ModuleValue:
    """A module of the project."""

    module: Module


@dataclass(unsafe_hash=True, slots=True)
class Collection:
    """A list, tuple, set, dictionary or iterator, and what its items (values) can be."""

    kind: str
    items: Values


@dataclass(unsafe_hash=True, slots=True)
class Tuple:
    """A tuple of known length."""

    items: tuple[Values, ...]


@dataclass(unsafe_hash=True, slots=True)
class AwaitableOf:
    """Something that gives these values when awaited."""

    items: Values


@dataclass(unsafe_hash=True, slots=True)
class Suspended:
    """A call that has not run yet: a coroutine, a generator, or a context manager made from one."""

    kind: str
    frame: Frame


@dataclass(unsafe_hash=True, slots=True)
class Partial:
    """A callable with arguments filled in."""

    target: Value
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    frame: Frame


@dataclass(unsafe_hash=True, slots=True)
class Super:
    """`super()`: the receiver, seen from behind a class."""

    cls: ProjectClass
    receiver: Value


@dataclass(unsafe_hash=True, slots=True)
class TypeForm:
    """An annotation used as a value: `Annotated[...]`, `A | B`."""

    expr: Expr
    frame: Frame


@dataclass(unsafe_hash=True, slots=True)
class Text:
    """A string that is known."""

    text: str


Value = (
    Instance | ClassValue | FunctionValue | LibraryName | ModuleValue | Collection | Tuple
    | AwaitableOf | Suspended | Partial | Super | TypeForm | Text
)  # fmt: skip
Values = tuple[Value, ...]


@cache
def library_name(name: str) -> Values:
    """Return a name of a library as the only value, the same one each time: they are what programs name most."""
    return (LibraryName(name),)


@cache
def library_object(cls: str) -> Values:
    """Return an object of a class of a library as the only value, the same one each time."""
    return (Instance(cls),)


@cache
def known_text(text: str) -> Values:
    """Return a text as the only value, the same one each time."""
    return (Text(text),)


DEEPEST_OBJECT = 3
"""Objects nested more deeply than this are not told apart by what they are made with."""

MOST_VALUES = 12
"""Where more than this many values are possible, nothing is known."""


def union(parts: list[Values]) -> Values:
    """Return the values of all parts without repetition; none if there are too many to mean anything."""
    if len(parts) == 1:
        return parts[0]
    found: dict[Value, None] = {}
    for part in parts:
        for value in part:
            found[value] = None
    return tuple(found) if len(found) <= MOST_VALUES else ()
