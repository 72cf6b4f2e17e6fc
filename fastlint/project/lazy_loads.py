"""Attributes of mapped classes that send a query when they are read: lazy relationships."""

from __future__ import annotations

from fastlint.catalog.model import Effect
from fastlint.facts.model import Expr
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.models import Models
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import FunctionValue, Instance

EAGER = frozenset({"joinedload", "selectinload", "subqueryload", "contains_eager", "immediateload"})
ASYNC = frozenset({"AsyncSession", "async_sessionmaker", "create_async_engine", "awaitable_attrs"})
SESSION = "sqlalchemy.orm.Session"
QUERY = Effect("database", "unbounded", "the relationship with `.options(selectinload(...))` in the query")


class LazyLoads:
    """The lazy relationships of a program.

    Left out are relationships that some query of the program fetches with a loader option. Objects of an
    asynchronous session never load lazily, so in programs that have one, an object has to be seen to come
    from a synchronous session.
    """

    def __init__(self, inference: Inference, models: Models) -> None:
        self._inference = inference
        self._models = models
        self._found: set[tuple[ProjectClass, str]] = set()
        program = inference.program
        self._has_async = program.mentions(*ASYNC)
        if program.mentions("relationship", "Relationship"):
            self._collect(self._eager() if program.mentions(*EAGER) else set())

    def _eager(self) -> set[str]:
        """Return the names of relationships that loader options mention: `selectinload(User.posts)`."""
        names: set[str] = set()
        for function in self._inference.program.functions_naming(EAGER):
            for kind, expr, *_ in function.facts.events:
                if kind in ("call", "drop") and EAGER.intersection(expr[1][1:3]):
                    names.update(argument[2] for argument in expr[2] if argument[0] == "attr")
        return names

    def _collect(self, eager: set[str]) -> None:
        for cls in self._inference.program.classes():
            for name, relationship in self._models.own_relationships(cls).items():
                if relationship.is_lazy and name not in eager:
                    self._found.add((cls, name))

    def names(self) -> frozenset[str]:
        """Return the names of all lazy relationships, to pass over other attributes quickly."""
        return frozenset(name for _, name in self._found)

    def loads(self, value: Instance, expr: Expr, frame: Frame) -> bool:
        """Tell whether reading an attribute, `("attr", base, name, ...)`, of the object sends a query."""
        if not isinstance(value.cls, ProjectClass):
            return False
        mro = self._inference.mro(value.cls)
        if not any(isinstance(base, ProjectClass) and (base, expr[2]) in self._found for base in mro):
            return False
        return not self._has_async or self._is_from_session(expr[1], frame)

    def _is_from_session(self, base: Expr, frame: Frame) -> bool:
        """Tell whether an object is seen to come from a synchronous session: queried here, or injected."""
        if base[0] == "call":
            holder = base[1][1] if base[1][0] == "attr" else base[1]
            return any(self._inference.is_subclass(v, SESSION) for v in self._inference.values(holder, frame))
        if base[0] != "name":
            return False
        facts = frame.function.facts
        if any(self._is_from_session(value, frame) for _, _, value in facts.bindings.get(base[1], ())):
            return True
        parameter = next((p for p in facts.parameters if p.name == base[1]), None)
        if parameter is None or parameter.default is None:
            return False
        outer = frame.parent or self._inference.defining_frame(frame.function)
        provider = (
            call_argument(parameter.default, 0, "dependency") if parameter.default[0] == "call" else None
        )
        providers = self._inference.values(provider, outer) if provider is not None else ()
        return bool(providers) and all(
            isinstance(v, FunctionValue) and not v.function.facts.is_async for v in providers
        )
