"""FL603: A middleware asks a database or another service for every request."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import children
from fastlint.project.performs import Step
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading

WORDS = {"query": "sends a query", "command": "sends a command to a store", "request": "asks another service"}

GIVEN = frozenset({"request", "scope", "conn", "connection", "path"})


class IoInMiddleware(ModelRule):
    """A middleware asks a database or another service for every request."""

    code = "FL603"

    def find(self) -> Iterator[Finding]:
        """Look at what middleware does below it."""
        for entry in self.application.entries:
            if entry.kind != "middleware" or entry.frame.function.facts.name in ("__init__", "__new__"):
                continue
            for word, does in WORDS.items():
                step = self.application.performs.step(entry.frame, word)
                if step is not None and not _is_for_some(entry.frame.function.facts, step):
                    yield self.finding(
                        entry.frame,
                        heading(entry.frame.function),
                        f"The middleware `{entry.label}` {does} for every path, health checks and files included",
                        "Make it a dependency of the routes that need it, or keep the answer for a while",
                        chain=self.chain(step, word),
                    )
                    break


def _is_for_some(facts: FunctionFacts, step: Step) -> bool:
    """Tell whether a middleware has looked at the path, or asked about the request, before it does something."""
    site = step.site.event
    tests = (event[1] for event in facts.events if event[0] == "test" and event[2] <= site[2])
    return any(_is_about_request(part) for test in tests for part in _without(test, site[1]))


def _without(expr: Expr, call: Expr) -> Iterator[Expr]:
    """Yield an expression and what is in it, but not a call and its arguments."""
    if expr != call:
        yield expr
        for child in children(expr):
            yield from _without(child, call)


def _is_about_request(expr: Expr) -> bool:
    """Tell whether a part of a condition is the path, or a call that is given the request."""
    if expr[0] == "call":
        return any(argument[0] == "name" and argument[1] in GIVEN for argument in expr[2])
    if expr[0] == "name":
        return bool(expr[1] == "path")
    return expr[0] in ("attr", "sub") and expr[2] in ("path", ("const", "path"))
