"""Ways from a place down to a query, a commit or the like, as far as arguments and branches let through."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import absent, blocks_around, called_name, regions_around
from fastlint.project.bindings import matched_arguments
from fastlint.project.calls import Site
from fastlint.project.performs import Performs, Step, followed
from fastlint.project.program import Frame


class Ways:
    """Finds the nearest ways; answers are remembered."""

    def __init__(self, performs: Performs) -> None:
        self._performs = performs
        self._known: dict[tuple[int, str], list[Step]] = {}

    def nearest(self, site: Site, word: str) -> list[Step]:
        """Return the nearest way from a place to what the word says ("query"), or no steps.

        Entering a context manager is no way: opening a session says nothing of its queries. Nor are branches
        that the call at the place does not take: `def load(rows=None)` that asks only if it is given none.
        """
        if site.event[0] in ("enter", "aenter"):
            return []
        key = (id(site), word)
        known = self._known.get(key)
        if known is None:
            ways = [way for way in self._ways_from(site, word) if _arrives(way)]
            known = self._known[key] = min(ways, key=len) if ways else []
        return known

    def _ways_from(self, site: Site, word: str) -> Iterator[list[Step]]:
        for name, words in site.acts:
            if word in words:
                yield [Step(site, None, name, 1)]
                return
        for callee in followed(site):
            if self._performs.step(callee, word) is None:
                continue
            for inner in self._performs.resolver.sites(callee):
                steps = self._performs.at(inner, word)
                if not steps or not self._passes(site, inner):
                    continue
                for step in steps:
                    below = self._performs.chain(step, word)
                    if all(self._passes(before.site, after.site) for before, after in pairwise(below)):
                        yield [Step(site, callee, step.name, len(below) + 1), *below]

    def _passes(self, site: Site, inner: Site) -> bool:
        """Tell whether a call comes to a place of what it calls, as far as its arguments and errors tell."""
        facts = inner.frame.function.facts
        if regions_around(facts, inner.event[5], "except"):
            return False
        given = _given(inner.frame, site.event[1])
        if not given:
            return True
        if _is_barred(facts, inner.event[3], given, negated=False):
            return False
        before = (e for e in facts.events if e[0] == "return" and e[5] < inner.event[5])
        return not any(_is_barred(facts, jump[3], given, negated=True) for jump in before)


def is_certain(way: list[Step]) -> bool:
    """Tell whether no branch stands in a way once the first call has been made."""
    return not any(
        kind == ""
        for step in way[1:]
        for index, kind, _ in blocks_around(step.site.frame.function.facts, step.site.event[3])
        if index > 0
    )


def _arrives(way: list[Step]) -> bool:
    """Tell whether a way comes to its end, and not to a savepoint, whose end is no commit."""
    end = way[-1]
    expr = end.site.event[1]
    return end.callee is None and not (expr[0] == "call" and called_name(expr) == "begin_nested")


def _given(frame: Frame, call: Expr) -> frozenset[str]:
    """Return the parameters that a call gives something else than None."""
    if call[0] != "call":
        return frozenset()
    skip = int(frame.receiver is not None and call[1][0] == "attr")
    pairs = matched_arguments(frame.function.facts.parameters[skip:], call)
    return frozenset(p.name for p, argument in pairs if argument != ("const", None))


def _is_barred(facts: FunctionFacts, block: int, given: frozenset[str], *, negated: bool) -> bool:
    """Tell whether a branch is for those who give none of something that is given, or some if negated."""
    return any(
        kind == "" and absent(condition, negated=negated) & given
        for _, kind, condition in blocks_around(facts, block)
    )
