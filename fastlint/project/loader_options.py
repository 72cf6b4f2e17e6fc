"""The loader options of a query: which attributes `.options(selectinload(...))` and its like name."""

from __future__ import annotations

from fastlint.facts.model import Expr
from fastlint.facts.structure import unwrapped, walk
from fastlint.project.program import Frame
from fastlint.project.statements import Statement
from fastlint.project.tracing import Tracing

LOADERS = frozenset({
    "joinedload", "selectinload", "subqueryload", "contains_eager", "immediateload", "raiseload", "noload",
    "load_only", "defaultload", "lazyload", "with_expression", "options", "of_type", "undefer", "defer",
})  # fmt: skip
DEEPEST = 6


def loader_options(statement: Statement, tracing: Tracing) -> tuple[set[str], bool]:
    """Return the attributes that loader options of a query name, and whether all options are understood."""
    named: set[str] = set()
    clear = True
    for step in statement.steps:
        if step.name != "options":
            continue
        for argument in step.call[2]:
            clear &= _read_option(argument, step.frame, named, tracing, 0)
    return named, clear


def _read_option(expr: Expr, frame: Frame, named: set[str], tracing: Tracing, depth: int) -> bool:
    if depth > DEEPEST:
        return False
    expr = unwrapped(expr)
    if expr[0] == "star":
        return _read_option(expr[1], frame, named, tracing, depth + 1)
    if expr[0] in ("list", "tuple", "any"):
        return all(_read_option(part, frame, named, tracing, depth + 1) for part in expr[1])
    if expr[0] == "call":
        last = expr[1][2] if expr[1][0] == "attr" else expr[1][1] if expr[1][0] == "name" else ""
        if last in LOADERS:
            for part in walk(expr):
                if part[0] == "attr":
                    named.add(part[2])
                elif part[0] == "const" and isinstance(part[1], str):
                    named.update(part[1].split("."))
            return True
        results = list(tracing.returned(expr, frame))
        return bool(results) and all(_read_option(v, s, named, tracing, depth + 1) for v, s, _ in results)
    if expr[0] == "name":
        found = list(tracing.bound(expr, frame))
        if not found:
            module = frame.function.module
            bindings = module.facts.functions[0].bindings.get(expr[1], ())
            found = [(value, module.frame, None) for _, _, value in bindings if value[0] != "import"]
        return bool(found) and all(_read_option(v, s, named, tracing, depth + 1) for v, s, _ in found)
    return False
