"""A Python file whose pieces can be found by their place and rewritten."""

from __future__ import annotations

import ast
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import TypeVar, cast

from fastlint.diagnostics import Edit
from fastlint.facts.build import parse_source
from fastlint.fixes.text import NoFix, SourceText, Span

Node = TypeVar("Node", bound=ast.AST)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NAMED = (
    ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.MatchAs, ast.MatchStar,
)  # fmt: skip
NAMING = (ast.Name, ast.Global, ast.Nonlocal, ast.alias, ast.arg, ast.MatchMapping, *NAMED)
WORDS = frozenset({"arg", "attr", "ctx", "id", "level", "module", "op", "ops", "type_comment"})
"""The fields of nodes that hold no code: names, and which operator it is."""
PRIMARY_PARENTS = (ast.Attribute, ast.Subscript, ast.Call, ast.Await)


class Module(SourceText):
    """The text of a Python file, its syntax and the way back from each node to what is around it."""

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree. Raises `NoFix` where the file cannot be read."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return parse_source(self._parsed_text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise NoFix("the file has syntax that cannot be read") from None

    @property
    def _parsed_text(self) -> str:
        return self.text

    @cached_property
    def _excerpts(self) -> dict[Span, Module]:
        return {}

    def excerpt(self, span: Span) -> Module:
        """Return the file as if there were nothing in it but the function at a span, which is quicker to read.

        It is enough for whoever looks at nothing but what is in the function.
        """
        if span not in self._excerpts:
            self._excerpts[span] = Excerpt(self, span)
        return self._excerpts[span]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the tree that is code, the outer ones first."""
        return list(self._below(self.tree))

    def _below(self, top: ast.AST, row: int | None = None) -> Iterator[ast.AST]:
        """Yield a node and the nodes inside it, the outer ones first, and remember what they are part of.

        With a row, statements that do not stand there are left out.
        """
        pending = [top]
        for node in pending:  # which grows meanwhile
            yield node
            for name in _with_code(node._fields):
                value = getattr(node, name, None)
                for part in value if isinstance(value, list) else (value,):
                    if isinstance(part, ast.AST) and (row is None or _may_stand_in(part, row)):
                        self._wholes[part] = node
                        pending.append(part)

    @cached_property
    def _wholes(self) -> dict[ast.AST, ast.AST]:
        """By node, what it is directly part of, as far as the tree was looked at."""
        return {}

    def _whole(self, node: ast.AST) -> ast.AST | None:
        """Return what a node is directly part of, or None for the tree itself."""
        if node not in self._wholes and node is not self.tree:
            _ = self.nodes
        return self._wholes.get(node)

    def all_of(self, *kinds: type[Node]) -> list[Node]:
        """Return the nodes of some classes."""
        return cast("list[Node]", [node for kind in kinds for node in self._by_class.get(kind, ())])

    @cached_property
    def _by_class(self) -> dict[type[ast.AST], list[ast.AST]]:
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in self.nodes:
            found.setdefault(type(node), []).append(node)
        return found

    def _at(self, span: Span) -> Iterator[ast.AST]:
        """Yield the nodes that take up a span, the outer ones first."""
        return (
            node
            for node in self._below(self.tree, span[0])
            if getattr(node, "lineno", 0) == span[0] and span_of(node) == span
        )

    def names(self, name: str) -> bool:
        """Tell whether anything in the file is called so."""
        return _is_in(name, self.text) and name in self._names

    @cached_property
    def _names(self) -> frozenset[str]:
        """The names that anything in the file is called."""
        return names_of(self.all_of(*NAMING))

    def binds(self, name: str) -> bool:
        """Tell whether anything in the file but an import at its top gives a name a meaning."""
        if name not in self._bound:
            self._bound[name] = any(
                self._may_name(statement, name)
                and name in names_of(node for node in self._below(statement) if not _is_read(node))
                for statement in self.tree.body
                if not isinstance(statement, ast.Import | ast.ImportFrom)
            )
        return self._bound[name]

    @cached_property
    def _bound(self) -> dict[str, bool]:
        return {}

    def _may_name(self, statement: ast.stmt, name: str) -> bool:
        """Tell whether a name is in the lines of a statement."""
        end = statement.end_lineno or statement.lineno
        start = self._starts[first_row(statement) - 1]
        lines = self.text[start : self._starts[end] if end < len(self._starts) else len(self.text)]
        return _is_in(name, lines)

    def parent(self, node: ast.AST) -> ast.AST:
        """Return what a node is part of; the tree itself for what is at the top."""
        return self._whole(node) or self.tree

    def around(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield (part, whole) from a node outwards."""
        while (whole := self._whole(node)) is not None:
            yield node, whole
            node = whole

    def expression(self, span: Span) -> ast.expr:
        """Return the expression at a span. Raises `NoFix` if there is none, as inside older f-strings."""
        for node in self._at(span):
            if isinstance(node, ast.expr) and self._is_as_written(node):
                return node
        raise NoFix("the expression cannot be found in the file again")

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the statement that a node is part of, or is."""
        while not isinstance(node, ast.stmt):
            whole = self._whole(node)
            if whole is None:
                raise NoFix("it is not part of a statement")
            node = whole
        return node

    def function(self, span: Span) -> FunctionNode:
        """Return the function that the facts place at a span."""
        for node in self._at(span):
            if isinstance(node, FunctionNode):
                return node
        raise NoFix("the function cannot be found in the file again")

    def class_at(self, span: Span) -> ast.ClassDef:
        """Return the class that the facts place at a span."""
        for node in self._at(span):
            if isinstance(node, ast.ClassDef):
                return node
        raise NoFix("the class cannot be found in the file again")

    def enclosing_function(self, node: ast.AST) -> FunctionNode | None:
        """Return the innermost function around a node, unless a lambda or class body is nearer."""
        for part, whole in self.around(node):
            if isinstance(whole, ast.Lambda | ast.ClassDef) and part is not node:
                return None
            if isinstance(whole, FunctionNode) and _is_in_body(part, whole):
                return whole
        return None

    def code(self, node: ast.AST) -> str:
        """Return the source of a node."""
        return self.segment(span_of(node))

    def replace_node(self, node: ast.AST, content: str) -> Edit:
        """Return the edit that puts other code in place of a node."""
        return self.replace(*self.bounds(span_of(node)), content)

    def awaiting(self, node: ast.expr, code: str) -> str:
        """Return `await code` as it has to be written in the place of an expression."""
        parent = self.parent(node)
        binds = isinstance(parent, PRIMARY_PARENTS) and node not in _arguments(parent)
        if binds or (
            isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.left is node
        ):
            return f"(await {code})"
        return f"await {code}"

    def require_await(self, node: ast.expr, *, will_be_async: bool = False) -> FunctionNode:
        """Return the coroutine function in which an expression may be awaited, or the one that becomes one.

        Raises `NoFix` where `await` is a syntax error or would change what is evaluated when.
        """
        comprehensions = 0
        for part, whole in self.around(node):
            if isinstance(whole, ast.FormattedValue) and self._shows_itself(part):
                raise NoFix("the f-string shows the expression itself")
            if isinstance(whole, ast.Lambda):
                raise NoFix("a lambda cannot await")
            if isinstance(whole, ast.ClassDef):
                raise NoFix("a class body cannot await")
            if isinstance(whole, COMPREHENSIONS):
                if part is whole.generators[0]:
                    continue  # settled by the parts of the comprehension below
                if isinstance(whole, ast.GeneratorExp):
                    raise NoFix("a generator expression that awaits cannot be consumed by plain code")
                comprehensions += 1
            if isinstance(whole, ast.comprehension) and not self._is_first_iterable(part, whole):
                if isinstance(self.parent(whole), ast.GeneratorExp):
                    raise NoFix("a generator expression that awaits cannot be consumed by plain code")
                if part is not whole.iter or whole is not self.parent(whole).generators[0]:  # type: ignore[attr-defined]
                    comprehensions += 1
            if isinstance(whole, FunctionNode):
                if not _is_in_body(part, whole):
                    if isinstance(self.parent(whole), ast.Module | ast.ClassDef):
                        raise NoFix("defaults and decorators run when the module is imported")
                    continue
                if isinstance(whole, ast.FunctionDef) and not will_be_async:
                    raise NoFix("the function around it is not `async def`")
                if comprehensions > 1:
                    raise NoFix("a comprehension that awaits cannot stand inside another one in Python 3.10")
                return whole
        raise NoFix("module level cannot await")

    def _shows_itself(self, value: ast.AST) -> bool:
        """Tell whether a value of an f-string is written with its expression: `{x=}`."""
        _, end = self.bounds(span_of(value))
        return self.text[end:].lstrip().startswith("=")

    def _is_first_iterable(self, part: ast.AST, comprehension: ast.comprehension) -> bool:
        whole = self.parent(comprehension)
        return part is comprehension.iter and getattr(whole, "generators", [None])[0] is comprehension

    def async_keyword(self, function: FunctionNode) -> tuple[int, int]:
        """Return where `async ` stands before a function's `def`; an empty piece if it is a plain one."""
        start = self.offset(function.lineno, function.col_offset)
        if isinstance(function, ast.FunctionDef):
            return start, start
        end = self.text.index("def", start)
        return start, end

    def guard_async(self, function: FunctionNode) -> Edit:
        """Return the piece that says that a function is a coroutine function, for a fix that awaits in it."""
        return self.guard(*self.async_keyword(function))

    def _is_as_written(self, node: ast.expr) -> bool:
        """Tell whether the place of a node is right: Python 3.11 misplaces what is inside f-strings."""
        if not any(isinstance(whole, ast.JoinedStr) for _, whole in self.around(node)):
            return True
        try:
            again = ast.parse(f"({self.code(node)}\n)", mode="eval").body
        except SyntaxError:
            return False
        return ast.dump(again) == ast.dump(node)


class Excerpt(Module):
    """A file of which only one function is read; what is said of places is said of the whole file."""

    def __init__(self, module: Module, span: Span) -> None:
        self.path, self.text, self._starts = module.path, module.text, module._starts
        self._span = span

    @property
    def _parsed_text(self) -> str:
        """The function, in its rows; one that is indented stands in a block."""
        first, column, last, _ = self._span
        if last > len(self._starts):  # the file was changed meanwhile
            return ""
        before = "\n" * (first - 2) + "if True:\n" if column else "\n" * (first - 1)
        end = self._starts[last] if last < len(self._starts) else len(self.text)
        return before + self.text[self._starts[first - 1] : end]


@cache
def _with_code(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields of a node that may hold nodes which are code."""
    return tuple(name for name in fields if name not in WORDS)


def _is_in(name: str, text: str) -> bool:
    """Tell whether a name may be in a text; Python takes some letters for others."""
    return name in (text if text.isascii() else unicodedata.normalize("NFKC", text))


def first_row(statement: ast.stmt) -> int:
    """Return the row in which a statement begins, with its decorators."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _may_stand_in(node: ast.AST, row: int) -> bool:
    """Tell whether a node, or one inside it, may begin in a row; only statements are known to be where they say."""
    return not isinstance(node, ast.stmt) or first_row(node) <= row <= (node.end_lineno or row)


def _is_read(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def names_of(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that any of some nodes is called, or calls something."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.MatchMapping):
            found.add(node.rest or "")
        elif isinstance(node, NAMED):
            found.add(node.name or "")
    return frozenset(found)


def span_of(node: ast.AST) -> Span:
    """Return the place of a node."""
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def _is_in_body(part: ast.AST, function: FunctionNode) -> bool:
    return part in function.body


def _arguments(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call):
        return [*node.args, *(keyword.value for keyword in node.keywords)]
    if isinstance(node, ast.Subscript):
        return [node.slice]
    return []
