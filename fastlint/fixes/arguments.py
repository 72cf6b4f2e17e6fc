"""Arguments that are added to a call, or taken out of one."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Edit
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix, Span


def call_at(module: Module, span: Span) -> ast.Call:
    """Return the call at a span. Raises `NoFix` if it is not written as one."""
    node = module.expression(span)
    if not isinstance(node, ast.Call):
        raise NoFix("it is not written as a call")
    return node


def has_keyword(call: ast.Call, name: str) -> bool:
    """Tell whether a keyword argument is written in a call."""
    return any(keyword.arg == name for keyword in call.keywords)


def keyword_of(call: ast.Call, name: str) -> ast.keyword:
    """Return a keyword argument of a call. Raises `NoFix` if it is not written there."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword
    raise NoFix(f"`{name}` is not written in the call")


def without_keyword(module: Module, call: ast.Call, name: str) -> Edit:
    """Return the edit that takes a keyword argument out of a call, with the comma that belongs to it."""
    keyword = keyword_of(call, name)
    arguments = _arguments(call)
    place = arguments.index(keyword)
    start, end = module.bounds(span_of(keyword))
    before = arguments[place - 1] if place else None
    after = arguments[place + 1] if place + 1 < len(arguments) else None
    if before is not None and before.end_lineno == keyword.lineno:
        comma = module.text.rindex(",", module.bounds(span_of(before))[1], start)
        return module.replace(comma, end, "")
    if after is not None and after.lineno == keyword.end_lineno:
        return module.replace(start, module.bounds(span_of(after))[0], "")
    first, last = module.line_start(start), module.line_end(end)
    rest = module.text[end:last].strip().removeprefix(",").strip()
    if not module.text[first:start].strip() and (not rest or rest.startswith("#")):
        return module.replace(first, last, "")
    closing = module.bounds(span_of(call))[1] - 1
    if before is None and after is None and not module.text[end:closing].strip(" ,"):
        return module.replace(start, closing, "")
    raise NoFix("the arguments share their lines with something else")


def with_keyword(module: Module, call: ast.Call, code: str) -> tuple[Edit, ...]:
    """Return the edits that add `name=value` to a call as its last argument."""
    arguments = _arguments(call)
    closing = module.bounds(span_of(call))[1] - 1
    if not arguments:
        return (module.insert(closing, code),)
    last = arguments[-1]
    if isinstance(last, ast.GeneratorExp):
        raise NoFix("the only argument is a generator expression without parentheses")
    start, end = module.bounds(span_of(last))
    tail = module.text[end:closing]
    end += len(tail) - len(tail.lstrip(" )")) if tail.lstrip().startswith(")") else 0
    tail = module.text[end:closing]
    alone = not module.text[module.line_start(start) : start].strip()
    if not alone or module.line_end(end) > closing:
        return (module.insert(end, f", {code}"),)
    has_comma = tail.lstrip().startswith(",")
    comma = (",") if has_comma else ""
    line = f"{module.indentation(start)}{code}{comma}{module.newline}"
    added = module.insert(module.line_end(end), line)
    return (added,) if has_comma else (module.insert(end, ","), added)


def _arguments(call: ast.Call) -> list[ast.expr | ast.keyword]:
    return sorted((*call.args, *call.keywords), key=lambda argument: (argument.lineno, argument.col_offset))
