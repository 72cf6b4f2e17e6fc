"""Read syntax newer than the running Python by rewriting it, byte for byte, into what 3.11 parses."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastlint.facts.model import Span

FORMATTED = ("FormattedString", "TemplatedString")
DEEPEST = 400
"""Python allows 200 nested brackets; libcst overflows the stack, ending the process, at a few times that."""

_BLANKS = re.compile(r"[^\S\n]+")
_BRACKETS = re.compile(r"[(\[{]+|[)\]}]+")
_DEFINITION = re.compile(r"(?<=\n\n)(?=@|(?:async +def|def|class)\b)")
_CONVERSION = re.compile(r"![rsa](?=(?:\s|#.*\n)+[:}])")
_OPENING = re.compile(rb"[(:]")

LONGEST_LINE = 4000
"""Characters; files with longer lines are not lowered."""


def lower(text: str) -> ast.Module | None:
    """Return the syntax tree of a text that `ast` rejects but newer Pythons accept, else None.

    Every line number is that of the text. So is every column, except behind the rare construct
    that needs a bracket where its line has no room for one, or blanks that libcst does not keep.
    """
    if any(len(line) > LONGEST_LINE for line in text.splitlines()):
        return None  # nobody wrote this, and libcst may need minutes or overflow the stack
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # libcst takes far longer than ast, so it sees only the definitions that need it. A line inside a
    # string can look like a definition; then the parts on both sides of it fail, but the whole does not.
    for parts in (_DEFINITION.split(text), [text]):
        try:
            return _lower_parts(parts)
        except Exception:
            continue
    return None


def _lower_parts(parts: Sequence[str]) -> ast.Module:
    lowered: list[str] = []
    strings: set[Span] = set()
    above = 0
    for part in parts:
        if _parses(part):
            lowered.append(part)
        else:
            rewritten, places = rewrite(part)
            lowered.append(rewritten)
            strings |= {(above + row, column, above + last, end) for row, column, last, end in places}
        above += part.count("\n")
    tree = ast.parse("".join(lowered))
    if strings:
        _restore_strings(tree, strings)
    return tree


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def rewrite(text: str) -> tuple[str, set[Span]]:
    """Return the text in the syntax of Python 3.11, and where in it a tuple stands for an f-string.

    Raises whatever libcst raises for a text that no Python accepts, and ValueError for one that
    libcst does not give back line for line.
    """
    from libcst import parse_module
    from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

    # libcst forgets the line ends between a conversion and the closing brace.
    text = _CONVERSION.sub("  ", text)
    if _too_deep(text):
        raise ValueError("the brackets are nested too deeply")
    module = parse_module(text)
    source = module.code
    if source != text and _BLANKS.sub("", source) != _BLANKS.sub("", text):
        raise ValueError("libcst changed the text")
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    editor = _Editor(source.encode(), wrapper.resolve(ByteSpanPositionProvider))
    editor.edit()
    return editor.result()


def _too_deep(text: str) -> bool:
    depth = 0
    for run in _BRACKETS.findall(text):
        depth = max(0, depth + (len(run) if run[0] in "([{" else -len(run)))
        if depth > DEEPEST:
            return True
    return False


class _Editor:
    """Overwrites newer constructs in place, so that the bytes around them stay where they are."""

    def __init__(self, source: bytes, spans: Mapping[Any, Any]) -> None:
        self.source = source
        self.spans = spans
        self.text = bytearray(source)
        self.inserted: dict[int, bytes] = {}
        self.strings: list[tuple[int, int]] = []
        self.parts = {
            part
            for node in spans
            if type(node).__name__ == "ConcatenatedString"
            for part in (node.left, node.right)
        }

    def edit(self) -> None:
        """Lower every construct; an outer one comes after those inside it."""
        for node in self.spans:
            handler = _HANDLERS.get(type(node).__name__)
            if handler is not None:
                handler(self, node)

    def result(self) -> tuple[str, set[Span]]:
        """Return the edited text and the places of the tuples that stand for strings."""
        text = bytearray()
        done = 0
        for offset, byte in sorted(self.inserted.items()):
            text += self.text[done:offset] + byte
            done = offset
        text += self.text[done:]
        lines = [0, *(match.end() for match in re.finditer(rb"\n", text))]
        insertions = sorted(self.inserted)

        def place(offset: int) -> tuple[int, int]:
            moved = offset + bisect_right(insertions, offset)
            row = bisect_right(lines, moved)
            return row, moved - lines[row - 1]

        places = set()
        for start, end in self.strings:
            last_row, last_column = place(end - 1)
            places.add((*place(start), last_row, last_column + 1))
        return text.decode(), places

    def _span(self, node: Any) -> tuple[int, int]:
        span = self.spans[node]
        return span.start, span.start + span.length

    def _blank(self, start: int, end: int) -> None:
        for offset in range(start, end):
            if self.source[offset] != 0x0A:
                self.text[offset] = 0x20

    def _put(self, offset: int, new: bytes) -> None:
        self.text[offset : offset + len(new)] = new

    # Strings

    def _string(self, node: Any) -> None:
        """`f"a {b!r} {c}"` -> `(   b    ,c,)`; `_restore_strings` makes an f-string of the tuple."""
        if node in self.parts:
            return
        leaves = list(_leaves(node))
        if not any(type(leaf).__name__ in FORMATTED for leaf in leaves):
            return
        start, end = self._span(node)
        self.strings.append((start, end))
        fields = [field for leaf in leaves for field in _fields(leaf)]
        done = start
        for number, field in enumerate(fields):
            opening, closing = self._span(field)
            self._blank(done, opening)
            self._put(opening, b"," if number else b" ")
            done = self._field(opening + 1, field.expression)
        self._blank(done, end)
        if fields:
            self._put(closing - 1, b",")
        self._put(start, b"(")
        self._put(end - 1, b")")

    def _field(self, start: int, expression: Any) -> int:
        """Return where the expression of a field ends; one that would join its neighbours is bracketed."""
        end = self._span(expression.rpar[-1] if expression.rpar else expression)[1]
        if type(expression).__name__ in ("Tuple", "Yield") and not expression.lpar:
            self.inserted[start], self.inserted[end] = b"(", b")"
        return end

    # Statements

    def _handler(self, node: Any) -> None:
        """`except A, B:` -> `except(A, B):`."""
        caught = node.type
        if type(caught).__name__ != "Tuple" or caught.lpar:
            return
        start, end = self._span(caught)
        if self.source[start - 1] in b" \t":
            self._put(start - 1, b"(")
        else:
            self.inserted[start] = b"("
        colon = self.source.index(b":", end)
        if self.source[colon + 1] in b" \t":
            self._put(colon, b"):")
        else:
            self.inserted[colon] = b")"

    def _definition(self, node: Any) -> None:
        """`def f[T](x)` -> `def f(   x)`, `class A[T]:` -> `class A( ):`."""
        if node.type_parameters is None:
            return
        start, end = self._span(node.type_parameters)
        follows = _OPENING.search(self.source, end)
        if follows is not None and follows[0] == b"(":
            self._blank(start, follows.end())
        else:
            self._blank(start, end)
            self._put(end - 1, b")")
        self._put(start, b"(")

    def _type_alias(self, node: Any) -> None:
        """`type X[T] = A` -> `X         = A`."""
        equals = self.source.index(b"=", self._span(node.type_parameters or node.name)[1])
        self._replace(self._span(node)[0], equals, node.name.value.encode())

    def _lazy_import(self, node: Any) -> None:
        """`lazy import a` -> `import      a`."""
        start = self._span(node)[0]
        keyword = b"import" if type(node).__name__ == "LazyImport" else b"from"
        begin = self._span(node.whitespace_after_lazy)[1]
        self._replace(start, begin + len(keyword), keyword)

    def _replace(self, start: int, end: int, new: bytes) -> None:
        """Write something shorter over the start of a statement, joining the lines that it spans."""
        if b"\n" in self.source[start : start + len(new)]:
            raise ValueError("the first line has no room for the name")
        self._blank(start, end)
        for newline in re.finditer(rb"\n", self.source[start:end]):
            self.inserted[start + newline.start()] = b"\\"
        self._put(start, new)

    # Comprehensions

    def _unpacking(self, node: Any) -> None:
        """`[*x for x in y]` -> `[~x for x in y]`: x still runs, and of its items nothing is claimed."""
        if type(node.elt).__name__ == "StarredElement":
            self._put(self._span(node.elt)[0], b"~")

    def _dict_unpacking(self, node: Any) -> None:
        """`{**x for x in y}` -> `{~~x for x in y}`."""
        self._put(self.source.index(b"**", self._span(node)[0]), b"~~")


def _leaves(node: Any) -> Iterator[Any]:
    """Yield the string literals that stand side by side, in order."""
    while type(node).__name__ == "ConcatenatedString":
        yield node.left
        node = node.right
    yield node


def _fields(node: Any) -> Iterator[Any]:
    """Yield the replacement fields of a string, each before those in its format specification."""
    for part in getattr(node, "parts", None) or getattr(node, "format_spec", None) or ():
        if hasattr(part, "expression"):
            yield part
            yield from _fields(part)


_HANDLERS: dict[str, Callable[[_Editor, Any], None]] = {
    "FormattedString": _Editor._string,
    "TemplatedString": _Editor._string,
    "ConcatenatedString": _Editor._string,
    "ExceptHandler": _Editor._handler,
    "ExceptStarHandler": _Editor._handler,
    "FunctionDef": _Editor._definition,
    "ClassDef": _Editor._definition,
    "TypeAlias": _Editor._type_alias,
    "LazyImport": _Editor._lazy_import,
    "LazyImportFrom": _Editor._lazy_import,
    "ListComp": _Editor._unpacking,
    "SetComp": _Editor._unpacking,
    "GeneratorExp": _Editor._unpacking,
    "StarredDictComp": _Editor._dict_unpacking,
}


def _restore_strings(tree: ast.Module, places: set[Span]) -> None:
    """Put f-strings where the text had them, in place of the tuples of what they format."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                value[:] = [_restored(item, places) for item in value]
                stack += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                restored = _restored(value, places)
                setattr(node, name, restored)
                stack.append(restored)


def _restored(node: Any, places: set[Span]) -> Any:
    if type(node) is not ast.Tuple:
        return node
    if (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) not in places:
        return node
    values: list[ast.expr] = [
        ast.copy_location(ast.FormattedValue(value=element, conversion=-1, format_spec=None), element)
        for element in node.elts
    ]
    return ast.copy_location(ast.JoinedStr(values=values), node)
