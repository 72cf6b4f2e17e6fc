"""Which assignments reach a use of a name, and which arguments reach a parameter."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from itertools import islice, pairwise

from fastlint.facts.model import Binding, Expr, FunctionFacts, Parameter
from fastlint.project.values import Partial


class Flow:
    """Which assignments of a function reach which uses; what depends on a block alone is worked out once."""

    def __init__(self, facts: FunctionFacts) -> None:
        self._bindings = facts.bindings
        self._blocks = facts.blocks
        self._around: dict[int, tuple[frozenset[int], int]] = {}
        self._in_order: dict[str, bool] = {}

    def reaching(self, name: str, time: int, block: int) -> tuple[list[Expr], bool]:
        """Return the values that can reach a use of a name, and whether one of them always comes before it."""
        bindings = self._bindings[name]
        around, loop = self._surroundings(block)
        if len(bindings) == 1:
            first, place, value = bindings[0]
            return [value], first < time and place in around
        if self._is_in_order(name):
            before = start = bisect_left(bindings, (time,))
            while start and bindings[start - 1][1] not in around:
                start -= 1
            found = [value for _, _, value in islice(bindings, max(start - 1, 0), before)]
            later, is_dominated = bindings[before:] if loop >= 0 else [], start > 0
        else:
            best = max((t for t, b, _ in bindings if t < time and b in around), default=-1)
            found = [value for t, _, value in bindings if t == best or best < t < time]
            later, is_dominated = [binding for binding in bindings if binding[0] >= time], best >= 0
        if loop >= 0:
            found += [value for _, b, value in later if loop in self._surroundings(b)[0]]
        return found or [value for _, _, value in bindings], is_dominated

    def _surroundings(self, block: int) -> tuple[frozenset[int], int]:
        """Return a block and those around it, and the outermost loop among them, or -1."""
        if block < 0:
            return frozenset(), -1
        known = self._around.get(block)
        if known is None:
            above, kind, _ = self._blocks[block]
            around, loop = self._surroundings(above)
            if loop < 0 and kind in ("loop", "while"):
                loop = block
            known = self._around[block] = _with(around, block), loop
        return known

    def _is_in_order(self, name: str) -> bool:
        """Tell whether a name's bindings are in the order of their times; other functions may bind it as well."""
        known = self._in_order.get(name)
        if known is None:
            known = all(a[0] < b[0] for a, b in pairwise(self._bindings[name]))
            self._in_order[name] = known
        return known


@cache
def _with(blocks: frozenset[int], block: int) -> frozenset[int]:
    """Return blocks and one more, the same object each time: most functions have the same few."""
    return blocks | {block}


def final_bindings(bindings: list[Binding]) -> list[Expr]:
    """Return the values that a name of a scope can have once the scope's body has run."""
    last = max(
        (i for i, (_, block, value) in enumerate(bindings) if block == 0 and value[0] != "within"), default=0
    )
    return [value for i, (_, _, value) in enumerate(bindings) if i >= last or value[0] == "within"]


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
    pairs: list[tuple[Parameter, Expr]] = []
    _, _, args, keywords, _ = call
    if not args and not keywords:
        return pairs
    named = dict(keywords)
    plain = next((place for place, argument in enumerate(args) if argument[0] == "star"), len(args))
    for position, parameter in enumerate(parameters):
        if parameter.kind in ("positional", "keyword"):
            argument = named.get(parameter.name)
            if argument is None and position < plain and parameter.kind == "positional":
                argument = args[position]
            if argument is not None:
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
