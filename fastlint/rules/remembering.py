"""The fixes of what each call makes anew: a function that keeps what it made, or a constant of the module."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from fastlint.application.requests import Use
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, children, walk
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.hoisting import claim, hoist_expression
from fastlint.fixes.imports import name_of
from fastlint.fixes.lines import lines_of
from fastlint.fixes.module import FunctionNode, Module
from fastlint.fixes.text import NoFix
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.rules.rendering import render

CLOSES = frozenset({"dispose", "close", "aclose", "disconnect", "shutdown"})


def remember(use: Use) -> FixMaker:
    """Return what puts `@lru_cache` on a function without parameters that returns what a call makes."""

    def make(files: Files) -> Fix:
        facts = use.frame.function.facts
        module = files.python(use.frame.function.module.path)
        call = module.expression(use.span)
        node = module.enclosing_function(call)
        if node is None or not isinstance(module.parent(node), ast.Module):
            raise NoFix("it is not made in a function of a module")
        if not _only_returns(module, node, call):
            raise NoFix(f"`{node.name}` does more than make it")
        if facts.parameters:
            raise NoFix(f"`{node.name}` has parameters, so it may make something else each time")
        if node.decorator_list:
            raise NoFix(f"`{node.name}` has a decorator already")
        if isinstance(node, ast.AsyncFunctionDef):
            raise NoFix("a cache would keep the coroutine, which can be awaited only once")
        named = name_of(module, "functools", "lru_cache")
        line = f"@{named.code}{module.newline}"
        return Fix(
            f"Put `@lru_cache` on `{node.name}`",
            Applicability.UNSAFE,
            (module.insert(lines_of(module, node)[0], line), *named.edits),
        )

    return make


def _only_returns(module: Module, function: FunctionNode, call: ast.expr) -> bool:
    """Tell whether a function does nothing but return a call, or raise an error where that fails."""
    statement = module.parent(call)
    block = module.parent(statement)
    has_docstring = ast.get_docstring(function, clean=False) is not None
    if not isinstance(statement, ast.Return) or len(function.body) > 1 + int(has_docstring):
        return False
    if isinstance(block, ast.Try) and block.body == [statement] and not block.finalbody:
        raising = all(isinstance(handler.body[-1], ast.Raise) for handler in block.handlers)
        return raising and module.parent(block) is function
    return block is function


def keep(
    use: Use, inference: Inference, name: Callable[[ast.Call], str], *, is_safe: bool = False
) -> FixMaker:
    """Return what makes a constant of the module of what a call makes, under a name that goes by the call.

    The fix is safe if that is said, and the call names nothing of the project and asks nothing.
    """

    def make(files: Files) -> Fix:
        module = files.python(use.frame.function.module.path)
        node = module.expression(use.span)
        if not isinstance(node, ast.Call):
            raise NoFix("it is not written as a call")
        _require_left_open(module, node)
        names = [part for part in walk(use.expr) if part[0] == "name"]
        asks = any(part[0] == "call" and part is not use.expr for part in walk(use.expr)) or _has_text(
            use.expr
        )
        is_known = is_safe and not asks and all(_is_of_library(n, use.frame, inference) for n in names)
        return Fix(
            f"Make `{render(use.expr)}` a constant of the module",
            Applicability.SAFE if is_known else Applicability.UNSAFE,
            (*hoist_expression(module, node, name(node)), claim(module)),
            (claim(module),),
        )

    return make


def _require_left_open(module: Module, node: ast.Call) -> None:
    """Raise `NoFix` if a function gives back what it makes, or waits for it."""
    parent = module.parent(node)
    if isinstance(parent, ast.Await | ast.withitem):
        raise NoFix("the function waits for it, or gives it back at the end of a block")
    targets = parent.targets if isinstance(parent, ast.Assign) else []
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    for part in ast.walk(module.enclosing_function(node) or node):
        used = part.value if isinstance(part, ast.Attribute) and part.attr in CLOSES else None
        used = part.context_expr if isinstance(part, ast.withitem) else used
        if isinstance(used, ast.Name) and used.id in names:
            raise NoFix(f"the function itself closes `{used.id}`")


def first_of(*makers: FixMaker) -> FixMaker:
    """Return the first of several fixes that there is; the reason of the first one if there is none."""

    def make(files: Files) -> Fix:
        reasons = []
        for maker in makers:
            try:
                return maker(files)
            except NoFix as reason:
                reasons.append(str(reason))
        raise NoFix(reasons[0])

    return make


def _is_of_library(name: Expr, frame: Frame, inference: Inference) -> bool:
    """Tell whether a name means something of a library or of Python, complete when it is imported."""
    values = inference.values(name, frame)
    return bool(values) and all(
        isinstance(getattr(value, "name", getattr(value, "cls", None)), str) for value in values
    )


def _has_text(expr: Expr) -> bool:
    """Tell whether an expression has text in it that may name a type, which is one of `Literal` only."""
    if expr[0] == "sub" and called_name(("call", expr[1])) == "Literal":
        return False
    is_text = expr[0] == "const" and isinstance(expr[1], str)
    return is_text or any(map(_has_text, children(expr)))


def adapter_name(call: ast.Call) -> str:
    """Return a name for what a call makes: the one that it is given, or `LIST_INT_ADAPTER`."""
    first = call.args[0] if call.args else call
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.isidentifier():
        return first.value
    parts = [part for part in ast.walk(first) if isinstance(part, ast.Name | ast.Attribute)]
    parts.sort(key=lambda part: (part.end_lineno, part.end_col_offset))
    words = [part.id if isinstance(part, ast.Name) else part.attr for part in parts]
    return "_".join([*(_snake_case(word).upper() for word in words), "ADAPTER"])


def class_name(call: ast.Call) -> str:
    """Return a name for what is made of a class: `mail_settings` of `MailSettings()`."""
    called = call.func
    word = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
    return _snake_case(word)


def _snake_case(word: str) -> str:
    """Return a name as variables have it: `mail_settings` of `MailSettings`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()
