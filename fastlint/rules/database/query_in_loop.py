"""FL203: Each round of a loop sends a query of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.iterables import FROM_QUERY, FROM_REQUEST, SEVERAL
from fastlint.application.loops import Repeated
from fastlint.application.statements import INSERT, UPDATE, WRITES, statement_of
from fastlint.diagnostics import Severity
from fastlint.facts.structure import called_name
from fastlint.project.performs import Step, distance
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

WORDS = ("query", "refresh", "command")
SCANS = frozenset({"scan", "scan_iter", "sscan", "hscan", "zscan", "keys"})
SEARCHES = (
    "qdrant_client.",
    "chromadb.",
    "pinecone.",
    "weaviate.",
    "pymilvus.",
    "lancedb.",
    "faiss.",
    "turbopuffer.",
)
"""Libraries whose queries look for what is near: each is a search of its own."""
FAR = 4
"""Of a call that leads to a query through more calls than this, nobody can say that it does so each time."""


class QueryInLoop(ModelRule):
    """Each round of a loop sends a query of its own."""

    code = "FL203"

    def find(self) -> Iterator[Finding]:
        """Look at what loops on the way of a request repeat."""
        seen = set()
        for repeated in self.application.loops.repeated:
            for word in WORDS:
                way = self.application.ways.nearest(repeated.site, word)
                if not way:
                    continue
                callee = way[0].callee.function if way[0].callee is not None else way[0].name
                key = (repeated.loop.frame.function, repeated.loop.block, callee)
                if key not in seen and not self._is_for_others(repeated, way):
                    seen.add(key)
                    yield self._finding(repeated, way, word)
                break

    def _is_for_others(self, repeated: Repeated, way: list[Step]) -> bool:
        """Tell whether another rule is nearer: commits are FL207's, rows that are written FL208's.

        A scan goes through many keys itself, and so does a query with `.in_(...)`.
        """
        if self.application.ways.nearest(repeated.site, "commit"):
            return True
        name = way[-1].name.rpartition(".")[2]
        if ".Inspector." in way[-1].name:
            return True  # what the database consists of: as many tables as the program has
        if name in SCANS or (name == "refresh" and self._commits(repeated)):
            return True
        if way[0].callee is not None:
            return False
        site = repeated.site
        sent = statement_of(self.application.inference, site.event[1], way[0].name, site.frame)
        return sent is not None and (
            sent.verb in WRITES or sent.takes_many or repeated.loop.makes(sent.target)
        )

    def _commits(self, repeated: Repeated) -> bool:
        """Tell whether the loop itself commits, so that its `refresh` goes when the commit does."""
        frame, loop = repeated.site.frame, repeated.loop
        return any(
            "commit" in words and loop.holds(site.event[3])
            for site in self.application.resolver.sites(frame)
            for _, words in site.acts
        )

    def _finding(self, repeated: Repeated, way: list[Step], word: str) -> Finding:
        site, loop = repeated.site, repeated.loop
        what = "a command to the cache" if word == "command" else "a query"
        over = f" over `{render(loop.iterable)}`" if render(loop.iterable) != "..." else ""
        grows = {FROM_QUERY: ", as many as there are rows", FROM_REQUEST: ", as many as the client asks for"}
        source = self.application.iterables.source(loop)
        return self.finding(
            site.frame,
            site.event[5],
            f"`{render(site.event[1])}` sends {what} in each round of the loop{over}{grows.get(source, '')}"
            f"{self.where(site.frame)}",
            self._advice(repeated, way, word),
            self._severity(repeated, way, word, is_many=bool(source) and word != "command"),
            chain=self.links(way),
        )

    def _severity(self, repeated: Repeated, way: list[Step], word: str, *, is_many: bool) -> Severity:
        size = self.application.iterables.size(repeated.loop)
        is_few = size is not None and size <= SEVERAL
        if is_few or distance(way) > FAR or repeated.ends_on_hit or repeated.runs_together:
            return Severity.INFO
        if repeated.is_remembered or way[-1].name.startswith(SEARCHES):
            return Severity.INFO
        if not self.application.performs.is_sure(way, word):
            return Severity.INFO
        if repeated.loop.jumps:
            return Severity.WARNING if is_many else Severity.INFO
        return Severity.ERROR if is_many else Severity.WARNING

    def _advice(self, repeated: Repeated, way: list[Step], word: str) -> str:
        items = render(repeated.loop.iterable)
        items = f"`{items}`" if items != "..." else "all items"
        if word == "command":
            return f"Ask once for {items}: `mget` for values, else queue the commands in a `pipeline` and execute it"
        if word == "refresh":
            return "Leave out the `refresh`: the flush has filled in the keys, and `expire_on_commit=False` keeps the rest"
        callee = way[0].callee
        if callee is not None:
            event = repeated.site.event
            name = called_name(event[1]) if event[0] in ("call", "drop") else callee.function.facts.name
            end = way[-1].site
            sent = statement_of(self.application.inference, end.event[1], way[-1].name, end.frame)
            if sent is not None and sent.verb in (INSERT, UPDATE):
                return (
                    f"Write a `{name}` that takes {items} and sends one statement with a list of their values"
                )
            return f"Write a `{name}` that takes {items} and sends one query, with `.in_(...)` or a join"
        where = '`{"$in": [...]}`' if way[0].name.startswith(DOCUMENTS) else "`.in_(...)` or a join"
        return f"Ask once for {items} before the loop, with {where}, and look the rows up in a dictionary"


DOCUMENTS = ("pymongo.", "motor.", "beanie.", "mongoengine.")
"""Libraries whose queries are documents."""
