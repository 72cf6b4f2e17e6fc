"""FL203: Each round of a loop sends a query of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.loops import FROM_QUERY, FROM_REQUEST, SEVERAL, Loop, Repeated, loops_of
from fastlint.application.statements import WRITES, statement_of
from fastlint.diagnostics import Severity
from fastlint.project.performs import Step
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

WORDS = ("query", "refresh", "command")


class QueryInLoop(ModelRule):
    """Each round of a loop sends a query of its own."""

    code = "FL203"

    def find(self) -> Iterator[Finding]:
        """Look at what loops on the way of a request repeat."""
        loops = loops_of(self.application)
        seen = set()
        for repeated in loops.repeated:
            for word in WORDS:
                step = loops.nearest(repeated, word)
                if step is None:
                    continue
                loop = repeated.loop
                callee = step.callee.function if step.callee is not None else step.name
                key = (loop.frame.function, loop.block, callee)
                if key not in seen and not self._is_for_others(repeated, step):
                    seen.add(key)
                    yield self._finding(repeated, step, word)
                break

    def _is_for_others(self, repeated: Repeated, step: Step) -> bool:
        """Tell whether another rule is nearer: commits are FL207's, rows that are written FL208's."""
        loops = loops_of(self.application)
        if loops.nearest(repeated, "commit") is not None:
            return True
        sent = statement_of(self.application.inference, repeated.site.event[1], step.name, step.site.frame)
        return step.callee is None and sent is not None and sent.verb in WRITES

    def _finding(self, repeated: Repeated, step: Step, word: str) -> Finding:
        site, loop = repeated.site, repeated.loop
        source = loops_of(self.application).source(loop)
        what = "a command to the cache" if word == "command" else "a query"
        over = f" over `{render(loop.iterable)}`" if render(loop.iterable) != "..." else ""
        grows = {FROM_QUERY: ", which grows with the table", FROM_REQUEST: ", which the client sends"}
        return self.finding(
            site.frame,
            site.event[5],
            f"`{render(site.event[1])}` sends {what} in each round of the loop{over}{grows.get(source, '')}"
            f"{self.where(site.frame)}",
            self._advice(repeated, step, word),
            self._severity(loop, source, word),
            chain=self.chain(step, word),
        )

    def _severity(self, loop: Loop, source: str, word: str) -> Severity:
        size = loops_of(self.application).size(loop)
        if size is not None and size <= SEVERAL:
            return Severity.INFO
        is_many = bool(source) and word != "command"
        if loop.jumps:
            return Severity.WARNING if is_many else Severity.INFO
        return Severity.ERROR if is_many else Severity.WARNING

    def _advice(self, repeated: Repeated, step: Step, word: str) -> str:
        items = render(repeated.loop.iterable)
        items = f"`{items}`" if items != "..." else "all items"
        if word == "command":
            return f"Ask once for {items}: `mget` for values, else queue the commands in a `pipeline` and execute it"
        if word == "refresh":
            return "Leave out the `refresh`: the flush has filled in keys and defaults; set `expire_on_commit=False`"
        if step.callee is not None:
            name = step.callee.function.facts.name
            return f"Write a `{name}` that takes {items} and sends one query, with `.in_(...)` or a join"
        if "mongo" in step.name or "motor" in step.name or "beanie" in step.name:
            return f'Ask once for {items} before the loop, with `{{"$in": [...]}}`, and look the rows up in a dictionary'
        return f"Ask once for {items} before the loop, with `.in_(...)` or a join, and look the rows up in a dictionary"
