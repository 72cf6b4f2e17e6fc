"""FL323: A context variable is set in a thread's copy of the context, so that the route does not see it."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.context_variables import SET, Setting
from fastlint.application.routes import Route
from fastlint.diagnostics import Applicability, Fix
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding, Link
from fastlint.rules.lifecycle.on_loop import on_loop
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class ContextvarInSyncDependency(ModelRule):
    """A context variable is set in a thread's copy of the context, so that the route does not see it."""

    code = "FL323"

    def find(self) -> Iterator[Finding]:
        """Look at every plain dependency of a route for context variables that it sets."""
        variables = self.application.context_variables
        for frame, route in self._providers().items():
            for setting in variables.settings(frame):
                if variables.is_read_elsewhere(setting):
                    yield self._about(frame, route, setting)

    def _providers(self) -> dict[Frame, Route]:
        found: dict[Frame, Route] = {}
        for route in self.application.routes:
            for injection in self.application.needs(route):
                if injection.frame is not None and not injection.frame.function.facts.is_async:
                    found.setdefault(injection.frame, route)
        return found

    def _about(self, frame: Frame, route: Route, setting: Setting) -> Finding:
        facts, event = frame.function.facts, setting.steps[0][1]
        if facts.name == "__init__" and frame.function.owner is not None:
            name = frame.function.owner.facts.name
            advice = f"Set it in an `async def` dependency that returns `{name}(...)`"
        elif facts.name == "__call__":
            name, advice = "__call__", "Write `async def __call__`"
        else:
            name = facts.name or "the lambda"
            advice = f"Write `async def {name}`: what it sets then lasts for the request"
        reset = ""
        if facts.is_generator and setting.name == SET and setting.steps[-1][0] is frame and _resets(frame):
            reset = "; `reset` after the `yield` raises ValueError as well, because it runs in another copy"
        what = render(setting.variable) if setting.variable is not None else "the log context"
        chain = tuple(_links(setting)) if len(setting.steps) > 1 else ()
        return self.finding(
            frame,
            event[5],
            f"`{render(event[1])}` sets `{what}` in a thread's copy of the context: "
            f"{self.application.label(route)} and all that runs after `{name}` do not see it{reset}".replace(
                "`the log context`", "the log context"
            ),
            advice,
            chain=chain,
            fix=self._fix(frame),
        )

    def _fix(self, frame: Frame) -> FixMaker:
        make = on_loop(self.application, frame, Applicability.UNSAFE)

        def checked(files: Files) -> Fix:
            if not self.application.computing.only_computes(frame):
                raise NoFix("on the event loop, what it does besides could block")
            return make(files)

        return checked


def _resets(frame: Frame) -> bool:
    return any(
        event[0] in ("call", "drop") and event[1][1][0] == "attr" and event[1][1][2] == "reset"
        for event in frame.function.facts.events
    )


def _links(setting: Setting) -> Iterator[Link]:
    following = [frame.function.label for frame, _ in setting.steps[1:]]
    for (frame, event), target in zip(setting.steps, (*following, setting.name), strict=True):
        yield Link(frame.function, event[5], event[1], target)
