"""What loops go through: how many items it has, and whether they come from a query or from the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastlint.application.loops import Loop
from fastlint.facts.model import Expr
from fastlint.facts.rounds import grows
from fastlint.facts.structure import children, unwrapped
from fastlint.project.bindings import matched_arguments
from fastlint.project.calls import Site
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue

if TYPE_CHECKING:
    from fastlint.application.contexts import Application

SEVERAL = 12
"""A collection written in the program that has no more items is small: its length does not grow with the data."""
WRAPPERS = frozenset({"enumerate", "sorted", "reversed", "list", "tuple", "set", "frozenset", "iter", "tqdm"})
PASSING = WRAPPERS | {"zip", "filter", "map", "dict", "fromkeys", "chain", "split", "get", "loads"}
"""Functions and methods that hand on the items of what they are given."""
FROM_QUERY, FROM_REQUEST = "query", "request"
DEEPEST = 8
MOST_CALLERS = 3


class Iterables:
    """Answers what loops go through."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._inference = application.inference
        self._sites: dict[Frame, dict[int, Site]] = {}

    def size(self, loop: Loop) -> int | None:
        """Return how many items a loop has if they are written in the program, or None."""
        return self._size(loop.iterable, loop.frame, 0)

    def source(self, loop: Loop) -> str:
        """Return where the items come from: a query, the request, or "" if that is not known."""
        return self._source(loop.iterable, loop.frame, 0)

    def _size(self, expr: Expr, frame: Frame, depth: int) -> int | None:
        tag = expr[0]
        if depth > DEEPEST:
            return None
        if tag in ("list", "tuple", "set"):
            return None if any(part[0] == "star" for part in expr[1]) else len(expr[1])
        if tag == "dict":
            return None if any(key[0] == "unknown" for key in expr[1]) else len(expr[1])
        if tag == "name":
            values = self._meanings(expr, frame)
            if grows(frame.function.facts, str(expr[1])):
                return None
            sizes = [self._size(value, scope, depth + 1) for value, scope in values]
            known = [size for size in sizes if size is not None]
            return max(known) if known and len(known) == len(sizes) else self._members(expr, frame)
        if tag == "attr":
            return self._members(expr, frame)
        if tag == "call":
            callee = expr[1]
            if callee[0] == "name" and callee[1] in WRAPPERS and expr[2]:
                return self._size(expr[2][0], frame, depth + 1)
            if callee[0] == "name" and callee[1] == "zip":
                sizes = [self._size(part, frame, depth + 1) for part in expr[2]]
                return min((size for size in sizes if size is not None), default=None)
            if callee[0] == "name" and callee[1] == "range" and all(a[0] == "const" for a in expr[2]):
                numbers = [a[1] for a in expr[2]]
                return len(range(*numbers)) if all(type(n) is int for n in numbers) else None
            if callee[0] == "attr" and callee[2] in ("items", "keys", "values") and not expr[2]:
                return self._size(callee[1], frame, depth + 1)
        return None

    def _members(self, expr: Expr, frame: Frame) -> int | None:
        """Return how many members an enumeration has that is iterated."""
        values = self._inference.values(expr, frame)
        sizes = [
            len(v.cls.facts.bindings)
            for v in values
            if isinstance(v, ClassValue)
            and not isinstance(v.cls, str)
            and self._inference.is_subclass(v, "enum.Enum")
        ]
        return max(sizes) if sizes and len(sizes) == len(values) else None

    def _meanings(self, name: Expr, frame: Frame) -> list[tuple[Expr, Frame]]:
        """Return the expressions that a name stands for, with the frames that they are evaluated in."""
        facts = frame.function.facts
        if name[1] in facts.bindings and name[1] not in facts.outer_names:
            values, _ = frame.function.flow.reaching(name[1], name[2], name[3])
            return [(value, frame) for value in values]
        if name[1] in frame.function.parameters:
            return []
        if frame.parent is not None and frame.parent.function.index > 0:
            return []
        module = frame.function.module
        outer = module.facts.functions[0].bindings.get(name[1], ())
        return [(value, module.frame) for _, _, value in outer if value[0] != "import"]

    def _source(self, expr: Expr, frame: Frame, depth: int) -> str:
        if depth > DEEPEST:
            return ""
        expr = unwrapped(expr)
        tag = expr[0]
        if tag == "name":
            for value, scope in self._meanings(expr, frame):
                found = self._source(value, scope, depth + 1)
                if found:
                    return found
            return self._source_of_parameter(expr[1], frame, depth)
        if tag == "call":
            site = self._site(expr, frame)
            if site is not None and self._application.performs.at(site, "query"):
                return FROM_QUERY
            if expr[1][0] == "name" and expr[1][1] not in PASSING:
                return ""
            if expr[1][0] == "attr" and expr[1][2] not in PASSING:
                return self._source(expr[1][1], frame, depth + 1) if not expr[2] else ""
        if tag in ("lambda", "def", "class", "const"):
            return ""
        for part in children(expr):
            found = self._source(part, frame, depth + 1)
            if found:
                return found
        return ""

    def _source_of_parameter(self, name: str, frame: Frame, depth: int) -> str:
        parameter = frame.function.parameters.get(name)
        if parameter is None or (
            parameter.annotation is None and frame.receiver is not None and name == "self"
        ):
            return ""
        if self._application.kinds_of(frame) & {"route", "websocket", "dependency"}:
            return "" if self._application.is_injected(frame, parameter) else FROM_REQUEST
        for site in self._application.waited_for.callers(frame)[:MOST_CALLERS]:
            call = site.event[1]
            if call[0] != "call":
                continue
            skip = int(frame.receiver is not None and call[1][0] == "attr")
            for given, argument in matched_arguments(frame.function.facts.parameters[skip:], call):
                if given.name == name:
                    found = self._source(argument, site.frame, depth + 2)
                    if found:
                        return found
        return ""

    def _site(self, call: Expr, frame: Frame) -> Site | None:
        known = self._sites.get(frame)
        if known is None:
            sites = self._application.resolver.sites(frame)
            known = self._sites[frame] = {id(site.event[1]): site for site in sites}
        return known.get(id(call))
