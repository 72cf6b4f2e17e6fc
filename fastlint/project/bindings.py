"""Which assignments reach a use of a name, and which arguments reach a parameter."""

from __future__ import annotations

from fastlint.facts.model import Binding, Block, Expr, Parameter
from fastlint.project.values import Partial


def reaching_bindings(
    bindings: list[Binding], time: int, block: int, blocks: list[Block]
) -> tuple[list[Expr], bool]:
    """Return the values that can reach a use, and whether one of them always comes before it."""
    around, loops = set(), set()
    index = block
    while index >= 0:
        around.add(index)
        if blocks[index][1] in ("loop", "while"):
            loops.add(index)
        index = blocks[index][0]
    best = max((t for t, b, _ in bindings if t < time and b in around), default=-1)
    found = [value for t, _, value in bindings if t == best or best < t < time]
    if loops:
        found += [value for t, b, value in bindings if t >= time and _is_within(b, loops, blocks)]
    if not found:
        found = [value for _, _, value in bindings]
    return found, best >= 0


def final_bindings(bindings: list[Binding]) -> list[Expr]:
    """Return the values that a name of a scope can have once the scope's body has run."""
    last = max(
        (i for i, (_, block, value) in enumerate(bindings) if block == 0 and value[0] != "within"), default=0
    )
    return [value for i, (_, _, value) in enumerate(bindings) if i >= last or value[0] == "within"]


def _is_within(block: int, loops: set[int], blocks: list[Block]) -> bool:
    while block >= 0:
        if block in loops:
            return True
        block = blocks[block][0]
    return False


def call_argument(call: Expr, position: int | None, name: str) -> Expr | None:
    """Return the argument of a call, by position or keyword."""
    for keyword, value in call[3]:
        if keyword == name:
            return value  # type: ignore[no-any-return]
    args = call[2]
    if (
        position is not None
        and 0 <= position < len(args)
        and not any(a[0] == "star" for a in args[: position + 1])
    ):
        return args[position]  # type: ignore[no-any-return]
    return None


def matched_arguments(parameters: list[Parameter], call: Expr) -> list[tuple[Parameter, Expr]]:
    """Pair parameters (without the receiver) with the arguments of a call."""
    pairs = []
    for position, parameter in enumerate(parameters):
        index = position if parameter.kind == "positional" else None
        argument = call_argument(call, index, parameter.name)
        if argument is not None and parameter.kind in ("positional", "keyword"):
            pairs.append((parameter, argument))
    return pairs


def surplus_arguments(parameters: list[Parameter], kind: str, call: Expr) -> list[Expr]:
    """Return the arguments of a call that `*args` or `**kwargs` collects."""
    if kind == "args":
        taken = sum(parameter.kind == "positional" for parameter in parameters)
        return [argument for argument in call[2][taken:] if argument[0] != "star"]
    names = {parameter.name for parameter in parameters}
    return [value for name, value in call[3] if name is not None and name not in names]


def merge_partial(partial: Partial, call: Expr | None) -> Expr:
    """Return the call that calling a partial makes, in the partial's own frame."""
    span = call[4] if call is not None else (0, 0, 0, 0)
    return ("call", ("unknown",), partial.args, partial.keywords, span)
