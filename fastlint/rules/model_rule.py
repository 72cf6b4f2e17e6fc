"""Rules that ask the model of the application and need no look at the syntax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from fastlint.application.contexts import Application
from fastlint.application.model import Entry
from fastlint.diagnostics import Severity
from fastlint.facts.model import Span
from fastlint.fixes.files import FixMaker
from fastlint.project.performs import Step
from fastlint.project.program import Frame, Function
from fastlint.rules.finding import Finding, Link
from fastlint.rules.registry import BY_CODE, RuleInfo


class ModelRule:
    """A rule that looks at the application as a whole: its routes, its dependencies, what runs for requests."""

    code: ClassVar[str]

    def __init__(self, application: Application) -> None:
        self.application = application

    @property
    def info(self) -> RuleInfo:
        """The rule's entry in the registry."""
        return BY_CODE[self.code]

    def applies(self) -> bool:
        """Tell whether the rule is about the versions that the project uses; asked only if it found something."""
        return True

    def find(self) -> Iterator[Finding]:
        """Yield what is wrong; of several findings at one place the worst is kept."""
        raise NotImplementedError

    def finding(
        self,
        place: Frame | Function | str,
        span: Span,
        message: str,
        advice: str,
        severity: Severity | None = None,
        *,
        chain: tuple[Link, ...] = (),
        entries: tuple[Entry, ...] | None = None,
        notes: tuple[str, ...] = (),
        fix: FixMaker | None = None,
    ) -> Finding:
        """Return a finding, of the rule's own severity unless it is milder.

        A frame as the place brings the entry points that lead to it, unless others are given; a place in a
        file that is not part of the program is given by the path of the file.
        """
        worst = self.info.severity
        function = place.function if isinstance(place, Frame) else place
        if entries is None:
            entries = self.application.entries_of(place) if isinstance(place, Frame) else ()
        level = worst if severity is None else min(worst, severity)
        return Finding(function, span, level, message, advice, chain, entries, notes, fix)

    def where(self, frame: Frame) -> str:
        """Return which route a frame serves, as the end of a sentence: " in GET /users and 3 more"."""
        entries = self.application.entries_of(frame)
        routes = [entry for entry in entries if entry.kind in ("route", "websocket")]
        if not routes:
            return f" in {entries[0].label}" if entries else ""
        more = f" and {len(routes) - 1} more" if len(routes) > 1 else ""
        return f" in {routes[0].label}{more}"

    def chain(self, step: Step, word: str) -> tuple[Link, ...]:
        """Return the way to a library call that does what the word says, as links."""
        return self.links(self.application.performs.chain(step, word))

    def links(self, steps: list[Step]) -> tuple[Link, ...]:
        """Return the steps of a way as links."""
        return tuple(
            Link(
                s.site.frame.function,
                s.site.event[5],
                s.site.event[1],
                s.callee.function.label if s.callee else s.name,
            )
            for s in steps
        )
