"""FL213: Tasks that run together use one session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from fastlint.facts.model import DIRECTLY, Expr
from fastlint.facts.structure import blocks_around, walk
from fastlint.project.calls import SCHEDULERS, Site
from fastlint.project.program import Frame
from fastlint.project.sessions import SENDING, Path, Sessions, Use
from fastlint.rules.finding import Finding, Link
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

GROUP = "asyncio.TaskGroup.create_task"
TOGETHER = frozenset({"asyncio.gather", "asyncio.wait", "asyncio.as_completed"})
STARTERS = TOGETHER | SCHEDULERS | {GROUP}


class Started(NamedTuple):
    """A coroutine that runs beside others, and how it uses a session."""

    site: Site
    use: Use
    times: int
    """2 where a loop starts it again and again with the same session."""


class SessionSharedAcrossTasks(ModelRule):
    """Tasks that run together use one session."""

    code = "FL213"

    def find(self) -> Iterator[Finding]:
        """Look at every function of the request path that starts coroutines side by side."""
        self.sessions = Sessions(self.application.inference, self.application.resolver)
        for frame in self.application.requests:
            if frame.function.facts.is_async:
                yield from self._in_frame(frame)

    def _in_frame(self, frame: Frame) -> Iterator[Finding]:
        sites = {id(site.event[1]): site for site in self.application.resolver.sites(frame)}
        if not any(act.name in STARTERS for site in sites.values() for act in site.acts):
            return
        tasks: dict[str, list[tuple[Site, Expr]]] = defaultdict(list)
        for site in sites.values():
            call = site.event[1]
            if call[0] != "call" or not call[2]:
                continue
            names = {act.name for act in site.acts}
            if names & TOGETHER:
                given = [part for argument in call[2] for part in self._coroutines(argument, frame)]
                yield from self._judge(site, [(site, expr) for expr in given], sites)
            elif names & SCHEDULERS and site.event[4] != DIRECTLY:
                tasks["tasks"].append((site, call[2][0]))
            elif GROUP in names:
                tasks[render(call[1][1])].append((site, call[2][0]))
        for group in tasks.values():
            yield from self._judge(group[-1][0], group, sites)

    def _judge(
        self, place: Site, given: list[tuple[Site, Expr]], sites: dict[int, Site]
    ) -> Iterator[Finding]:
        """Look for a session that two of the coroutines use."""
        by_session: dict[Path, list[Started]] = defaultdict(list)
        seen: set[int] = set()
        for starter, expr in given:
            for part in walk(expr):
                site = sites.get(id(part))
                if site is None or id(part) in seen or site.event[4] == DIRECTLY:
                    continue
                seen.add(id(part))
                used: set[Path] = set()
                for use in self.sessions.at(site, [*site.starts]):
                    if use.is_exclusive and use.words & SENDING and use.path not in used:
                        used.add(use.path)
                        again = self._repeats(starter, use.path) or self._repeats(site, use.path)
                        by_session[use.path].append(Started(site, use, 2 if again else 1))
        for path, started in by_session.items():
            if sum(each.times for each in started) > 1 and _can_meet(started):
                yield self._finding(place, ".".join(path), started)
                return

    def _coroutines(self, argument: Expr, frame: Frame, depth: int = 0) -> Iterator[Expr]:
        """Yield what an argument of `gather` can hold: itself, or what a list of tasks is filled with."""
        inner = argument[1] if argument[0] == "star" else argument
        if inner[0] != "name" or depth > 2:
            yield inner
            return
        facts = frame.function.facts
        for _, _, value in facts.bindings.get(inner[1], ()):
            yield from self._coroutines(value, frame, depth + 1)
        for base, kind, value in facts.stores:
            if kind in ("[+]", "[]") and base[0] == "name" and base[1] == inner[1]:
                yield value

    def _repeats(self, site: Site, path: Path) -> bool:
        """Tell whether a loop around a place starts it more than once with the same session."""
        facts = site.frame.function.facts
        bound_in = {block for _, block, _ in facts.bindings.get(path[0], ())}
        for index, kind, _ in blocks_around(facts, site.event[3]):
            if kind in ("loop", "while"):
                return not any(
                    index in (around for around, _, _ in blocks_around(facts, block)) for block in bound_in
                )
        return False

    def _finding(self, place: Site, session: str, started: list[Started]) -> Finding:
        names = list(dict.fromkeys(f"`{render(each.site.event[1])}`" for each in started))
        who = f"{names[0]} and {names[1]}" if len(names) > 1 else f"several {names[0]}"
        links = tuple(
            Link(
                use.site.frame.function,
                use.site.event[5],
                use.site.event[1],
                use.callee.function.label if use.callee is not None else use.name,
            )
            for each in started[:2]
            for use in each.use.chain()
        )
        return self.finding(
            place.frame,
            place.event[5],
            f"{who} run at the same time on the one `{session}`{self.where(place.frame)}; it does one thing at a "
            "time, so the second query raises an error or mixes with the first",
            "Open a session in each task (`async with async_session() as session:`), or await one after the other",
            chain=links,
        )


def _can_meet(started: list[Started]) -> bool:
    """Tell whether two of the coroutines, or one twice, run in the same call: not in `if` and its `else`."""
    if any(each.times > 1 for each in started):
        return True
    blocks = [each.site.event[3] for each in started]
    facts = started[0].site.frame.function.facts
    around = [{index for index, _, _ in blocks_around(facts, block)} for block in blocks]
    return any(
        blocks[i] in around[j] or blocks[j] in around[i]
        for i in range(len(blocks))
        for j in range(i + 1, len(blocks))
    )
