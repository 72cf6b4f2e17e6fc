"""Take the facts of one file from its syntax tree, in one pass."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from fastlint.facts.guards import (
    asks_for_running_loop,
    assigned_targets,
    filled_names,
    loop_state,
    memo_targets,
    present_targets,
)
from fastlint.facts.model import (
    DIRECTLY,
    INSIDE,
    NOT_AWAITED,
    UNKNOWN,
    Binding,
    ClassFacts,
    Expr,
    FunctionFacts,
    ModuleFacts,
    Parameter,
    Span,
)

LITERALS = {bytes: "bytes", float: "float", complex: "complex"}
JUMPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def extract(tree: ast.Module, lines: int) -> ModuleFacts:
    """Return the facts of a parsed module of so many lines."""
    extractor = _Extractor()
    extractor.module(tree)
    return ModuleFacts(
        extractor.functions, extractor.classes, extractor.stars, lines, sorted(extractor.mentions)
    )


def span_of(node: Any) -> Span:
    """Return where a node stands."""
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


class _Extractor:
    """Walks a module once; `self.here` is the function whose body is being read."""

    def __init__(self) -> None:
        self.functions: list[FunctionFacts] = []
        self.classes: list[ClassFacts] = []
        self.stars: list[tuple[str, int]] = []
        self.mentions: set[str] = set()
        self.here: FunctionFacts
        self.index = -1
        self.owner = -1
        self.names: dict[str, list[Binding]] = {}
        self.block = 0
        self.time = 0
        self.statement = 0
        self.globals: set[str] = set()
        self.awaiting = 0
        self.consumed = False
        """Whether a generator expression met now is iterated at once."""

    # Definitions

    def module(self, tree: ast.Module) -> None:
        """Read the module's body as function 0."""
        self._open("<module>", "", (1, 0, 1, 0), is_async=False, parent=-1, owner=-1)
        self._body(tree.body)

    def _open(
        self, name: str, qualname: str, span: Span, *, is_async: bool, parent: int, owner: int
    ) -> FunctionFacts:
        facts = FunctionFacts(
            name, qualname, span, is_async, False, parent, owner,
            [], [], None, {}, [], [], [], [(-1, "")], [], [], [], False, False,
        )  # fmt: skip
        self.functions.append(facts)
        self.here, self.index, self.names = facts, len(self.functions) - 1, facts.bindings
        self.owner, self.block, self.time, self.statement, self.globals = -1, 0, 0, 0, set()
        return facts

    def _function(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        name: str,
    ) -> int:
        """Read a function's body in a scope of its own and return its index."""
        decorators = [self.expr(d) for d in getattr(node, "decorator_list", ())]
        parameters = self._parameters(node.args)
        returns = getattr(node, "returns", None)
        annotation = self.annotation(returns) if returns is not None else None
        saved = (
            self.here, self.index, self.names, self.owner,
            self.block, self.time, self.statement, self.globals, self.awaiting,
        )  # fmt: skip
        self.awaiting = 0
        prefix = self.classes[self.owner].qualname if self.owner >= 0 else self.here.qualname
        facts = self._open(
            name,
            f"{prefix}.{name}" if prefix else name,
            span_of(node),
            is_async=isinstance(node, ast.AsyncFunctionDef),
            parent=self.index,
            owner=self.owner,
        )
        index = self.index
        facts.decorators, facts.parameters, facts.returns_annotation = decorators, parameters, annotation
        if isinstance(node, ast.Lambda):
            facts.statements.append((span_of(node.body), span_of(node.body)))
            facts.returns.append(self.expr(node.body))
        else:
            facts.is_stub = _is_stub(node.body)
            self._body(node.body)
        (
            self.here, self.index, self.names, self.owner,
            self.block, self.time, self.statement, self.globals, self.awaiting,
        ) = saved  # fmt: skip
        return index

    def _parameters(self, args: ast.arguments) -> list[Parameter]:
        positional = [*args.posonlyargs, *args.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
        defaults += args.defaults
        found = [self._parameter(a, "positional", d) for a, d in zip(positional, defaults, strict=True)]
        if args.vararg:
            found.append(self._parameter(args.vararg, "args", None))
        pairs = zip(args.kwonlyargs, args.kw_defaults, strict=True)
        found += [self._parameter(a, "keyword", d) for a, d in pairs]
        if args.kwarg:
            found.append(self._parameter(args.kwarg, "kwargs", None))
        return found

    def _parameter(self, arg: ast.arg, kind: str, default: ast.expr | None) -> Parameter:
        annotation = self.annotation(arg.annotation) if arg.annotation is not None else None
        return Parameter(arg.arg, kind, annotation, self.expr(default) if default is not None else None)

    def _class(self, node: ast.ClassDef) -> int:
        decorators = [self.expr(d) for d in node.decorator_list]
        bases = [self.annotation(b) for b in node.bases]
        keywords = [(k.arg, self.expr(k.value)) for k in node.keywords]
        prefix = self.classes[self.owner].qualname if self.owner >= 0 else self.here.qualname
        qualname = f"{prefix}.{node.name}" if prefix else node.name
        facts = ClassFacts(node.name, qualname, span_of(node), self.index, bases, keywords, decorators, {})
        self.classes.append(facts)
        index = len(self.classes) - 1
        names, owner = self.names, self.owner
        self.names, self.owner = facts.bindings, index
        self._body(node.body)
        self.names, self.owner = names, owner
        return index

    # Statements

    def _body(self, statements: Sequence[ast.stmt]) -> None:
        """Read statements in order; what follows `if cached: return cached` runs once."""
        block = self.block
        for position, node in enumerate(statements):
            handler = _STATEMENTS.get(type(node))
            self.time += 1
            self.statement = len(self.here.statements)
            self.here.statements.append((span_of(node), _header(node)))
            if handler is not None:
                handler(self, node)
            else:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.expr(child)
            if isinstance(node, ast.If) and isinstance(node.body[-1], JUMPS) and not node.orelse:
                self._narrow(ast.UnaryOp(ast.Not(), node.test))
                if loop_state(node.test)[0]:
                    self._enter_block("once")
                targets = present_targets(
                    node.test, self.globals, self._local_names(), statements[:position]
                )
                if targets and targets & assigned_targets(statements[position + 1 :]):
                    self._enter_block("once")
        self.block = block

    def _enter_block(self, kind: str) -> int:
        """Start a block inside the current one and return the current one, to come back to."""
        before = self.block
        self.here.blocks.append((before, kind))
        self.block = len(self.here.blocks) - 1
        return before

    def _block(self, statements: Sequence[ast.stmt], kind: str = "") -> None:
        before = self._enter_block(kind)
        self._body(statements)
        self.block = before

    def _on_expression(self, node: ast.Expr) -> None:
        value = node.value
        if isinstance(value, ast.Call):
            self._call(value, "drop")
        else:
            self.expr(value)

    def _on_assign(self, node: ast.Assign) -> None:
        value = self.expr(node.value)
        for target in node.targets:
            self._bind(target, value)

    def _on_annotated(self, node: ast.AnnAssign) -> None:
        value = self.expr(node.value) if node.value is not None else None
        self._bind(node.target, ("typed", self.annotation(node.annotation), value))

    def _on_augmented(self, node: ast.AugAssign) -> None:
        value = self.expr(node.value)
        if isinstance(node.target, ast.Name):
            left: Expr = ("name", node.target.id, self.time, self.block)
            self._bind(node.target, ("any", (left, value)))
        elif isinstance(node.target, ast.Attribute):
            self.expr(node.target.value)

    def _on_type_alias(self, node: Any) -> None:
        self._bind(node.name, self.annotation(node.value))

    def _on_return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.here.returns.append(self.expr(node.value))

    def _on_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind_name(node.name, ("def", self._function(node, node.name)))

    def _on_class(self, node: ast.ClassDef) -> None:
        self._bind_name(node.name, ("class", self._class(node)))

    def _on_global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.globals.update(node.names)
        self.here.outer_names.extend(node.names)

    def _on_import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self._bind_name(alias.asname, ("import", alias.name, 0, None))
            else:
                self._bind_name(alias.name.partition(".")[0], ("import", alias.name, 0, ""))

    def _on_import_from(self, node: ast.ImportFrom) -> None:
        module, level = node.module or "", node.level
        for alias in node.names:
            if alias.name == "*":
                self.stars.append((module, level))
            else:
                self._bind_name(alias.asname or alias.name, ("import", module, level, alias.name))

    def _on_if(self, node: ast.If) -> None:
        self.expr(node.test)
        missing = memo_targets(node.test, self.globals, self._local_names())
        once = missing and missing & assigned_targets(node.body)
        running, idle = loop_state(node.test)
        filled = "" if once else ",".join(sorted(filled_names(missing, node.body)))
        before = self._enter_block("once" if once or idle else f"fills {filled}" if filled else "")
        self._narrow(node.test)
        self._body(node.body)
        self.block = before
        if node.orelse:
            before = self._enter_block("once" if running else "")
            self._narrow(ast.UnaryOp(ast.Not(), node.test))
            self._body(node.orelse)
            self.block = before

    def _local_names(self) -> set[str]:
        """Return the names that the function has bound so far, its parameters included."""
        names = {parameter.name for parameter in self.here.parameters}
        if self.index > 0:
            names.update(self.here.bindings)
        return names

    def _narrow(self, test: ast.expr) -> None:
        """Bind a name that `isinstance` tests to the class, for the block that follows."""
        tests = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
        for part in tests:
            match part:
                case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kind]):
                    self._bind_name(name, ("instance", self.quiet(kind)))
                case ast.UnaryOp(
                    op=ast.Not(), operand=ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kind])
                ):
                    before: Expr = ("name", name, self.time, self.block)
                    self._bind_name(name, ("except", before, self.quiet(kind)))
                case ast.UnaryOp(op=ast.Not(), operand=ast.UnaryOp(op=ast.Not(), operand=inner)):
                    self._narrow(inner)

    def _on_for(self, node: ast.For | ast.AsyncFor) -> None:
        iterable = self._iterate(node, isinstance(node, ast.AsyncFor))
        before = self._enter_block("loop")
        self._bind(node.target, iterable)
        self._body(node.body)
        self.block = before
        self._body(node.orelse)

    def _iterate(self, node: ast.For | ast.AsyncFor | ast.comprehension, is_async: bool) -> Expr:
        """Record that something is iterated and return what iteration yields."""
        source = self.expr(node.iter, awaited=is_async)
        kind = "aiter" if is_async else "iter"
        self.here.events.append((kind, source, self.statement, self.block, int(is_async), span_of(node.iter)))
        return ("aelem" if is_async else "elem", source)

    def _on_while(self, node: ast.While) -> None:
        before = self._enter_block("while")
        self.expr(node.test)
        self._body(node.body)
        self.block = before
        self._body(node.orelse)

    def _on_with(self, node: ast.With | ast.AsyncWith) -> None:
        is_async = isinstance(node, ast.AsyncWith)
        kind = "aenter" if is_async else "enter"
        for item in node.items:
            context = self.expr(item.context_expr, awaited=is_async)
            span = span_of(item.context_expr)
            self.here.events.append((kind, context, self.statement, self.block, int(is_async), span))
            if item.optional_vars is not None:
                self._bind(item.optional_vars, (kind, context))
        self._body(node.body)

    def _on_try(self, node: Any) -> None:
        self._body(node.body)
        asks_for_loop = any(asks_for_running_loop(statement) for statement in node.body)
        for handler in node.handlers:
            before = self._enter_block("once" if asks_for_loop else "")
            if handler.type is not None:
                caught = self.expr(handler.type)
                if handler.name:
                    self._bind_name(handler.name, ("instance", caught))
            self._body(handler.body)
            self.block = before
        self._body(node.orelse)
        self._body(node.finalbody)

    def _on_match(self, node: ast.Match) -> None:
        subject = self.expr(node.subject)
        for case in node.cases:
            before = self._enter_block("")
            self._pattern(case.pattern, subject)
            if case.guard is not None:
                self.expr(case.guard)
            self._body(case.body)
            self.block = before

    def _pattern(self, pattern: ast.pattern, subject: Expr) -> None:
        match pattern:
            case ast.MatchAs(pattern=ast.MatchClass(cls=kind), name=str(name)):
                self._bind_name(name, ("instance", self.quiet(kind)))
            case ast.MatchAs(name=str(name), pattern=None):
                self._bind_name(name, subject)
            case ast.MatchClass(cls=kind) if subject[0] == "name":
                self._bind_name(subject[1], ("instance", self.quiet(kind)))
            case ast.MatchOr(patterns=patterns):
                for part in patterns:
                    self._pattern(part, subject)

    # Binding

    def _bind(self, target: ast.expr, value: Expr) -> None:
        match target:
            case ast.Name(id=name):
                self._bind_name(name, value)
            case ast.Attribute(value=base, attr=attribute):
                owner = self.expr(base)
                self.here.stores.append((owner, attribute, value))
                place: Expr = ("attr", owner, attribute, span_of(target))
                self.here.events.append(("set", place, self.statement, self.block, NOT_AWAITED, span_of(target)))
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
                return base
            index = node.slice
            if isinstance(index, ast.Tuple):
                inner: Expr = ("tuple", tuple(self.annotation(e) for e in index.elts))
            else:
                inner = self.annotation(index)
            return ("sub", base, inner, span_of(node))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return ("any", (self.annotation(node.left), self.annotation(node.right)))
        if isinstance(node, ast.List):
            return ("list", tuple(self.annotation(e) for e in node.elts))
        return self.quiet(node)

    def expr(self, node: ast.expr, awaited: bool = False) -> Expr:
        """Return an expression's facts, recording the calls and reads that it makes, in order."""
        kind = type(node)
        if kind is ast.Name:
            self.mentions.add(node.id)  # type: ignore[attr-defined]
            if self.owner >= 0 and node.id in self.names:  # type: ignore[attr-defined]
                return ("member", self.owner, node.id)  # type: ignore[attr-defined]
            return ("name", node.id, self.time, self.block)  # type: ignore[attr-defined]
        if kind is ast.Call:
            return self._call(node, "call", awaited)  # type: ignore[arg-type]
        if kind is ast.Attribute:
            self.mentions.add(node.attr)  # type: ignore[attr-defined]
            value = ("attr", self.expr(node.value), node.attr, span_of(node))  # type: ignore[attr-defined]
            self.here.events.append(("attr", value, self.statement, self.block, int(awaited), value[3]))
            return value
        if kind is ast.Constant:
            return _constant(node.value)  # type: ignore[attr-defined]
        handler = _EXPRESSIONS.get(kind)
        return handler(self, node) if handler is not None else self._other(node)

    def _other(self, node: ast.expr) -> Expr:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.expr(child)
        return UNKNOWN

    def _call(self, node: ast.Call, kind: str, awaited: bool = False) -> Expr:
        func = node.func
        if isinstance(func, ast.Attribute):
            self.mentions.add(func.attr)
            base: Expr = ("attr", self.expr(func.value), func.attr, span_of(func))
        else:
            base = self.expr(func)
        args = tuple([self._argument(a, base) for a in node.args])
        keywords = tuple([(k.arg, self.expr(k.value)) for k in node.keywords])
        span = span_of(node)
        call = ("call", base, args, keywords, span)
        how = DIRECTLY if awaited else INSIDE if self.awaiting else NOT_AWAITED
        self.here.events.append((kind, call, self.statement, self.block, how, span))
        return call

    def _argument(self, node: ast.expr, callee: Expr) -> Expr:
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.GeneratorExp):
            return ("star", self._argument(node.value, callee))
        if isinstance(node, ast.GeneratorExp):
            self.consumed = not _names_response(callee)
            value = self.expr(node)
            self.consumed = False
            return value
        return self.expr(node)

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

    def _on_choice(self, node: ast.IfExp) -> Expr:
        self.expr(node.test)
        before = self._enter_block("")
        self._narrow(node.test)
        chosen = self.expr(node.body)
        self.block = before
        return ("any", (chosen, self.expr(node.orelse)))

    def _on_binary(self, node: ast.BinOp) -> Expr:
        operator = type(node.op).__name__
        value = ("binop", operator, self.expr(node.left), self.expr(node.right), span_of(node))
        self.here.events.append(("op", value, self.statement, self.block, NOT_AWAITED, value[4]))
        return value

    def _on_compare(self, node: ast.Compare) -> Expr:
        left = self.expr(node.left)
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.expr(right_node)
            name = type(operator).__name__
            if name not in ("Is", "IsNot"):
                value = ("binop", name, left, right, span_of(node))
                self.here.events.append(("op", value, self.statement, self.block, NOT_AWAITED, value[4]))
            left = right
        return ("lit", "bool")

    def _on_lambda(self, node: ast.Lambda) -> Expr:
        return ("lambda", self._function(node, "<lambda>"))

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
            self._enter_block("loop")
            self._bind(generator.target, element)
            for test in generator.ifs:
                self.expr(test)
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
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.expr(part.value)
                if part.format_spec is not None:
                    self.expr(part.format_spec)
        return ("lit", "str")

    def _on_yield(self, node: ast.Yield) -> Expr:
        self.here.is_generator = True
        if node.value is not None:
            self.here.yields.append(self.expr(node.value))
        return UNKNOWN

    def _on_yield_from(self, node: ast.YieldFrom) -> Expr:
        self.here.is_generator = True
        source = self.expr(node.value)
        self.here.events.append(("iter", source, self.statement, self.block, NOT_AWAITED, span_of(node.value)))
        self.here.yields.append(("elem", source))
        return UNKNOWN


def _names_response(callee: Expr) -> bool:
    """Tell whether a call makes a response, which iterates in the thread pool."""
    name = callee[1] if callee[0] == "name" else callee[2] if callee[0] == "attr" else ""
    return str(name).endswith("Response")


def _constant(value: object) -> Expr:
    if value is None or isinstance(value, (str, bool, int)):
        return ("const", value)
    return ("lit", LITERALS.get(type(value), "object"))


def _header(node: ast.stmt) -> Span:
    """Return the span of a compound statement up to its body, of a simple one as a whole."""
    body = getattr(node, "body", None) or getattr(node, "cases", None)
    if not body:
        return span_of(node)
    first = body[0].pattern if isinstance(node, ast.Match) else body[0]
    return (node.lineno, node.col_offset, first.lineno, first.col_offset)


def _is_stub(body: Sequence[ast.stmt]) -> bool:
    for node in body:
        match node:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Raise(
                exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))
            ):
                continue
        return False
    return True


_COMPREHENSIONS = {ast.ListComp: "list", ast.SetComp: "set", ast.GeneratorExp: "generator"}

_STATEMENTS: dict[type, Callable[[_Extractor, Any], None]] = {
    ast.Expr: _Extractor._on_expression,
    ast.Assign: _Extractor._on_assign,
    ast.AnnAssign: _Extractor._on_annotated,
    ast.AugAssign: _Extractor._on_augmented,
    ast.Return: _Extractor._on_return,
    ast.FunctionDef: _Extractor._on_definition,
    ast.AsyncFunctionDef: _Extractor._on_definition,
    ast.ClassDef: _Extractor._on_class,
    ast.Global: _Extractor._on_global,
    ast.Nonlocal: _Extractor._on_global,
    ast.Import: _Extractor._on_import,
    ast.ImportFrom: _Extractor._on_import_from,
    ast.If: _Extractor._on_if,
    ast.For: _Extractor._on_for,
    ast.AsyncFor: _Extractor._on_for,
    ast.While: _Extractor._on_while,
    ast.With: _Extractor._on_with,
    ast.AsyncWith: _Extractor._on_with,
    ast.Try: _Extractor._on_try,
    ast.TryStar: _Extractor._on_try,
    ast.Match: _Extractor._on_match,
}
if hasattr(ast, "TypeAlias"):
    _STATEMENTS[ast.TypeAlias] = _Extractor._on_type_alias

_EXPRESSIONS: dict[type, Callable[[_Extractor, Any], Expr]] = {
    ast.Await: _Extractor._on_await,
    ast.Starred: _Extractor._on_starred,
    ast.List: _Extractor._on_elements,
    ast.Tuple: _Extractor._on_elements,
    ast.Set: _Extractor._on_elements,
    ast.Dict: _Extractor._on_dict,
    ast.Subscript: _Extractor._on_subscript,
    ast.BoolOp: _Extractor._on_bool,
    ast.IfExp: _Extractor._on_choice,
    ast.BinOp: _Extractor._on_binary,
    ast.Compare: _Extractor._on_compare,
    ast.Lambda: _Extractor._on_lambda,
    ast.ListComp: _Extractor._on_comprehension,
    ast.SetComp: _Extractor._on_comprehension,
    ast.GeneratorExp: _Extractor._on_generator,
    ast.DictComp: _Extractor._on_comprehension,
    ast.NamedExpr: _Extractor._on_walrus,
    ast.JoinedStr: _Extractor._on_fstring,
    ast.Yield: _Extractor._on_yield,
    ast.YieldFrom: _Extractor._on_yield_from,
}
