"""FL602: A middleware collects a response before it passes it on."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.diagnostics import Severity
from fastlint.facts.model import Event, FunctionFacts
from fastlint.facts.structure import blocks_around, walk
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule


class MiddlewareBuffersResponse(ModelRule):
    """A middleware collects a response before it passes it on."""

    code = "FL602"

    def find(self) -> Iterator[Finding]:
        """Look at middleware that reads `response.body_iterator` to its end; a generator passes pieces on."""
        for entry in self.application.entries:
            facts = entry.frame.function.facts
            if entry.kind != "middleware" or facts.is_generator:
                continue
            for event in facts.events:
                if event[0] == "aiter" and event[1][0] == "attr" and event[1][2] == "body_iterator":
                    for_some = _is_for_some(facts, event)
                    yield self.finding(
                        entry.frame,
                        event[5],
                        f"`{facts.name}` collects {'some responses' if for_some else 'every response'} in memory "
                        "before the client gets its first byte, streams included",
                        "Pass the pieces on as they come: wrap `send` in a plain ASGI middleware",
                        Severity.INFO if for_some else Severity.WARNING,
                    )


def _is_for_some(facts: FunctionFacts, event: Event) -> bool:
    """Tell whether a condition on the response stands around a place: a status, a header, a path."""
    conditions = [detail for _, kind, detail in blocks_around(facts, event[3]) if kind == ""]
    return any(part[0] in ("attr", "sub", "call") for condition in conditions for part in walk(condition))
