"""The words that an expression is written with: its strings and names, and those of what the names stand for."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr
from fastlint.facts.structure import walk
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.project.values import Text

DEEPEST = 4


def words(inference: Inference, expr: Expr, frame: Frame, depth: int = 0) -> Iterator[str]:
    """Yield strings and names of an expression, followed through local names, parameters and constants."""
    for part in walk(expr):
        if part[0] == "const":
            if isinstance(part[1], str):
                yield part[1]
        elif part[0] in ("attr", "name"):
            yield str(part[2] if part[0] == "attr" else part[1])
            yield from (v.text for v in inference.values(part, frame) if isinstance(v, Text))
            if part[0] == "name" and depth < DEEPEST:
                yield from _behind(inference, str(part[1]), frame, depth)


def _behind(inference: Inference, name: str, frame: Frame, depth: int) -> Iterator[str]:
    """Yield the words of what a local name or a constant of the module is bound to."""
    facts = frame.function.facts
    module = frame.function.module
    if name in facts.bindings and name not in facts.outer_names:
        for _, _, value in facts.bindings[name]:
            yield from words(inference, value, frame, depth + 1)
    elif name not in frame.function.parameters and frame.function.index > 0:
        for _, _, value in module.facts.functions[0].bindings.get(name, ()):
            yield from words(inference, value, module.frame, depth + 1)
