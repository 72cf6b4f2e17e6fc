"""Loops on the way of a request: what is repeated for each item of something that can be long."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from fastlint.application.iterables import FROM_QUERY
from fastlint.application.loops import Loop, Repeated, loop_at
from fastlint.facts.model import Expr
from fastlint.facts.rounds import root
from fastlint.facts.structure import blocks_around, is_inside, last_name, regions_around
from fastlint.project.calls import Site
from fastlint.project.program import Frame
from fastlint.project.values import Instance

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

FEW = 3
"""A collection written in the program that has no more items than this is not worth a query less."""
BATCHING = ("batch", "chunk", "groupby")
"""Parts of the names of functions and variables that cut a collection into pieces."""
PLACES = frozenset({
    "shard", "tenant", "engine", "db", "database", "schema", "connection", "conn", "bind", "replica", "cluster",
    "table", "attempt", "retry",
})  # fmt: skip
"""What a loop goes through that cannot be asked all at once: each has a database, or tables, of its own."""
ROWS = (
    "beanie.Document", "tortoise.models.Model", "mongoengine.Document", "peewee.Model", "redis_om.HashModel",
    "pony.orm.core.Entity",
)  # fmt: skip
"""Classes whose objects send statements about themselves."""


class RequestLoops:
    """The loops that a request waits for, and what they repeat.

    Left out are loops that cannot become long or that have a reason: batches, a few literals, retries,
    `while`, shards and the like, streams that hand out each item.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.inference = application.inference
        self._loops: dict[tuple[Frame, int], Loop | None] = {}

    @cached_property
    def repeated(self) -> list[Repeated]:
        """Every place in such a loop, with the innermost loop around it."""
        found = []
        for frame in self.application.waited_for:
            blocks = frame.function.facts.blocks
            if not any(kind == "loop" for _, kind, _ in blocks):
                continue
            for site in self.application.resolver.sites(frame):
                loop = self._loop_around(frame, site.event[3])
                if loop is not None and not self._is_of_item(site, loop) and not _on_error(site, loop):
                    found.append(Repeated(site, loop))
        return found

    def _loop_around(self, frame: Frame, block: int) -> Loop | None:
        for index, kind, _ in blocks_around(frame.function.facts, block):
            if kind == "while":
                return None
            if kind == "loop":
                key = (frame, index)
                if key not in self._loops:
                    loop = loop_at(frame, index)
                    self._loops[key] = None if loop is None or self._has_reason(loop) else loop
                return self._loops[key]
        return None

    def _has_reason(self, loop: Loop) -> bool:
        size = self.application.iterables.size(loop)
        if size is not None and size <= FEW:
            return True
        if _is_range(loop.iterable) and (loop.jumps or len(loop.iterable[2]) == 3):
            return True
        if _cuts(loop.iterable) or any(_is_piece(name) for name in loop.variables):
            return True
        if loop.frame.function.facts.is_generator and _yields_in(loop):
            return True
        return self._is_stream(loop)

    def _is_stream(self, loop: Loop) -> bool:
        """Tell whether `async for` takes what comes, such as messages: only rows are known to be there."""
        facts = loop.frame.function.facts
        entered = [e for e in facts.events if e[0] == "aiter" and e[1] is loop.iterable]
        return bool(entered) and self.application.iterables.source(loop) != FROM_QUERY

    def _is_of_item(self, site: Site, loop: Loop) -> bool:
        """Tell whether each item does the work in its own way: handlers, engines, clients, pipelines."""
        expr = site.event[1]
        if site.event[0] not in ("call", "drop") or expr[0] != "call":
            return False
        callee = expr[1]
        if callee[0] == "name":
            return callee[1] in loop.variables
        if callee[0] != "attr" or root(callee) not in loop.variables:
            return False
        values = self.inference.values(callee[1], site.frame)
        return not any(isinstance(v, Instance) and self._is_row(v) for v in values)

    def _is_row(self, value: Instance) -> bool:
        mapped = self.application.models.of(value.cls)
        return mapped is not None or any(self.inference.is_subclass(value, base) for base in ROWS)


def _on_error(site: Site, loop: Loop) -> bool:
    """Tell whether a place in a loop runs only in rounds that fail."""
    handlers = regions_around(site.frame.function.facts, site.event[5], "except")
    return any(is_inside(region[1], loop.span) for region in handlers)


def _is_range(expr: Expr) -> bool:
    return expr[0] == "call" and bool(expr[1][:2] == ("name", "range"))


def _cuts(expr: Expr) -> bool:
    """Tell whether a collection is cut into pieces: `batched(...)`, `chunks(...)`."""
    while expr[0] == "call":
        expr = expr[1]
    return any(word in last_name(expr).lower() for word in BATCHING)


def _is_piece(name: str) -> bool:
    words = name.lower().strip("_").split("_")
    return any(name.lower().startswith(word) for word in BATCHING) or words[-1].rstrip("s") in PLACES


def _yields_in(loop: Loop) -> bool:
    facts = loop.frame.function.facts
    return any(e[0] == "yield" and loop.holds(e[3]) for e in facts.events)
