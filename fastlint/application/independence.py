"""Awaited requests that need not wait for each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastlint.facts.model import DIRECTLY, INSIDE, Expr, FunctionFacts
from fastlint.facts.structure import called_name, regions_around
from fastlint.project.calls import Site
from fastlint.project.performs import Step, distance
from fastlint.project.sessions import SENDING
from fastlint.project.values import LibraryName

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

IN_ORDER = (
    "playwright.", "websockets.", "websocket.", "aiosmtplib.", "smtplib.", "ftplib.", "paramiko.", "socket.",
    "dramatiq.", "celery.", "kombu.", "pika.", "rq.", "kafka.", "confluent_kafka.", "google.genai.chats.",
)  # fmt: skip
"""Libraries whose calls are one conversation, or put messages into a queue in order."""
SIGN_IN = ("login", "auth", "token", "sign_in", "signin")
WAITERS = frozenset({"asyncio.wait_for", "asyncio.shield"})
"""What awaits a coroutine that it is given, and nothing else."""
WRITING = frozenset({
    "add", "assign", "book", "cancel", "clear", "confirm", "copy", "create", "delete", "ensure", "insert", "move",
    "patch", "post", "publish", "put", "register", "remove", "reset", "save", "send", "set", "start", "stop", "store",
    "submit", "sync", "update", "upload", "upsert", "write",
})  # fmt: skip
"""Words in the names of calls that change something, so that a later call may ask for the change."""
MODELS = ("openai.", "anthropic.", "litellm.", "cohere.", "mistralai.", "groq.", "google.genai.", "ollama.")
"""Libraries whose requests, though they are called `create`, change nothing."""
FARTHEST = 4


class Independence:
    """Answers which awaited calls are requests that could be under way with others."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def request(self, site: Site) -> Step | None:
        """Return the way to the request that a place awaits, unless something speaks against a second one.

        A coroutine that uses a database has a session, and that does one thing at a time. One that sleeps
        keeps to a limit.
        """
        if site.event[0] != "call" or not self._is_waited_for(site):
            return None
        performs = self._application.performs
        steps = performs.at(site, "request")
        if (
            not steps
            or distance(performs.chain(steps[0], "request")) > FARTHEST
            or steps[0].name.startswith(IN_ORDER)
        ):
            return None
        if steps[0].callee is None and not site.acts:
            return None
        if performs.blocks(steps[0], "request"):
            return None  # while it blocks the event loop, nothing else is under way
        if performs.at(site, "sleep") or any(performs.at(site, word) for word in SENDING):
            return None
        return steps[0]

    def _is_waited_for(self, site: Site) -> bool:
        """Tell whether an `await` waits for this call alone, with a timeout or without."""
        if site.event[4] == DIRECTLY:
            return True
        if site.event[4] != INSIDE:
            return False
        call = site.event[1]
        return any(
            event[0] == "call"
            and event[4] == DIRECTLY
            and any(argument is call for argument in event[1][2][:1])
            and self._only_waits(event[1], site)
            for event in site.frame.function.facts.events
            if event[2] == site.event[2]
        )

    def _only_waits(self, call: Expr, site: Site) -> bool:
        callees = self._application.inference.values(call[1], site.frame)
        return any(isinstance(callee, LibraryName) and callee.name in WAITERS for callee in callees)

    def is_dropped(self, site: Site) -> bool:
        """Tell whether nobody looks at the answer: the call is there for what it does."""
        facts = site.frame.function.facts
        statement = facts.statements[site.event[2]][0]
        row, column, *end = site.event[5]
        return statement[2:] == tuple(end) and statement[0] == row and statement[1] + len("await ") == column


def changes_something(site: Site, step: Step) -> bool:
    """Tell whether a request changes what others may ask for, as its name says."""
    if step.name.startswith(MODELS):
        return False
    method = step.name.rpartition(".")[2]
    if method in ("put", "patch", "delete") or (step.callee is None and method in WRITING):
        return True
    return any(word in WRITING for word in called_name(site.event[1]).lower().split("_"))


def in_error_path(facts: FunctionFacts, site: Site) -> bool:
    """Tell whether a place handles an error, or cleans up."""
    return bool(regions_around(facts, site.event[5], "except", "finally"))


def signs_in(expr: Expr) -> bool:
    """Tell whether a call gets a token or the like, which others need."""
    while expr[0] in ("call", "attr"):
        if expr[0] == "attr" and any(part in str(expr[2]).lower() for part in SIGN_IN):
            return True
        if expr[0] == "call" and any(_says_sign_in(argument) for argument in expr[2]):
            return True
        expr = expr[1]
    return expr[0] == "name" and any(part in str(expr[1]).lower() for part in SIGN_IN)


def _says_sign_in(argument: Expr) -> bool:
    text = argument[1] if argument[0] == "const" else argument[2] if argument[0] == "attr" else ""
    text = argument[1] if argument[0] == "name" else text
    return isinstance(text, str) and any(part in text.lower() for part in SIGN_IN)
