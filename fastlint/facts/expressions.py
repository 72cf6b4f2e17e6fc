"""Read expressions: what they are made of, what they run, which names they bind."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from fastlint.facts.model import (
    DIRECTLY,
    INSIDE,
    NOT_AWAITED,
    UNKNOWN,
    Binding,
    ClassFacts,
    Expr,
    FunctionFacts,
    Span,
)

FILLS = frozenset({"add", "append", "appendleft", "insert", "put", "put_nowait", "setdefault"})
"""Methods that put their last argument into a container."""
LITERALS = {bytes: "bytes", float: "float", complex: "complex"}


def span_of(node: Any) -> Span:
    """Return where a node stands."""
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


class ExpressionReader:
    """Reads expressions in the scope `self.here`, recording their calls and reads in order."""

    def __init__(self) -> None:
        self.functions: list[FunctionFacts] = []
        self.classes: list[ClassFacts] = []
        self.stars: list[tuple[str, int]] = []
        self.mentions: set[str] = set()
        self.imports: set[tuple[str, int, str | None]] = set()
        self.here: FunctionFacts
        self.index = -1
        self.owner = -1
        self.names: dict[str, list[Binding]] = {}
        self.block = 0
        self.time = 0
        self.statement = 0
        self.globals: set[str] = set()
        self.awaiting = 0
        self.asked_for_loop = 0
        """How many calls so far ask for the running event loop: if that fails, none is running."""
        self.consumed = False
        """Whether a generator expression met now is iterated at once."""

    def read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> int:
        """Read a function or lambda in a scope of its own and return its index."""
        raise NotImplementedError

    # Scopes

    def _enter_block(self, kind: str, detail: Expr = UNKNOWN) -> int:
        """Start a block inside the current one and return the current one, to come back to."""
        before = self.block
        self.here.blocks.append((before, kind, detail))
        self.block = len(self.here.blocks) - 1
        return before

    def _local_names(self) -> set[str]:
        """Return the names that the function has bound so far, its parameters included."""
        names = {parameter.name for parameter in self.here.parameters}
        if self.index > 0:
            names.update(self.here.bindings)
        return names

    def _narrow(self, test: ast.expr, *, holds: bool = True) -> None:
        """Bind a name that `isinstance` tests to the class, for the block that follows: where the test holds, or not."""
        parts = [test]
        if holds and isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            parts = test.values
        for part in parts:
            match part:
                case ast.UnaryOp(op=ast.Not(), operand=inner):
                    self._narrow(inner, holds=not holds)
                case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kind]):
                    before: Expr = ("name", name, self.time, self.block)
                    tested = self.quiet(kind)
                    self._bind_name(name, ("instance", tested) if holds else ("except", before, tested))

    def _flow(self, kind: str, value: Expr, span: Span) -> None:
        """Record something that directs what runs."""
        self.here.events.append((kind, value, self.statement, self.block, NOT_AWAITED, span))

    def _test(self, node: ast.expr) -> Expr:
        """Read a condition."""
        value = self.expr(node)
        self._flow("test", value, span_of(node))
        return value

    def _iterate(self, node: ast.For | ast.AsyncFor | ast.comprehension, is_async: bool) -> Expr:
        """Record that something is iterated and return what iteration yields."""
        source = self.expr(node.iter, awaited=is_async)
        kind = "aiter" if is_async else "iter"
        self.here.events.append((kind, source, self.statement, self.block, int(is_async), span_of(node.iter)))
        return ("aelem" if is_async else "elem", source)

    # Binding

    def _bind(self, target: ast.expr, value: Expr) -> None:
        match target:
            case ast.Name(id=name):
                self._bind_name(name, value)
            case ast.Attribute(value=base, attr=attribute):
                owner = self.expr(base)
                self.here.stores.append((owner, attribute, value))
                place: Expr = ("attr", owner, attribute, span_of(target))
                self.here.events.append(
                    ("set", place, self.statement, self.block, NOT_AWAITED, span_of(target))
                )
            case ast.Subscript(value=base, slice=index):
                holder = self.expr(base)
                self.here.stores.append((holder, "[]", value))
                place = ("sub", holder, self.expr(index), span_of(target))
                self.here.events.append(
                    ("setitem", place, self.statement, self.block, NOT_AWAITED, span_of(target))
                )
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                literal = value[1] if value[0] in ("tuple", "list") else ()
                for position, element in enumerate(elements):
                    known = len(literal) == len(elements)
                    self._bind(element, literal[position] if known else ("item", value, position))
            case ast.Starred(value=inner):
                self._bind(inner, ("list", ()))

    def _bind_name(self, name: str, value: Expr) -> None:
        names, block = self.names, self.block
        if name in self.globals and self.index > 0:
            names, block, value = self._outer_names(name), 0, ("within", self.index, value)
        names.setdefault(name, []).append((self.time, block, value))
        self.time += 1

    def _outer_names(self, name: str) -> dict[str, list[Binding]]:
        """Return the bindings of the scope that a global or nonlocal name belongs to."""
        index = self.here.parent
        while index > 0 and name not in self.functions[index].bindings:
            index = self.functions[index].parent
        return self.functions[index].bindings

    # Expressions

    def quiet(self, node: ast.expr) -> Expr:
        """Return an expression without recording that it runs."""
        events = len(self.here.events)
        value = self.expr(node)
        del self.here.events[events:]
        return value

    def annotation(self, node: ast.expr) -> Expr:
        """Return an annotation; text in it is parsed, as type checkers do."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return self.annotation(ast.parse(node.value.strip(), mode="eval").body)
            except (SyntaxError, ValueError):
                return UNKNOWN
        if isinstance(node, ast.Subscript):
            base = self.annotation(node.value)
            if "Literal" in (base[1:2] if base[0] == "name" else base[2:3]):
                return ("sub", base, self.quiet(node.slice), span_of(node))
            index = node.slice
            if isinstance(index, ast.Tuple):
                inner: Expr = ("tuple", tuple(self.annotation(e) for e in index.elts))
            else:
                inner = self.annotation(index)
            return ("sub", base, inner, span_of(node))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return ("any", (self.annotation(node.left), self.annotation(node.right)), span_of(node))
        if isinstance(node, ast.List):
            return ("list", tuple(self.annotation(e) for e in node.elts))
        return self.quiet(node)

    def expr(self, node: Any, awaited: bool = False) -> Expr:
        """Return an expression's facts, recording the calls and reads that it makes, in order."""
        kind = type(node)
        if kind is ast.Name:
            name = node.id
            self.mentions.add(name)
            if self.owner >= 0 and name in self.names:
                return ("member", self.owner, name)
            return ("name", name, self.time, self.block)
        if kind is ast.Call:
            return self._call(node, "call", awaited)
        if kind is ast.Attribute:
            name, span = node.attr, span_of(node)
            self.mentions.add(name)
            value = ("attr", self.expr(node.value), name, span)
            self.here.events.append(("attr", value, self.statement, self.block, int(awaited), span))
            return value
        if kind is ast.Constant:
            return _constant(node.value)
        handler = _EXPRESSIONS.get(kind)
        return handler(self, node) if handler is not None else self._other(node)

    def _other(self, node: ast.expr) -> Expr:
        parts = [self.expr(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return ("other", tuple(parts)) if parts else UNKNOWN

    def _call(self, node: ast.Call, kind: str, awaited: bool = False) -> Expr:
        func = node.func
        name = ""
        if isinstance(func, ast.Attribute):
            name = func.attr
            self.mentions.add(name)
            base: Expr = ("attr", self.expr(func.value), name, span_of(func))
        else:
            base = self.expr(func)
            if isinstance(func, ast.Name):
                name = func.id
        if name.endswith("get_running_loop"):
            self.asked_for_loop += 1
        args = tuple(
            [self._argument(arg, base) if type(arg) in _GENERATING else self.expr(arg) for arg in node.args]
        )
        keywords = tuple([(k.arg, self.expr(k.value)) for k in node.keywords]) if node.keywords else ()
        span = span_of(node)
        call = ("call", base, args, keywords, span)
        if args and name in FILLS and base[0] == "attr":
            self.here.stores.append((base[1], "[+]", args[-1]))
        how = DIRECTLY if awaited else INSIDE if self.awaiting else NOT_AWAITED
        self.here.events.append((kind, call, self.statement, self.block, how, span))
        return call

    def _argument(self, node: ast.expr, callee: Expr) -> Expr:
        """Return an argument; a generator expression is iterated by what is called."""
        if isinstance(node, ast.Starred):
            if isinstance(node.value, ast.GeneratorExp):
                return ("star", self._argument(node.value, callee))
            return self.expr(node)
        self.consumed = not _names_response(callee)
        value = self.expr(node)
        self.consumed = False
        return value

    def _on_await(self, node: ast.Await) -> Expr:
        self.here.has_await = True
        self.awaiting += 1
        value = self.expr(node.value, awaited=True)
        self.awaiting -= 1
        return ("await", value)

    def _on_starred(self, node: ast.Starred) -> Expr:
        return ("star", self.expr(node.value))

    def _on_elements(self, node: ast.List | ast.Tuple | ast.Set) -> Expr:
        return (type(node).__name__.lower(), tuple([self.expr(e) for e in node.elts]))

    def _on_dict(self, node: ast.Dict) -> Expr:
        keys = tuple([self.expr(k) if k is not None else UNKNOWN for k in node.keys])
        return ("dict", keys, tuple([self.expr(v) for v in node.values]))

    def _on_subscript(self, node: ast.Subscript) -> Expr:
        value = ("sub", self.expr(node.value), self.expr(node.slice), span_of(node))
        self.here.events.append(("sub", value, self.statement, self.block, NOT_AWAITED, value[3]))
        return value

    def _on_bool(self, node: ast.BoolOp) -> Expr:
        before = self.block
        values = []
        for part in node.values:
            values.append(self.expr(part))
            if isinstance(node.op, ast.And) and isinstance(part, ast.Call):
                self._enter_block("")
                self._narrow(part)
        self.block = before
        return ("any", tuple(values))

    def _on_not(self, node: ast.UnaryOp) -> Expr:
        value = self.expr(node.operand)
        return ("not", value) if isinstance(node.op, ast.Not) else ("other", (value,))

    def _on_choice(self, node: ast.IfExp) -> Expr:
        test = self._test(node.test)
        before = self._enter_block("", test)
        self._narrow(node.test)
        chosen = self.expr(node.body)
        self.block = before
        self._enter_block("", ("not", test))
        other = self.expr(node.orelse)
        self.block = before
        return ("any", (chosen, other))

    def _on_binary(self, node: ast.BinOp) -> Expr:
        operator = type(node.op).__name__
        value = ("binop", operator, self.expr(node.left), self.expr(node.right), span_of(node))
        self.here.events.append(("op", value, self.statement, self.block, NOT_AWAITED, value[4]))
        return value

    def _on_compare(self, node: ast.Compare) -> Expr:
        left = self.expr(node.left)
        parts, operators = [left], []
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.expr(right_node)
            name = type(operator).__name__
            if name not in ("Is", "IsNot"):
                value = ("binop", name, left, right, span_of(node))
                self.here.events.append(("op", value, self.statement, self.block, NOT_AWAITED, value[4]))
            left = right
            parts.append(right)
            operators.append(name)
        return ("compare", tuple(parts), tuple(operators))

    def _on_lambda(self, node: ast.Lambda) -> Expr:
        return ("lambda", self.read_function(node, "<lambda>"))

    def _on_generator(self, node: ast.GeneratorExp) -> Expr:
        """A generator expression runs where it is consumed: at once as an argument, else later."""
        if self.consumed:
            return self._on_comprehension(node)
        before = self._enter_block("once")
        value = self._on_comprehension(node)
        self.block = before
        return value

    def _on_comprehension(self, node: Any) -> Expr:
        before = self.block
        for generator in node.generators:
            element = self._iterate(generator, bool(generator.is_async))
            self._enter_block("loop", element[1])
            self._bind(generator.target, element)
            for test in generator.ifs:
                self._test(test)
        if isinstance(node, ast.DictComp):
            values = (self.expr(node.value),) if node.value is not None else ()
            value: Expr = ("dict", (self.expr(node.key),), values)
        else:
            kind = _COMPREHENSIONS[type(node)]
            inner = self.expr(node.elt)
            value = (kind, inner) if kind == "generator" else (kind, (("star", ("list", (inner,))),))
        self.block = before
        return value

    def _on_walrus(self, node: ast.NamedExpr) -> Expr:
        value = self.expr(node.value)
        self._bind(node.target, value)
        return value

    def _on_fstring(self, node: ast.JoinedStr) -> Expr:
        parts = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                parts.append(self.expr(part.value))
                if part.format_spec is not None:
                    self.expr(part.format_spec)
            elif isinstance(part, ast.Constant):
                parts.append(_constant(part.value))
        return ("text", tuple(parts))

    def _on_yield(self, node: ast.Yield) -> Expr:
        self.here.is_generator = True
        value: Expr = ("const", None)
        if node.value is not None:
            value = self.expr(node.value)
            self.here.yields.append(value)
        self._flow("yield", value, span_of(node))
        return UNKNOWN

    def _on_yield_from(self, node: ast.YieldFrom) -> Expr:
        self.here.is_generator = True
        source = self.expr(node.value)
        self.here.events.append(
            ("iter", source, self.statement, self.block, NOT_AWAITED, span_of(node.value))
        )
        value = ("elem", source)
        self.here.yields.append(value)
        self._flow("yield", value, span_of(node))
        return UNKNOWN


def _names_response(callee: Expr) -> bool:
    """Tell whether a call makes a response, which iterates in the thread pool."""
    name = callee[1] if callee[0] == "name" else callee[2] if callee[0] == "attr" else ""
    return str(name).endswith("Response")


def _constant(value: object) -> Expr:
    if value is None or isinstance(value, (str, bool, int)):
        return ("const", value)
    return ("lit", LITERALS.get(type(value), "object"))


_GENERATING = frozenset({ast.GeneratorExp, ast.Starred})
_COMPREHENSIONS = {ast.ListComp: "list", ast.SetComp: "set", ast.GeneratorExp: "generator"}

_EXPRESSIONS: dict[type, Callable[[ExpressionReader, Any], Expr]] = {
    ast.Await: ExpressionReader._on_await,
    ast.Starred: ExpressionReader._on_starred,
    ast.List: ExpressionReader._on_elements,
    ast.Tuple: ExpressionReader._on_elements,
    ast.Set: ExpressionReader._on_elements,
    ast.Dict: ExpressionReader._on_dict,
    ast.Subscript: ExpressionReader._on_subscript,
    ast.BoolOp: ExpressionReader._on_bool,
    ast.UnaryOp: ExpressionReader._on_not,
    ast.IfExp: ExpressionReader._on_choice,
    ast.BinOp: ExpressionReader._on_binary,
    ast.Compare: ExpressionReader._on_compare,
    ast.Lambda: ExpressionReader._on_lambda,
    ast.ListComp: ExpressionReader._on_comprehension,
    ast.SetComp: ExpressionReader._on_comprehension,
    ast.GeneratorExp: ExpressionReader._on_generator,
    ast.DictComp: ExpressionReader._on_comprehension,
    ast.NamedExpr: ExpressionReader._on_walrus,
    ast.JoinedStr: ExpressionReader._on_fstring,
    ast.Yield: ExpressionReader._on_yield,
    ast.YieldFrom: ExpressionReader._on_yield_from,
}
