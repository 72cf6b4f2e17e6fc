"""FL211: An engine logs every statement."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.imported import engines, is_about_migrations
from fastlint.diagnostics import Applicability
from fastlint.project.bindings import call_argument
from fastlint.rules.database.engine_arguments import without
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

ON = (("const", True), ("const", "debug"))


class EngineEcho(ModelRule):
    """An engine logs every statement."""

    code = "FL211"

    def find(self) -> Iterator[Finding]:
        """Look at the engines of the application that are told to log, whatever the settings say."""
        for function, event in engines(self.application):
            call, block = event[1], event[3]
            echo = call_argument(call, None, "echo")
            is_for_requests = function.index == 0 or not is_about_migrations(function.module)
            if echo in ON and block == 0 and is_for_requests:
                yield self.finding(
                    function,
                    event[5],
                    f"`{render(call)}` has `echo={echo[1]!r}`, so every statement and its parameters are written "
                    "to the log while a request waits",
                    "Leave `echo` out, or let a setting turn it on: `echo=settings.debug`",
                    entries=(),
                    fix=without(function, event[5], "echo", Applicability.SAFE),
                )
