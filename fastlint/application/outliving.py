"""What outlives the call of a function: variables of modules, attributes of `self`, defaults."""

from __future__ import annotations

from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import outlives_call, root
from fastlint.project.program import Frame

DISPLAYS = frozenset({"list", "dict", "set"})
"""How containers are written out."""


def outlives(expr: Expr, frame: Frame) -> bool:
    """Tell whether what a name or an attribute stands for outlives the call: `STATE`, `request.app.state`."""
    return not is_local(root(expr), frame) or (
        expr[0] == "attr" and outlives_call(expr, frame.function.facts, is_maker=True)
    )


def is_local(name: str, frame: Frame) -> bool:
    """Tell whether a name is a variable or a parameter of the function, or of one around it, but not `self`."""
    facts = frame.function.facts
    if name in facts.outer_names:
        return False
    if name in facts.bindings or name in frame.function.parameters:
        return name not in ("self", "cls")
    return frame.parent is not None and is_local(name, frame.parent)


def is_alias(base: Expr, frame: Frame) -> bool:
    """Tell whether a local variable stands for something that outlives the call: `state = STATE`."""
    name = root(base)
    return any(
        value[0] in ("name", "attr") and outlives(value, frame)
        for _, _, value in frame.function.facts.bindings.get(name, ())
    )


def outlives_or_default(base: Expr, facts: FunctionFacts, *, is_maker: bool) -> bool:
    """Tell whether what hangs on an expression is kept after a call; a container that is a default is as well."""
    return outlives_call(base, facts, is_maker=is_maker) or any(
        parameter.name == root(base) and parameter.default is not None and parameter.default[0] in DISPLAYS
        for parameter in facts.parameters
    )
