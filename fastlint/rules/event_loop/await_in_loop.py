"""FL113: Each round of a loop awaits a request of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.independence import Independence, in_error_path
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.rounds import Loop, loops
from fastlint.facts.structure import loops_around, walk
from fastlint.project.calls import Site
from fastlint.project.performs import Step
from fastlint.project.program import Frame
from fastlint.project.sessions import SENDING
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

FEW = 3
"""A collection written in the program that has no more items than this is not worth a change."""
PIECES = ("batch", "chunk", "page", "attempt", "retr", "tries")
"""Parts of names in loops that go through pieces of something, or try again."""
TURNS = frozenset({"send", "send_text", "send_json", "send_bytes", "put", "emit", "sleep"})
"""Calls that hand out results one by one, or slow the loop down on purpose."""
LIMITS = ("limit", "throttl", "backoff", "sleep")


class AwaitInLoop(ModelRule):
    """Each round of a loop awaits a request of its own."""

    code = "FL113"

    def find(self) -> Iterator[Finding]:
        """Look at every loop that a client waits for."""
        application = self.application
        self.independence = Independence(application)
        for frame in application.waited_for:
            facts = frame.function.facts
            if facts.is_async and any(kind == "loop" for _, kind, _ in facts.blocks):
                yield from self._in_frame(frame)

    def _in_frame(self, frame: Frame) -> Iterator[Finding]:
        facts = frame.function.facts
        sites = self.application.resolver.sites(frame)
        reported: set[int] = set()
        for site in sites:
            if in_error_path(facts, site):
                continue
            step = self.independence.request(site) if loops_around(facts, site.event[3]) else None
            around = loops(facts, site.event[3]) if step is not None else ()
            loop = next((loop for loop in around if self._can_run_together(loop, site)), None)
            if step is not None and loop is not None and loop.block not in reported:
                reported.add(loop.block)
                inside = [s for s in sites if s.event[3] in loop.inside]
                if not any(self._keeps_order(other) for other in inside):
                    yield self._finding(site, loop, step, inside)

    def _can_run_together(self, loop: Loop, site: Site) -> bool:
        """Tell whether a round needs nothing of the rounds before it, and the loop has no reason to be one."""
        if not loop.is_for or loop.is_async or loop.leaves_early() or _is_small(loop, site.frame):
            return False
        if any(event[0] == "yield" for event in loop.events) or _has_reason(loop):
            return False
        call = site.event[1]
        origins = loop.origins(call)
        if not origins.round or origins.earlier:
            return False
        for condition in _conditions(loop, site):
            if loop.origins(condition).earlier:
                return False
        given = [*call[2], *(value for _, value in call[3])]
        names = {part[1] for value in given for part in walk(value) if part[0] == "name"}
        return not any(loop.changes(name) for name in names & origins.outside)

    def _keeps_order(self, site: Site) -> bool:
        """Tell whether a place in the loop sleeps, keeps to a limit or hands out results in order."""
        if self.application.performs.at(site, "sleep"):
            return True
        expr = site.event[1]
        name = expr[1][2] if expr[0] == "call" and expr[1][0] == "attr" else ""
        return name in TURNS or any(part in render(expr).lower() for part in LIMITS)

    def _finding(self, site: Site, loop: Loop, step: Step, inside: list[Site]) -> Finding:
        performs = self.application.performs
        uses_database = any(performs.at(other, word) for other in inside for word in SENDING)
        is_mild = uses_database or self.independence.is_dropped(site)
        call, items = render(site.event[1]), render(loop.iterated)
        over = f" over `{items}`" if items != "..." else ""
        return self.finding(
            site.frame,
            site.event[5],
            f"Each round of the loop{over} waits for its own `{call}`{self.where(site.frame)}, though none needs "
            "the one before; the times add up",
            f"Collect the calls of `{call}` and await them with `asyncio.gather`, a few at a time behind an "
            "`asyncio.Semaphore`",
            Severity.INFO if is_mild else None,
            chain=self.chain(step, "request"),
        )


def _conditions(loop: Loop, site: Site) -> Iterator[Expr]:
    facts = loop.facts
    block = site.event[3]
    while block != loop.block and block >= 0:
        parent, kind, detail = facts.blocks[block]
        if kind == "":
            yield detail
        block = parent


def _has_reason(loop: Loop) -> bool:
    """Tell whether a loop goes through pieces of something or tries again, by its names."""
    if loop.iterated[0] == "call":
        name, given = render(loop.iterated[1]), loop.iterated[2]
        if name == "range" and (len(given) == 3 or all(a[0] == "const" for a in given)):
            return True
        if any(part in name.lower() for part in PIECES):
            return True
    names = [
        name
        for name, bindings in loop.facts.bindings.items()
        if any(value[0] == "elem" and value[1] is loop.iterated for _, _, value in bindings)
    ]
    return any(part in name.lower() for name in names for part in PIECES)


def _is_small(loop: Loop, frame: Frame) -> bool:
    """Tell whether the items are written in the program, and few."""
    expr = loop.iterated
    while (
        expr[0] == "call"
        and expr[1][0] == "name"
        and expr[1][1] in ("enumerate", "sorted", "list")
        and expr[2]
    ):
        expr = expr[2][0]
    scopes: list[FunctionFacts] = [loop.facts, frame.function.module.facts.functions[0]]
    for facts in scopes:
        if expr[0] == "name" and len(facts.bindings.get(expr[1], ())) == 1:
            expr = facts.bindings[expr[1]][0][2]
            break
    if expr[0] == "typed" and expr[2] is not None:
        expr = expr[2]
    return (
        expr[0] in ("list", "tuple", "set")
        and len(expr[1]) <= FEW
        and not any(e[0] == "star" for e in expr[1])
    )
