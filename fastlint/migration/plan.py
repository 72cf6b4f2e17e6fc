"""What a migration changes: pieces of files, and the tasks that are left before the chain is whole."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from fastlint.catalog.model import Twin
from fastlint.facts.model import Span
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.scopes import Scope
from fastlint.project.calls import Sink, Site
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.sources.versions import Versions


class Piece(NamedTuple):
    """A piece of a file that is replaced; of insertions at one place, `order` says which comes first."""

    start: int
    end: int
    order: int
    content: str


class Import(NamedTuple):
    """Something that a file has to import."""

    package: str
    attribute: str
    """Nothing where the package itself is imported."""
    whole: bool


@dataclass(frozen=True)
class Block:
    """A blocking call has to go."""

    frame: Frame
    site: Site
    sink: Sink


@dataclass(frozen=True)
class Await:
    """A call has to be awaited where it stands."""

    path: str
    node: ast.expr


@dataclass(frozen=True)
class Become:
    """A function has to become a coroutine function."""

    function: Function


@dataclass(frozen=True)
class Follow:
    """The value of an expression is of another class now: the result of a library call."""

    path: str
    node: ast.expr
    result: str
    """The dotted name of the class that it was."""


@dataclass(frozen=True)
class NameHolds:
    """A name of a scope holds a client."""

    path: str
    scope: Scope
    name: str
    client: str
    """The dotted name of the class that it was, here and below."""


@dataclass(frozen=True)
class AttributeHolds:
    """An attribute of the objects of a class, or of the class itself, holds a client."""

    path: str
    """The file in which that was seen."""
    cls: ProjectClass
    name: str
    client: str


@dataclass(frozen=True)
class ResultHolds:
    """A function returns a client."""

    function: Function
    client: str


@dataclass(frozen=True)
class ParameterHolds:
    """A parameter of a function gets a client."""

    path: str
    function: FunctionNode
    name: str
    client: str


Hold = NameHolds | AttributeHolds | ResultHolds | ParameterHolds
Task = Block | Await | Become | Follow | Hold


@dataclass
class Plan:
    """Changes that belong together; a copy is tried first and thrown away if the chain cannot be made whole."""

    pieces: dict[str, set[Piece]] = field(default_factory=dict)
    imports: dict[str, set[Import]] = field(default_factory=dict)
    swapped: dict[tuple[str, str, str], frozenset[Span]] = field(default_factory=dict)
    """By file, name and the package that it now comes from: the places at which the name means the new one."""
    shared: dict[tuple[str, str], str] = field(default_factory=dict)
    """By file and the code that makes it, the name of a client that the file shares."""
    becoming: set[Function] = field(default_factory=set)
    converted: dict[tuple[str, Span], Function | None] = field(default_factory=dict)
    """The library calls that are awaited now, and the functions around them."""
    results: dict[Function, str] = field(default_factory=dict)
    """Functions that return the result of a library call, and its class."""
    required: set[tuple[str, ast.expr]] = field(default_factory=set)
    """Calls that have to give the new result as well, as their values go by the same names."""
    libraries: set[str] = field(default_factory=set)
    """The libraries that calls were converted from."""
    loops: set[Function] = field(default_factory=set)
    """Functions that use a client which belongs to the event loop that first uses it."""
    needed: set[str] = field(default_factory=set)
    """Distributions that the new code needs."""
    open_urls: bool = False
    """Whether a request may go to an address that is not well formed."""
    notes: dict[str, None] = field(default_factory=dict)
    done: set[Hashable] = field(default_factory=set)
    tasks: deque[Task] = field(default_factory=deque)

    def copy(self) -> Plan:
        """Return a plan to try something with."""
        return Plan(
            {path: set(pieces) for path, pieces in self.pieces.items()},
            {path: set(imports) for path, imports in self.imports.items()},
            dict(self.swapped),
            dict(self.shared),
            set(self.becoming),
            dict(self.converted),
            dict(self.results),
            set(self.required),
            set(self.libraries),
            set(self.loops),
            set(self.needed),
            self.open_urls,
            dict(self.notes),
            set(self.done),
            deque(self.tasks),
        )

    def add(self, task: Task) -> None:
        """Note a task, once."""
        key = ("block", task.frame, task.site.event[5], task.sink) if isinstance(task, Block) else task
        if key not in self.done:
            self.done.add(key)
            self.tasks.append(task)

    def need(self, twin: Twin, versions: Versions) -> None:
        """Note what a twin needs. Raises `NoFix` if the project has a version that does not have it."""
        for needed in twin.needs:
            distribution, _, version = needed.partition(">=")
            if not versions.is_at_least(distribution, version):
                raise NoFix(f"the project has {distribution} in a version before {version}")
            self.needed.add(distribution)

    def require_place(self, module: Module, node: ast.AST) -> None:
        """Raise `NoFix` if a node is not where its file says: Python 3.11 misplaces what is inside f-strings."""
        if isinstance(node, ast.expr) and module.expression(span_of(node)) is not node:
            raise NoFix(f"a piece of an f-string in {module.path} cannot be found in the file again")

    def replace(self, module: Module, start: int, end: int, content: str) -> None:
        """Put other code in place of a piece."""
        self._change(module.path, Piece(start, end, 0, content))

    def replace_node(self, module: Module, node: ast.AST, content: str) -> None:
        """Put other code in place of a node."""
        self.require_place(module, node)
        self.replace(module, *module.bounds(span_of(node)), content)

    def name(self, module: Module, package: str, attribute: str, *, whole: bool = False) -> str:
        """Return how to write `package.attribute` in a file, which imports it if need be."""
        if Import(package, "", True) in self.imports.get(module.path, ()):
            return f"{package}.{attribute}"
        named = name_of(module, package, attribute, whole=whole or None)
        if named.edits:
            is_whole = named.code == f"{package}.{attribute}"
            self.imports.setdefault(module.path, set()).add(
                Import(package, "" if is_whole else attribute, is_whole)
            )
        return named.code

    def insert_around(self, module: Module, node: ast.AST, before: str, after: str = "") -> None:
        """Insert code before and behind a node; what is put around a larger node stays outside."""
        self.require_place(module, node)
        start, end = module.bounds(span_of(node))
        self._change(module.path, Piece(start, start, -end, before))
        if after:
            self._change(module.path, Piece(end, end, -start, after))

    def _change(self, path: str, piece: Piece) -> None:
        pieces = self.pieces.setdefault(path, set())
        if piece in pieces:
            return
        for other in pieces:
            if piece.start < other.end and other.start < piece.end:
                raise NoFix("two changes of the same code get in each other's way")
        pieces.add(piece)


def spliced(text: str, pieces: Iterable[Piece]) -> str:
    """Return a text with pieces replaced."""
    parts, position = [], 0
    for piece in sorted(pieces, key=_order):
        parts += [text[position : piece.start], piece.content]
        position = piece.end
    return "".join((*parts, text[position:]))


def _order(piece: Piece) -> tuple[int, int, int]:
    """At one place: what ends there, what is inserted there (the outer first), what begins there."""
    return piece.start, piece.end, piece.order
