"""The heads of functions."""

from __future__ import annotations

import ast
import io
import tokenize

from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix


def parameters_with_defaults(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr | None]]:
    """Return the parameters that can have a default, each with what it has."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(positional) - len(arguments.defaults))
    return [
        *zip(positional, [*missing, *arguments.defaults], strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]


def end_of_parameters(module: Module, function: FunctionNode) -> int:
    """Return the offset behind the parenthesis that closes a function's parameters."""
    start = module.bounds(span_of(function))[0]
    text = module.text[start : module.bounds(span_of(function))[1]]
    depth = 0
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            if token.type == tokenize.OP and token.string in "([{":
                depth += 1
            elif token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
                if not depth and token.string == ")":
                    return start + starts[token.end[0] - 1] + token.end[1]
    except (tokenize.TokenError, IndentationError):
        pass
    raise NoFix("the head of the function cannot be read")
