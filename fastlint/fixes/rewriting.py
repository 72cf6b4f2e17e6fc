"""Rewrites one expression, with everything that was written in and around it."""

from __future__ import annotations

import libcst as cst

from fastlint.fixes.text import NoFix

_NO_SPACE = cst.SimpleWhitespace("")


def parse(code: str) -> cst.BaseExpression:
    """Return the syntax of an expression that may span several lines."""
    try:
        return cst.parse_expression(f"({code}\n)")
    except cst.ParserSyntaxError:
        raise NoFix("the expression cannot be read on its own") from None


def parse_call(code: str) -> cst.Call:
    """Return the syntax of a call, without the parentheses that it was read in."""
    call = parse(code)
    if not isinstance(call, cst.Call):
        raise NoFix("it is not written as a call")
    return call.with_changes(lpar=call.lpar[1:], rpar=call.rpar[:-1])


def code_of(node: cst.CSTNode) -> str:
    """Return the code of a piece of syntax."""
    return cst.Module([]).code_for_node(node)


def with_callee(code: str, callee: str) -> str:
    """Return the code of a call with another callee, its arguments as they were."""
    return code_of(parse_call(code).with_changes(func=cst.parse_expression(callee)))


def with_keyword(code: str, keyword: str, value: str) -> str:
    """Return the code of a call with one more keyword argument, laid out like the others."""
    call = parse_call(code)
    added = cst.Arg(
        cst.parse_expression(value), keyword=cst.Name(keyword), equal=cst.AssignEqual(_NO_SPACE, _NO_SPACE)
    )
    if not call.args:
        return code_of(call.with_changes(args=[added]))
    last, space = call.args[-1], call.whitespace_before_args
    if isinstance(space, cst.SimpleWhitespace):
        space = cst.SimpleWhitespace(" ")
    comma = cst.Comma(whitespace_after=space)
    added = added.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    last = last.with_changes(comma=comma, whitespace_after_arg=_NO_SPACE)
    return code_of(call.with_changes(args=[*call.args[:-1], last, added]))


def without_keyword(code: str, keyword: str) -> str:
    """Return the code of a call without one of its keyword arguments."""
    call = parse_call(code)
    kept = [arg for arg in call.args if arg.keyword is None or arg.keyword.value != keyword]
    if len(kept) == len(call.args):
        raise NoFix(f"`{keyword}` is not written there")
    if kept and call.args[-1] is not kept[-1]:
        end = call.args[-1]
        kept[-1] = kept[-1].with_changes(comma=end.comma, whitespace_after_arg=end.whitespace_after_arg)
    return code_of(call.with_changes(args=kept))


def handed_over(code: str, runner: str) -> str:
    """Return the code of a call `f(x, y=1)` as `runner(f, x, y=1)`: callable first, arguments as they were.

    Raises `NoFix` where the arguments could not be handed on.
    """
    call = parse_call(code)
    if any(arg.keyword is not None and arg.keyword.value == "func" for arg in call.args):
        raise NoFix(f"`{runner}` has a parameter `func` of its own")
    if any(isinstance(arg.value, cst.GeneratorExp) for arg in call.args):
        raise NoFix("a generator expression among the arguments would run in the thread")
    return code_of(
        call.with_changes(
            func=cst.parse_expression(runner),
            args=[_first(call), *call.args],
        )
    )


def _first(call: cst.Call) -> cst.Arg:
    """Return the callee as an argument, on a line of its own if the other arguments begin on one."""
    if not call.args:
        return cst.Arg(call.func)
    space = call.whitespace_before_args
    if isinstance(space, cst.SimpleWhitespace):
        space = cst.SimpleWhitespace(" ")
    return cst.Arg(call.func, comma=cst.Comma(whitespace_after=space))
