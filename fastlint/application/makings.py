"""What is made for each request: engines, connections, clients, executors; and what is made to be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from fastlint.application.contexts import Application
from fastlint.application.origins import Origins, arguments
from fastlint.application.requests import Use
from fastlint.catalog.model import Resource
from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import (
    blocks_around,
    children,
    names_bound_to,
    outlives_call,
    regions_around,
    unwrapped,
    walk,
)
from fastlint.project.bindings import call_argument, matched_arguments
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import LibraryName

INNER = frozenset({
    "transport", "http_client", "connector", "http_async_client", "connection_pool", "creator", "async_creator",
})  # fmt: skip
"""Arguments that bring the connections; making the client around them costs little."""
IN_MEMORY = frozenset({"ASGITransport", "WSGITransport", "MockTransport"})
MAKERS = frozenset({"__init__", "__post_init__", "__aenter__", "__enter__", "model_post_init", "__new__"})
"""Methods that make an object ready; what they set lives as long as the object."""
QUERYING = frozenset({"query", "write", "command"})


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that a library call makes for requests."""

    use: Use
    resource: Resource

    @property
    def call(self) -> Expr:
        """The call that makes it."""
        return unwrapped(self.use.expr)

    @property
    def frame(self) -> Frame:
        """The function call that it is part of."""
        return self.use.frame


class Makings:
    """Answers what requests make, and whether it could be shared."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.origins = Origins(application)

    def of_requests(self, *kinds: str) -> Iterator[Made]:
        """Yield what requests make of those kinds, unless it is kept for later ones."""
        for use, resource in self.application.requests.makings():
            if resource.kind in kinds:
                made = Made(use, resource)
                if made.call[0] != "call" or self.is_kept(made.call, made.frame) or self.is_given(made):
                    continue
                yield made

    def is_kept(self, call: Expr, frame: Frame) -> bool:
        """Tell whether what a call makes outlives the request: in a global, on the application, in a singleton."""
        function = frame.function
        facts = function.facts
        if function.owner is not None and facts.name in MAKERS and self._is_singleton(function.owner):
            return True
        names = set(names_bound_to(facts, call))
        top = function.module.facts.functions[0].bindings
        for name in facts.outer_names:
            for _, _, value in top.get(name, ()):
                inner = unwrapped(value[2]) if value[0] == "within" else value
                if inner == call or (inner[0] == "name" and inner[1] in names):
                    return True
        for base, name, value in facts.stores:
            inner = unwrapped(value)
            if inner is call or (inner[0] == "name" and inner[1] in names):
                if outlives_call(base, facts, is_maker=facts.name in MAKERS):
                    return True
                if base[0] == "attr" and name == "state":
                    return True
        return False

    def _is_singleton(self, cls: ProjectClass) -> bool:
        """Tell whether only one object of a class is ever made."""
        for base in self.application.inference.mro(cls):
            if not isinstance(base, ProjectClass):
                continue
            decorators = [walk(decorator) for decorator in base.facts.decorators]
            metaclass = [value for name, value in base.facts.keywords if name == "metaclass"]
            words = [part for parts in (*decorators, *map(walk, metaclass)) for part in parts]
            names = {
                str(part[2] if part[0] == "attr" else part[1])
                for part in words
                if part[0] in ("attr", "name")
            }
            if any("singleton" in name.lower() for name in names) or base.own("_instance"):
                return True
            if "singleton" in base.facts.name.lower():
                return True
        return False

    def is_given(self, made: Made) -> bool:
        """Tell whether every caller passes one, so that `client or AsyncClient()` makes none."""
        facts = made.frame.function.facts
        names = {p.name for p in facts.parameters if p.default == ("const", None)}
        instead = _alternatives(made.call, made.use.site.event[3], facts) & names if names else set()
        if not instead:
            return False
        parameters = facts.parameters[int(made.frame.receiver is not None) :]
        calls = self.application.calls_of(made.frame)
        return bool(calls) and all(
            any(p.name in instead and argument != ("const", None) for p, argument in matched)
            for site in calls
            for matched in [
                matched_arguments(parameters, site.event[1]) if site.event[1][0] == "call" else []
            ]
        )

    def is_rare(self, made: Made) -> bool:
        """Tell whether it is made only after an error, or where a caller asks for one of its own.

        The latter is `if not shared:` where `shared=True` is the default.
        """
        facts = made.frame.function.facts
        if regions_around(facts, made.use.span, "except"):
            return True
        defaults = {p.name: p.default for p in facts.parameters if p.default is not None}
        for _, _, condition in blocks_around(facts, made.use.site.event[3]):
            wanted = condition[0] != "not"
            name = condition if wanted else condition[1]
            if name[0] == "name" and defaults.get(name[1]) == ("const", not wanted):
                return True
        return False

    def handed_over(self, made: Made) -> Expr | None:
        """Return what a function is handed that makes it, to call it elsewhere: `to_thread(MongoClient, url)`."""
        inference = self.application.inference
        for value in inference.values(made.call[1], made.frame):
            runs = inference.catalog.runs.get(value.name) if isinstance(value, LibraryName) else None
            for where in runs.callables if runs is not None else ():
                position, keyword = (where, "") if isinstance(where, int) else (None, where)
                given = call_argument(made.call, position, keyword)
                if given is not None:
                    return given
        return None

    def brings_connections(self, made: Made) -> bool:
        """Tell whether what is made is given connections that exist already, or needs none (`ASGITransport`)."""
        for name in INNER:
            given = call_argument(made.call, None, name)
            for value in self._written_as(given, made.frame) if given is not None else ():
                if value[0] != "call" or str(value[1][-2 if value[1][0] == "attr" else 1]) in IN_MEMORY:
                    return True
        return False

    def _written_as(self, expr: Expr, frame: Frame) -> list[Expr]:
        """Return the expressions that a local name stands for."""
        function = frame.function
        if expr[0] != "name" or expr[1] not in function.facts.bindings or function.index == 0:
            return [expr]
        return function.flow.reaching(expr[1], expr[2], expr[3])[0]

    def varying(self, call: Expr, frame: Frame, shared: frozenset[str] = frozenset()) -> list[str]:
        """Return the arguments of a call that can differ from request to request, by name ("" by position).

        Arguments that a call of the shared object takes as well (`shared`) are left out.
        """
        return [
            name
            for name, value in arguments(call)
            if name not in shared and not self.origins.is_same(value, frame)
        ]

    @cached_property
    def _databases(self) -> frozenset[str]:
        """The modules of libraries that send statements to databases."""
        acts = self.application.inference.catalog.acts.items()
        return frozenset(_module_of(name) for name, words in acts if words & QUERYING)

    def is_database(self, name: str) -> bool:
        """Tell whether a library name belongs to a client of a database."""
        module = _module_of(name)
        return any(known == module or known.startswith(f"{module}.") for known in self._databases)


def _module_of(name: str) -> str:
    """Return the leading lower-case parts of a dotted name: `redis.asyncio` of `redis.asyncio.Redis.get`."""
    parts = []
    for part in name.split(".")[:-1]:
        if part[:1].isupper():
            break
        parts.append(part)
    return ".".join(parts)


def _alternatives(call: Expr, block: int, facts: FunctionFacts) -> set[str]:
    """Return the names without which a call is made: `name or call`, `if name is None`, `if not name`."""
    found: set[str] = set()
    for _, _, condition in blocks_around(facts, block):
        if condition[0] == "not" or (condition[0] == "compare" and ("const", None) in condition[1]):
            found |= {str(p[1]) for p in children(condition) if p[0] == "name"}
    values = [value for bound in facts.bindings.values() for _, _, value in bound]
    values += [value for _, _, value in facts.stores] + facts.returns + facts.yields
    for value in values:
        for part in walk(value):
            if part[0] == "any" and any(unwrapped(p) is call for p in part[1]):
                found |= {str(p[1]) for p in part[1] if p[0] == "name"}
    return found
