"""FL314: Nothing closes a client, pool, engine or session that was made at import or start-up."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.lifetimes import Kept, Lifetimes
from fastlint.application.makings import INNER
from fastlint.facts.structure import walk
from fastlint.project.bindings import call_argument
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.acquiring import called, links
from fastlint.rules.model_rule import ModelRule

KEPT = frozenset({"client", "pool", "engine"})
BORROWED = frozenset({"session", "connection"})
BUFFERING = ("producer", "publisher", "posthog")
"""Words in the names of clients that send later what they are handed."""
ASYNCHRONOUS = ("async", "aio", "asyncpg", "nats.", "databases.")
"""Words in the dotted names of what needs the event loop to be closed in good order."""
SYNC_CLOSE = ("motor.", "aiomysql.", "aiopg.", "asyncmy.")
"""Asynchronous libraries whose `close` is not awaited."""


class ClientNeverClosed(ModelRule):
    """Nothing closes a client, pool, engine or session that was made at import or start-up."""

    code = "FL314"

    def find(self) -> Iterator[Finding]:
        """Look at what import and start-up make; what is made for requests is another rule's."""
        modules = self.application.program.modules.values()
        if not any(module.mentions("FastAPI") for module in modules):
            return
        lifetimes = Lifetimes(self.application)
        reported: set[int] = set()
        for kept in lifetimes.kept(KEPT | BORROWED):
            if id(kept.acquisition.expr) in reported or not self._matters(kept):
                continue
            reported.add(id(kept.acquisition.expr))
            if not lifetimes.is_closed(kept):
                yield self._about(kept)

    def _matters(self, kept: Kept) -> bool:
        """Tell whether the end of the process does not close it as well."""
        acquisition = kept.acquisition
        kind, name = acquisition.resource.kind, acquisition.name.lower()
        if not acquisition.resource.close:
            return False
        if kind in BORROWED:
            return not kept.at_import and not name.startswith(("sqlite3.", "aiosqlite."))
        call = acquisition.expr
        if call[0] == "call" and any(call_argument(call, None, inner) is not None for inner in INNER):
            return False
        if kind == "engine" and any(_keeps_nothing(word) for word in self._words(kept)):
            return False
        if call[0] == "call" and call_argument(call, None, "sync_mode") == ("const", True):
            return False
        is_made_late = kind in ("engine", "pool") and not kept.at_import
        return is_made_late or any(word in name for word in (*ASYNCHRONOUS, *BUFFERING))

    def _words(self, kept: Kept) -> Iterator[str]:
        """Yield the words in the arguments of a call, and in what names among them are bound to."""
        call, bindings = kept.acquisition.expr, kept.acquisition.frame.function.facts.bindings
        for part in walk(call):
            values = [value for _, _, value in bindings.get(part[1], ())] if part[0] == "name" else []
            for inner in (part, *(p for value in values for p in walk(value))):
                if inner[0] in ("const", "name", "attr"):
                    yield str(inner[2] if inner[0] == "attr" else inner[1])

    def _about(self, kept: Kept) -> Finding:
        acquisition = kept.acquisition
        name = _name(kept)
        call, close = called(acquisition), _close(kept)
        when = "while its module is imported" if kept.at_import else "at start-up"
        if acquisition.resource.kind in BORROWED:
            cost = "it can keep a connection of the pool as long as the process runs"
        elif any(word in acquisition.name.lower() for word in BUFFERING):
            cost = "what it has not sent yet can be lost"
        else:
            cost = "its connections break off when the process ends"
        if acquisition.resource.kind in BORROWED:
            opener = "async with" if "async" in acquisition.name.lower() else "with"
            advice = f"Write `{opener} {call} as {name}:` around what uses it"
        elif kept.at_import:
            advice = f"Close it after the `yield` of the lifespan: `{close}`"
        else:
            advice = f"Close it at shutdown, after the `yield` of the lifespan: `{close}`"
        return self.finding(
            acquisition.frame,
            acquisition.span,
            f"`{call}`{f' (`{name}`)' if kept.names else ''} is made {when}, and nothing closes it: {cost}",
            advice,
            chain=links(acquisition),
            entries=() if kept.at_import else None,
        )


def _name(kept: Kept) -> str:
    """Return what a reader calls it: a variable, an attribute, or its kind."""
    return min(kept.names, default=kept.acquisition.resource.kind)


def _close(kept: Kept) -> str:
    """Return how to close it, as code."""
    name = kept.acquisition.name
    is_async = any(word in name.lower() for word in ASYNCHRONOUS)
    methods = sorted(kept.acquisition.resource.close)
    preferred = ("aclose", "close") if is_async else ("close",)
    method = next((m for m in preferred if m in methods), methods[0])
    awaited = "await " if is_async and not name.startswith(SYNC_CLOSE) else ""
    return f"{awaited}{_name(kept)}.{method}()"


def _keeps_nothing(word: str) -> bool:
    """Tell whether a word in the arguments of an engine means that no connection is kept open."""
    return word in ("NullPool", "StaticPool", "check_same_thread") or word.startswith("sqlite")
