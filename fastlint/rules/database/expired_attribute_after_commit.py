"""FL212: An object is read after the commit that expired it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.application.expiry import Expired
from fastlint.application.listing import response_type
from fastlint.diagnostics import Applicability, Fix, Severity
from fastlint.facts.model import Expr
from fastlint.facts.structure import unwrapped
from fastlint.fixes.arguments import with_keyword
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class ExpiredAttributeAfterCommit(ModelRule):
    """An object is read after the commit that expired it."""

    code = "FL212"

    def find(self) -> Iterator[Finding]:
        """Look at what is read after commits, and at what routes return after them."""
        expiry = self.application.expiry
        if not (expiry.expires("async") or expiry.expires("sync")):
            return
        for frame in self.application.requests:
            for read in expiry.reads(frame):
                if read.attribute:
                    yield from self._judge(read, frame)
        for route, frames in self.application.endpoints.items():
            for frame in frames:
                models = response_type(self.application, route, frame)
                if models:
                    yield from self._returned(frame)

    def _returned(self, route: Frame) -> Iterator[Finding]:
        """Yield what a route returns expired, itself or from a function that it asks."""
        for read in self.application.expiry.reads(route):
            if not read.attribute:
                yield from self._judge(read, route)
        for value in route.function.facts.returns:
            for call, scope in self._asked(value, route):
                for _, inner, _ in self.application.tracing.returned(call, scope):
                    if inner in self.application.requests:
                        for read in self.application.expiry.reads(inner):
                            if not read.attribute:
                                yield from self._judge(read, route)

    def _asked(self, value: Expr, frame: Frame) -> Iterator[tuple[Expr, Frame]]:
        """Yield the calls whose value a route returns, unless something is done with it before."""
        value = unwrapped(value)
        if value[0] == "name":
            if any(
                event[0] == "call" and ("name", value[1]) in [a[:2] for a in event[1][2]]
                for event in frame.function.facts.events
            ):
                return
            for bound, scope, _ in self.application.tracing.bound(value, frame):
                bound = unwrapped(bound)
                if bound[0] == "call":
                    yield bound, scope
        elif value[0] == "call":
            yield value, frame

    def _judge(self, read: Expired, reached: Frame) -> Iterator[Finding]:
        commit = f"`{render(read.commit[1])}` in line {read.commit[5][0]}"
        what = f"`{read.name}.{read.attribute}`" if read.attribute else f"`{read.name}`"
        verb = "is read" if read.attribute else "is returned"
        session = render(read.commit[1][1][1])
        if read.session == "async":
            message = (
                f"{what} {verb} after {commit} expired it{self.where(reached)}: "
                "an asynchronous session cannot load it again, so this raises `MissingGreenlet`"
            )
        elif read.many:
            message = (
                f"{what} {verb} after {commit} expired it{self.where(reached)}: "
                f"each `{read.cls.facts.name}` is loaded again by a query of its own"
            )
        else:
            return
        if read.session == "async" and not read.many:
            instead = f"write `await {session}.refresh({read.name})` after the commit"
        else:
            instead = "read what is needed before the commit"
        advice = f"Make the sessions with `expire_on_commit=False`, or {instead}"
        severity = Severity.ERROR if read.session == "async" else Severity.WARNING
        yield self.finding(
            read.frame,
            read.span,
            message,
            advice,
            severity,
            entries=self.application.entries_of(reached),
            fix=self._keeping(read.session),
        )

    def _keeping(self, kind: str) -> FixMaker:
        """Return what lets the sessions of a kind keep what they have loaded, where one place makes them all."""

        def make(files: Files) -> Fix:
            makers = {id(call): (function, call) for function, call in self.application.expiry.makers(kind)}
            if len(makers) != 1:
                raise NoFix("sessions are made in several places")
            function, call = next(iter(makers.values()))
            module = files.python(function.module.path)
            node = module.expression(call[-1])
            if not isinstance(node, ast.Call):
                raise NoFix("the call cannot be found in the file again")
            edits = with_keyword(module, node, "expire_on_commit=False")
            return Fix("Make sessions with `expire_on_commit=False`", Applicability.UNSAFE, edits)

        return make
