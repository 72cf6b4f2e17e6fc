"""FL207: Each round of a loop commits."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.iterables import SEVERAL
from fastlint.application.loops import Repeated
from fastlint.application.ways import is_certain
from fastlint.diagnostics import Severity
from fastlint.facts.structure import called_name
from fastlint.project.calls import Site
from fastlint.project.performs import Step, distance
from fastlint.rules.database.one_commit import commit_once
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

NEAR, FAR = 2, 4
"""Through more calls than the first, a commit behind a branch may be a rare one; the second is too far to say."""


class CommitInLoop(ModelRule):
    """Each round of a loop commits."""

    code = "FL207"

    def find(self) -> Iterator[Finding]:
        """Look at the commit of each loop that is nearest to it."""
        nearest: dict[object, tuple[Repeated, list[Step]]] = {}
        for repeated in self.application.loops.repeated:
            way = self.application.ways.nearest(repeated.site, "commit")
            if not way or self._is_meant(repeated):
                continue
            key = (repeated.loop.frame.function, repeated.loop.block)
            if key not in nearest or len(way) < len(nearest[key][1]):
                nearest[key] = (repeated, way)
        for repeated, way in nearest.values():
            yield self._finding(repeated, way)

    def _is_meant(self, repeated: Repeated) -> bool:
        """Tell whether the program wants a transaction for each item, or commits now and then."""
        if repeated.is_isolated or repeated.is_counted or repeated.ends_on_hit:
            return True
        sites = self.application.resolver.sites(repeated.site.frame)
        return any(_opens(site) for site in sites if repeated.loop.holds(site.event[3]))

    def _finding(self, repeated: Repeated, way: list[Step]) -> Finding:
        site, loop = repeated.site, repeated.loop
        over = f" over `{render(loop.iterable)}`" if render(loop.iterable) != "..." else ""
        callee = way[0].callee
        if callee is None:
            what = f"`{render(site.event[1])}` commits in each round of the loop{over}"
            advice = "Commit once, after the loop; `flush` gives rows their keys where the loop needs these"
        else:
            what = f"`{render(site.event[1])}` ends in a commit in each round of the loop{over}"
            name = (
                called_name(site.event[1])
                if site.event[0] in ("call", "drop")
                else callee.function.facts.name
            )
            advice = f"Take the commit out of `{name}` and commit once, after the loop"
        return self.finding(
            site.frame,
            site.event[5],
            f"{what}; the database makes each one durable before it answers{self.where(site.frame)}",
            advice,
            self._severity(repeated, way),
            chain=self.links(way),
            fix=commit_once(self.application, repeated, way),
        )

    def _severity(self, repeated: Repeated, way: list[Step]) -> Severity:
        size = self.application.iterables.size(repeated.loop)
        is_few = size is not None and size <= SEVERAL
        is_doubtful = distance(way) > FAR or (distance(way) > NEAR and not is_certain(way))
        is_doubtful = is_doubtful or not self.application.performs.is_sure(way, "commit")
        return Severity.INFO if is_few or is_doubtful or self._opens_below(way) else Severity.WARNING

    def _opens_below(self, way: list[Step]) -> bool:
        """Tell whether a way leads through a function that opens a session of its own."""
        frames = [step.site.frame for step in way[1:]]
        return any(_opens(site) for frame in frames for site in self.application.resolver.sites(frame))


def _opens(site: Site) -> bool:
    """Tell whether a place makes a session or borrows a connection."""
    return any(making.resource.kind in ("session", "connection") for making in site.makes)
