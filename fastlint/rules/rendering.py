"""Write the facts of an expression as code again, for messages."""

from __future__ import annotations

from fastlint.facts.model import Expr, Span
from fastlint.project.program import Function


def render(expr: Expr) -> str:
    """Return an expression as short code; arguments of calls are left out beyond their first."""
    tag = expr[0]
    if tag == "name":
        return str(expr[1])
    if tag == "attr":
        return f"{render(expr[1])}.{expr[2]}"
    if tag == "call":
        inner = "..." if expr[2] or expr[3] else ""
        return f"{render(expr[1])}({inner})"
    if tag == "sub":
        return f"{render(expr[1])}[{render(expr[2])}]"
    if tag == "const":
        return repr(expr[1])
    if tag == "await":
        return f"await {render(expr[1])}"
    if tag == "binop":
        return f"{render(expr[2])} {_OPERATORS.get(expr[1], '?')} {render(expr[3])}"
    return "..."


def heading(function: Function) -> Span:
    """Return where a function is named: `def name`, without its decorators, parameters and body."""
    row, column = function.facts.span[:2]
    keyword = "async def" if function.facts.is_async else "def"
    return (row, column, row, column + len(f"{keyword} {function.facts.name}".encode()))


_OPERATORS = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "Mod": "%", "BitOr": "|", "BitAnd": "&", "Eq": "==",
    "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "In": "in", "NotIn": "not in",
}  # fmt: skip
