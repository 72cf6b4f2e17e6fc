"""What rules are made of: a libcst visitor that is shown suspicious expressions one by one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import libcst as cst

from fastlint.application.contexts import Application
from fastlint.application.model import REQUEST, Entry
from fastlint.catalog.model import Effect
from fastlint.diagnostics import Severity
from fastlint.fixes.files import FixMaker
from fastlint.project.calls import Site
from fastlint.project.program import Frame
from fastlint.project.reach import Way
from fastlint.rules.registry import BY_CODE, RuleInfo
from fastlint.rules.rendering import render


@dataclass(frozen=True, slots=True)
class Suspect:
    """An expression that a rule looks at, and what the program analysis knows about it."""

    site: Site
    way: Way
    phase: str
    application: Application

    @property
    def frame(self) -> Frame:
        """The function call that the expression is part of."""
        return self.site.frame

    @property
    def effect(self) -> Effect:
        """What the blocking call does."""
        return self.way.sink.effect

    @property
    def target(self) -> str:
        """The dotted name of the blocking call."""
        return self.way.sink.name

    @property
    def is_direct(self) -> bool:
        """Whether the expression is the blocking call itself."""
        return self.way.callee is None

    @property
    def entry_kinds(self) -> frozenset[str]:
        """The kinds of the entry points that the function itself is."""
        return self.application.kinds_of(self.frame)

    def entries(self) -> tuple[Entry, ...]:
        """Return the entry points that lead here, nearest first."""
        return self.application.entries_of(self.frame)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a suspect; the engine adds places, chain and entry points."""

    suspect: Suspect
    severity: Severity
    message: Callable[[], str]
    """Words what is wrong, of verdicts that are reported in the end: most are merged into others."""
    advice: Callable[[], str]
    others: tuple[Suspect, ...] = ()
    """Further suspects that the one diagnostic stands for."""


class Rule(cst.CSTVisitor):
    """A rule sees one suspicious expression at a time and reports what it finds wrong with it."""

    code: ClassVar[str]

    def __init__(self, suspect: Suspect, report: Callable[[Verdict], None]) -> None:
        super().__init__()
        self.suspect = suspect
        self._report = report

    @property
    def info(self) -> RuleInfo:
        """The rule's entry in the registry."""
        return BY_CODE[self.code]

    @classmethod
    def concerns(cls, suspect: Suspect) -> bool:
        """Tell whether the rule wants to see the source of a suspect; other rules may be nearer to the matter."""
        return True

    @classmethod
    def fix_of(cls, verdict: Verdict) -> FixMaker | None:
        """Return what makes the fix of a verdict, if the rule has one."""
        return None

    @abstractmethod
    def message(self) -> str:
        """Return what is wrong, where, and what it costs."""

    @abstractmethod
    def advice(self) -> str:
        """Return what to write instead."""

    def report(self, severity: Severity) -> None:
        """Report the suspect, never as worse than the rule's own severity."""
        self._report(Verdict(self.suspect, min(self.info.severity, severity), self.message, self.advice))


class BlockingRule(Rule):
    """A rule about calls that stop the event loop; subclasses say which, and in what words."""

    verb: ClassVar[str]
    """What the call does, as in "`load()` sleeps on the event loop"."""

    @classmethod
    def fix_of(cls, verdict: Verdict) -> FixMaker | None:
        """Return what takes the call off the event loop."""
        from fastlint.rules.off_loop import off_loop

        return off_loop(verdict) if BY_CODE[cls.code].fix else None

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look at the outermost expression only: what is inside it is a suspect of its own."""
        self.report(self.severity())
        return False

    @classmethod
    def concerns(cls, suspect: Suspect) -> bool:
        """Leave to other rules what they are nearer to."""
        return not is_background(suspect) and not is_validator(suspect)

    def message(self) -> str:
        """Return what is wrong, where, and what it costs."""
        cost = "" if self.suspect.phase != REQUEST else "; every other request of the worker waits"
        return f"{self.subject()} {self.verb} on the event loop{self.where()}{cost}"

    def severity(self) -> Severity:
        """Return how bad it is, at most the severity of the rule."""
        return severity_of(self.suspect)

    def advice(self) -> str:
        """Return what to write instead."""
        return advice_for(self.suspect)

    def subject(self) -> str:
        """Return what the sentence is about: the call, and the blocking call below it."""
        text = source_of(self.suspect)
        return f"`{text}`" if self.suspect.is_direct else f"`{text}` ends in `{self.suspect.target}`, which"

    def where(self) -> str:
        """Return which route or other entry point waits, as the end of a sentence."""
        if self.suspect.phase != REQUEST:
            return " while the server starts"
        entries = self.suspect.entries()
        if not entries:
            return ""
        first = entries[0]
        if first.kind in ("route", "websocket"):
            return f" in {first.label}"
        name = first.kind if first.kind == first.label else f"{first.kind} {first.label}"
        routes = [entry for entry in entries if entry.kind in ("route", "websocket")]
        if not routes:
            return f" in {name}"
        more = f" and {len(routes) - 1} more" if len(routes) > 1 else ""
        return f" in {name} of {routes[0].label}{more}"


def severity_of(suspect: Suspect) -> Severity:
    """Return how bad a suspect is: by cost, and less where only start-up gets there."""
    if suspect.phase != REQUEST:
        return Severity.INFO
    return (Severity.INFO, Severity.WARNING, Severity.ERROR)[suspect.effect.rank]


def advice_for(suspect: Suspect) -> str:
    """Return what to write instead, a sentence without its period."""
    thread, instead = in_thread(suspect), suspect.effect.instead
    if not instead or "run_in_threadpool" in instead:
        return thread
    if suspect.is_direct:
        return f"Write {instead}; or {thread[:1].lower()}{thread[1:]}"
    return f"{thread}; or make the chain async, down to {instead}"


def in_thread(suspect: Suspect) -> str:
    """Return how to move a suspect to the thread pool, a sentence without its period."""
    kind, expr = suspect.site.event[0], suspect.site.event[1]
    if kind in ("call", "drop") and not (suspect.is_direct and suspect.effect.kind == "file"):
        return f"Write `await run_in_threadpool({render(expr[1])}, ...)`"
    if kind == "iter":
        return f"Collect it in the thread pool: `await run_in_threadpool(list, {render(expr)})`"
    return "Move the work into a plain function and `await run_in_threadpool(...)` that"


def source_of(suspect: Suspect, limit: int = 60) -> str:
    """Return the expression as code on one line, shortened."""
    before = {"enter": "with ", "iter": "for ... in "}.get(suspect.site.event[0], "")
    text = before + render(suspect.site.event[1])
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def is_background(suspect: Suspect) -> bool:
    """Tell whether the function only ever runs as a background task."""
    return suspect.application.is_background(suspect.frame)


def is_validator(suspect: Suspect) -> bool:
    """Tell whether the function validates requests or serializes responses."""
    return bool(suspect.entry_kinds & {"validator", "serializer"})
