"""Take the facts of one file from its syntax tree, in one pass."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastlint.facts.expressions import ExpressionReader, span_of
from fastlint.facts.guards import (
    assigned_targets,
    filled_names,
    loop_state,
    memo_targets,
    present_targets,
)
from fastlint.facts.model import (
    UNKNOWN,
    WHOLE_FILE,
    ClassFacts,
    Expr,
    FunctionFacts,
    ModuleFacts,
    Parameter,
    Span,
)
from fastlint.facts.structure import children, last_name

LONGEST_NAME = 200
"""Characters of a text that may still be a dotted name."""
_COMPOUND = frozenset({
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.AsyncFor, ast.While, ast.With,
    ast.AsyncWith, ast.Try, ast.TryStar, ast.Match,
})  # fmt: skip
JUMPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def extract(tree: ast.Module) -> ModuleFacts:
    """Return the facts of a parsed module."""
    extractor = _Extractor()
    extractor.module(tree)
    classes: dict[int, list[ClassFacts]] = defaultdict(list)
    for cls in extractor.classes:
        classes[cls.parent].append(cls)
    for index, function in enumerate(extractor.functions):
        names = _names(function, classes[index])
        if "cls" in names and function.owner >= 0:
            names.add(extractor.classes[function.owner].name)
        function.names = " ".join(sorted(names))
        function.stored = " ".join(sorted(_stored(function)))
    return ModuleFacts(
        extractor.functions,
        extractor.classes,
        extractor.stars,
        frozenset(extractor.mentions),
        frozenset(extractor.imports),
    )


class _Extractor(ExpressionReader):
    """Walks a module once; `self.here` is the function whose body is being read."""

    # Definitions

    def module(self, tree: ast.Module) -> None:
        """Read the module's body as function 0."""
        self._open("<module>", "", WHOLE_FILE, is_async=False, parent=-1, owner=-1)
        self._body(tree.body)

    def _open(
        self, name: str, qualname: str, span: Span, *, is_async: bool, parent: int, owner: int
    ) -> FunctionFacts:
        facts = FunctionFacts(
            name, qualname, span, is_async, False, parent, owner,
            [], [], None, {}, [], [], [], [(-1, "", UNKNOWN)], [], [], [], [], False, False,
        )  # fmt: skip
        self.functions.append(facts)
        self.here, self.index, self.names = facts, len(self.functions) - 1, facts.bindings
        self.owner, self.block, self.time, self.statement, self.globals = -1, 0, 0, 0, set()
        return facts

    def read_function(
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
        block, recorded = self.block, self.here.statements
        for position, node in enumerate(statements):
            self.time += 1
            self.statement = len(recorded)
            span, kind = span_of(node), type(node)
            recorded.append((span, _header(node) if kind in _COMPOUND else span))
            handler = _STATEMENTS.get(kind)
            if handler is not None:
                handler(self, node)
            else:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.expr(child)
            if isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], JUMPS):
                self._narrow(node.test, holds=False)
                if loop_state(node.test)[0]:
                    self._enter_block("once")
                targets = present_targets(node.test, self.globals, self._local_names(), statements[:position])
                if targets and targets & assigned_targets(statements[position + 1 :]):
                    self._enter_block("once")
        self.block = block

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
            owner = self.expr(node.target.value)
            self._flow("augment", ("attr", owner, node.target.attr, span_of(node.target)), span_of(node))
        else:
            holder, index = self.expr(node.target.value), self.expr(node.target.slice)
            self._flow("augment", ("sub", holder, index, span_of(node.target)), span_of(node))

    def _on_type_alias(self, node: Any) -> None:
        self._bind(node.name, self.annotation(node.value))

    def _on_return(self, node: ast.Return) -> None:
        value: Expr = ("const", None)
        if node.value is not None:
            value = self.expr(node.value)
            self.here.returns.append(value)
        self._flow("return", value, span_of(node))

    def _on_raise(self, node: ast.Raise) -> None:
        value = self.expr(node.exc) if node.exc is not None else UNKNOWN
        if node.cause is not None:
            self.expr(node.cause)
        self._flow("raise", value, span_of(node))

    def _on_jump(self, node: ast.Break | ast.Continue) -> None:
        self._flow("break" if isinstance(node, ast.Break) else "continue", UNKNOWN, span_of(node))

    def _on_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._flow("delete", self.expr(target), span_of(target))

    def _on_assert(self, node: ast.Assert) -> None:
        self._test(node.test)
        if node.msg is not None:
            self.expr(node.msg)

    def _on_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind_name(node.name, ("def", self.read_function(node, node.name)))

    def _on_class(self, node: ast.ClassDef) -> None:
        self._bind_name(node.name, ("class", self._class(node)))

    def _on_global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.globals.update(node.names)
        self.here.outer_names.extend(node.names)

    def _on_import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports.add((alias.name, 0, None if alias.asname else ""))
            if alias.asname:
                self._bind_name(alias.asname, ("import", alias.name, 0, None, span_of(node)))
            else:
                self._bind_name(alias.name.partition(".")[0], ("import", alias.name, 0, "", span_of(node)))

    def _on_import_from(self, node: ast.ImportFrom) -> None:
        module, level = node.module or "", node.level
        for alias in node.names:
            self.imports.add((module, level, None if alias.name == "*" else alias.name))
            if alias.name == "*":
                self.stars.append((module, level))
            else:
                self._bind_name(
                    alias.asname or alias.name, ("import", module, level, alias.name, span_of(node))
                )

    def _on_if(self, node: ast.If) -> None:
        test = self._test(node.test)
        missing = memo_targets(node.test, self.globals, self._local_names())
        once = missing and missing & assigned_targets(node.body)
        running, idle = loop_state(node.test)
        filled = "" if once else ",".join(sorted(filled_names(missing, node.body)))
        before = self._enter_block("once" if once or idle else f"fills {filled}" if filled else "", test)
        self._narrow(node.test)
        self._body(node.body)
        self.block = before
        if node.orelse:
            before = self._enter_block("once" if running else "", ("not", test))
            self._narrow(node.test, holds=False)
            self._body(node.orelse)
            self.block = before

    def _on_for(self, node: ast.For | ast.AsyncFor) -> None:
        iterable = self._iterate(node, isinstance(node, ast.AsyncFor))
        before = self._enter_block("loop", iterable[1])
        self._bind(node.target, iterable)
        self._body(node.body)
        self.block = before
        self._body(node.orelse)

    def _on_while(self, node: ast.While) -> None:
        before = self._enter_block("while")
        test = self._test(node.test)
        self.here.blocks[self.block] = (before, "while", test)
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
            region = "async with" if is_async else "with"
            self.here.regions.append((region, _body_span(node.body), context, self.statement))
        self._body(node.body)

    def _on_try(self, node: Any) -> None:
        statement = self.statement
        self._region("try", node.body, statement)
        asked = self.asked_for_loop
        self._body(node.body)
        asks_for_loop = self.asked_for_loop > asked
        for handler in node.handlers:
            before = self._enter_block("once" if asks_for_loop else "")
            caught: Expr = UNKNOWN
            if handler.type is not None:
                caught = self.expr(handler.type)
                if handler.name:
                    self._bind_name(handler.name, ("instance", caught))
            self._region("except", handler.body, statement, caught)
            self._body(handler.body)
            self.block = before
        self._region("else", node.orelse, statement)
        self._body(node.orelse)
        self._region("finally", node.finalbody, statement)
        self._body(node.finalbody)

    def _region(self, kind: str, body: list[ast.stmt], statement: int, detail: Expr = UNKNOWN) -> None:
        if body:
            self.here.regions.append((kind, _body_span(body), detail, statement))

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


def _stored(facts: FunctionFacts) -> set[str]:
    """Return the names of what a function sets, changes or deletes: attributes, and containers of items."""
    found = {last_name(base) if name in ("[]", "[+]") else name for base, name, _ in facts.stores}
    for kind, expr, *_ in facts.events:
        if kind in ("delete", "augment"):
            parts = expr[1] if expr[0] in ("tuple", "list") else (expr,)
            found.update(last_name(part[1] if part[0] == "sub" else part) or "?" for part in parts)
    return found - {""}


def _names(facts: FunctionFacts, classes: Sequence[ClassFacts]) -> set[str]:
    """Return the names, attributes and keywords of a function and of the classes in it, also those in texts."""
    heading = [*facts.decorators, facts.returns_annotation]
    for parameter in facts.parameters:
        heading += [parameter.annotation, parameter.default]
    body = [event[1] for event in facts.events]
    body += [value for bound in facts.bindings.values() for _, _, value in bound]
    body += [value for _, _, value in facts.stores] + [detail for _, _, detail in facts.blocks]
    body += [region[2] for region in facts.regions] + [*facts.returns, *facts.yields]
    for cls in classes:
        body += [value for bound in cls.bindings.values() for _, _, value in bound]
        body += [*cls.bases, *cls.decorators, *(value for _, value in cls.keywords)]
    found = {*facts.bindings, *(parameter.name for parameter in facts.parameters), *facts.outer_names}
    pending = [expr for expr in heading if expr is not None] + body
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        tag = part[0]
        if tag == "name":
            found.add(part[1])
        elif tag == "const":
            if type(part[1]) is str:
                found.update(_names_in(part[1]))
        elif id(part) not in seen:
            seen.add(id(part))
            if tag == "attr":
                found.add(part[2])
                pending.append(part[1])
            elif tag == "call":
                _, base, args, keywords, _ = part
                pending.append(base)
                pending += args
                for name, value in keywords:
                    found.add(name)
                    pending.append(value)
            elif tag == "member":
                found.add(part[2])
            elif tag == "import":
                found.update(part[1].split("."))
                found.add(part[3])
            else:
                pending += children(part)
    return found - {"", None}


def _names_in(text: str) -> Iterable[str]:
    """Return the names of a text that is a dotted name, or of the form `module:name`."""
    if len(text) > LONGEST_NAME:
        return ()
    if text.isidentifier():
        return (text,)
    return filter(str.isidentifier, text.replace(":", ".").split("."))


def _body_span(body: Sequence[ast.stmt]) -> Span:
    """Return the span from the first to the last statement of a body, decorators included."""
    first = min([body[0], *getattr(body[0], "decorator_list", ())], key=lambda node: node.lineno)
    return (first.lineno, first.col_offset, *span_of(body[-1])[2:])


def _header(node: Any) -> Span:
    """Return the span of a compound statement up to its body."""
    first = node.cases[0].pattern if isinstance(node, ast.Match) else node.body[0]
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


_STATEMENTS: dict[type, Callable[[_Extractor, Any], None]] = {
    ast.Expr: _Extractor._on_expression,
    ast.Assign: _Extractor._on_assign,
    ast.AnnAssign: _Extractor._on_annotated,
    ast.AugAssign: _Extractor._on_augmented,
    ast.Delete: _Extractor._on_delete,
    ast.Return: _Extractor._on_return,
    ast.Raise: _Extractor._on_raise,
    ast.Break: _Extractor._on_jump,
    ast.Continue: _Extractor._on_jump,
    ast.Assert: _Extractor._on_assert,
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
