"""Transactions that have written and not ended yet: the database keeps what they wrote locked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fastlint.facts.structure import blocks_around, called_name, loops_around, regions_around, walk
from fastlint.project.calls import CallResolver, Site
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.project.sessions import Path, Sessions, Use

ENDING = frozenset({"commit", "rollback", "close"})
ADDING = frozenset({"add", "add_all", "delete", "merge"})
"""Methods of sessions whose changes are sent with the next query."""
WRITING = frozenset({"insert", "update", "delete", "with_for_update"})
"""What makes a statement one that locks rows."""


class Transactions:
    """Answers where a plain session has rows locked."""

    def __init__(self, inference: Inference, resolver: CallResolver) -> None:
        self._sessions = Sessions(inference, resolver)

    def holds_rows(self, site: Site) -> bool:
        """Tell whether a session that a function uses may keep rows locked when a place of it has run.

        Whoever waits for them on the event loop then keeps the transaction from ever going on.
        """
        uses = self._sessions.uses(site.frame)
        before = [use for use in uses if use.site.event[2] <= site.event[2]]
        around = [use for use in uses if _loops(site) & _loops(use.site)]
        later = [use for use in around if use.site.event[2] > site.event[2]]
        round_before = [*later, *(use for use in around if use not in later)]
        return self._is_open(before, site) or self._is_open(round_before, site)

    def _is_open(self, uses: Iterable[Use], site: Site) -> bool:
        """Tell whether the last of these uses of sessions leaves something that is written and not committed."""
        added = self._additions(site.frame)
        ended: defaultdict[Path, int] = defaultdict(lambda: -1)
        written: set[Path] = set()
        for use in uses:
            now = use.site.event[2]
            if use.words & ENDING:
                if _comes_before(use.site, site):
                    ended[use.path] = now
                    written.discard(use.path)
            elif _is_plain(use) and (_writes(use) or any(ended[use.path] < each < now for each in added)):
                written.add(use.path)
        return bool(written)

    def _additions(self, frame: Frame) -> list[int]:
        """Return the statements that change what a session sends with its next query."""
        return [
            event[2]
            for event in frame.function.facts.events
            if event[0] in ("call", "drop")
            and called_name(event[1]) in ADDING
            and event[1][1][0] == "attr"
            and self._sessions.is_session(event[1][1][1], frame)
        ]


def _loops(site: Site) -> set[int]:
    return {index for index, *_ in loops_around(site.frame.function.facts, site.event[3])}


def _comes_before(site: Site, later: Site) -> bool:
    """Tell whether a place has always run before a later one: it is in no branch and no handler of its own."""
    facts = site.frame.function.facts
    around = {index for index, _, _ in blocks_around(facts, later.event[3])}
    handlers = set(regions_around(facts, site.event[5], "except", "else"))
    return site.event[3] in around and handlers <= set(
        regions_around(facts, later.event[5], "except", "else")
    )


def _is_plain(use: Use) -> bool:
    """Tell whether a session blocks its thread; one of a coroutine lets the others go on."""
    return "async" not in use.name.lower() and not use.name.startswith("aio")


def _writes(use: Use) -> bool:
    last = use.chain()[-1]
    if last.words & {"flush", "write"}:
        return True
    return any(
        called_name(part) in WRITING
        if part[0] == "call"
        else part[0] == "const" and str(part[1]).strip().lower().startswith(tuple(WRITING))
        for part in walk(last.site.event[1])
    )
