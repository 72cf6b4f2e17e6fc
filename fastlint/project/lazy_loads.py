"""Attributes of mapped classes that send a query when they are read: lazy relationships."""

from __future__ import annotations

from fastlint.catalog.model import Effect
from fastlint.facts.model import Expr
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import ProjectClass
from fastlint.project.values import Instance, LibraryName

RELATIONSHIPS = frozenset({"sqlalchemy.orm.relationship", "sqlmodel.Relationship", "sqlalchemy.orm.backref"})
EAGER = frozenset({"joinedload", "selectinload", "subqueryload", "contains_eager", "immediateload"})
ASYNC = frozenset({"AsyncSession", "async_sessionmaker", "create_async_engine", "awaitable_attrs"})
QUERY = Effect("database", "unbounded", "the relationship with `.options(selectinload(...))` in the query")


class LazyLoads:
    """The lazy relationships of a program.

    Objects of an asynchronous session never load lazily, and loader options fetch a relationship with
    the query; in programs that use either, nothing is said.
    """

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._found: set[tuple[ProjectClass, str]] = set()
        mentions: set[str] = set()
        for module in inference.program.modules.values():
            if not module.is_test:
                mentions.update(module.facts.mentions)
        if mentions.isdisjoint(EAGER | ASYNC) and not mentions.isdisjoint({"relationship", "Relationship"}):
            self._collect()

    def _collect(self) -> None:
        for cls in self._inference.program.classes():
            scope = self._inference.program.generic_frame(cls.module.functions[cls.facts.parent])
            for name, bindings in cls.facts.bindings.items():
                value = bindings[-1][2]
                made: Expr | None = value[2] if value[0] == "typed" else value
                if made is None or made[0] != "call":
                    continue
                callees = self._inference.values(made[1], scope)
                lazy = call_argument(made, None, "lazy")
                is_lazy = lazy is None or lazy[:2] in (("const", "select"), ("const", True))
                if is_lazy and any(isinstance(v, LibraryName) and v.name in RELATIONSHIPS for v in callees):
                    self._found.add((cls, name))

    def names(self) -> frozenset[str]:
        """Return the names of all lazy relationships, to pass over other attributes quickly."""
        return frozenset(name for _, name in self._found)

    def loads(self, value: Instance, name: str) -> bool:
        """Tell whether reading an attribute of an object sends a query."""
        if not isinstance(value.cls, ProjectClass):
            return False
        return any(
            isinstance(b, ProjectClass) and (b, name) in self._found for b in self._inference.mro(value.cls)
        )
