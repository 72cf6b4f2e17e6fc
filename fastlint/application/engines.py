"""What the engines of the program connect to, and by how many connections at most."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, last_name
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import ClassValue, Instance, ModuleValue, Text
from fastlint.sources.versions import Versions

MAKING = "create_engine"
ONE_CONNECTION = frozenset({"StaticPool", "SingletonThreadPool"})
"""Pools that give all threads the same connection, or each thread always its own."""
UNLIMITED = frozenset({"NullPool"})
"""Pools that open a connection whenever one is asked for."""
ANY_THREAD = "check_same_thread"
POOL_SIZE, OVERFLOW = 5, 10
"""SQLAlchemy 2.1: sqlalchemy/pool/impl.py, QueuePool."""
DEEPEST = 6


class Engines:
    """Answers what is known of all engines of SQLAlchemy that are made in plain code."""

    def __init__(self, inference: Inference, versions: Versions) -> None:
        self._inference = inference
        self._versions = versions

    @cached_property
    def _made(self) -> list[tuple[Expr, Frame]]:
        program = self._inference.program
        return [
            (expr, program.generic_frame(function))
            for function in program.functions_naming((MAKING,))
            for kind, expr, *_ in function.facts.events
            if kind in ("call", "drop") and called_name(expr) == MAKING
        ]

    @cached_property
    def keeps_database_in_memory(self) -> bool:
        """Whether the program opens a database of SQLite that each thread has for itself."""
        return any(
            any(map(_is_in_memory, self._addresses(call, frame))) or _pool(call) in ONE_CONNECTION
            for call, frame in self._made
        )

    @cached_property
    def belongs_to_threads(self) -> bool:
        """Whether connections may only be used in the thread that made them: those of SQLite, before SQLAlchemy 2."""
        if self._versions.is_at_least("sqlalchemy", "2"):
            return False
        return any(
            address.startswith("sqlite") for each in self._made for address in self._addresses(*each)
        ) and not any(True for _ in self._inference.program.functions_naming((ANY_THREAD,)))

    @cached_property
    def most_connections(self) -> int | None:
        """How many connections the smallest pool of the program may have; None if there is no limit."""
        made = [each for each in self._made if not each[1].function.module.is_offline]
        limits = [self._limit(*each) for each in made] or [POOL_SIZE + OVERFLOW]
        return min((limit for limit in limits if limit is not None), default=None)

    def _limit(self, call: Expr, frame: Frame) -> int | None:
        if _pool(call) in UNLIMITED:
            return None
        options = [(dict(call[3]), frame)]
        if any(name is None for name, _ in call[3]):
            options = [*self._configurations(), *options]
        limits = [self._limit_of(each, frame) for each, frame in options]
        return None if None in limits else max(limit for limit in limits if limit is not None)

    def _limit_of(self, options: dict[str | None, Expr], frame: Frame) -> int | None:
        if options.get("max_overflow", ("const", 0))[0] == "other":
            return None  # -1; no other operation would stand here
        size = self._number(options.get("pool_size"), POOL_SIZE, frame)
        overflow = self._number(options.get("max_overflow"), OVERFLOW, frame)
        return None if options.get("pool_size") == ("const", 0) else size + overflow

    def _number(self, given: Expr | None, default: int, frame: Frame) -> int:
        """Return the number that an argument stands for, no more than nothing if that cannot be known."""
        if given is None:
            return default
        return max((each for each in self._constants(given, frame) if type(each) is int), default=0)

    def _configurations(self) -> Iterator[tuple[dict[str | None, Expr], Frame]]:
        """Yield the dictionaries of the program that say how large a pool is."""
        program = self._inference.program
        for function in program.functions_naming(("pool_size",)):
            facts = function.facts
            bound = [value for bindings in facts.bindings.values() for _, _, value in bindings]
            for expr in (*facts.returns, *bound):
                if expr[0] == "dict":
                    found = {
                        key[1]: value
                        for key, value in zip(expr[1], expr[2], strict=False)
                        if key[0] == "const"
                    }
                    if "pool_size" in found:
                        yield found, program.generic_frame(function)

    def _addresses(self, call: Expr, frame: Frame) -> list[str]:
        given = call_argument(call, 0, "url")
        found = self._constants(given, frame) if given is not None else []
        return [each for each in found if isinstance(each, str)]

    def _constants(self, expr: Expr, frame: Frame, depth: int = 0) -> list[object]:
        """Return the constants that an expression may stand for; of an f-string its beginning."""
        tag, deeper = expr[0], depth + 1
        if depth > DEEPEST:
            return []
        if tag == "const":
            return [expr[1]]
        if tag == "typed" and expr[2] is not None:
            return self._constants(expr[2], frame, deeper)
        if tag == "text" and expr[1]:
            return self._constants(expr[1][0], frame, deeper)
        if tag == "any":
            return [each for part in expr[1] for each in self._constants(part, frame, deeper)]
        if tag == "name":
            own = frame.function.facts.bindings.get(str(expr[1]))
            bound = own or frame.function.module.facts.functions[0].bindings.get(str(expr[1]), [])
            found = [each for _, _, value in bound for each in self._constants(value, frame, deeper)]
            texts = [v.text for v in self._inference.values(expr, frame) if isinstance(v, Text)]
            return found or list(texts)
        return self._constants_of_attribute(expr, frame, deeper) if tag == "attr" else []

    def _constants_of_attribute(self, expr: Expr, frame: Frame, depth: int) -> list[object]:
        """Return what a class or module says that its attribute is: `Settings.pool_size`."""
        found: list[object] = []
        for holder in self._inference.values(expr[1], frame):
            if isinstance(holder, ModuleValue):
                bound = holder.module.facts.functions[0].bindings.get(expr[2], [])
                found += [each for b in bound for each in self._constants(b[2], holder.module.frame, depth)]
            if isinstance(holder, ClassValue | Instance) and isinstance(holder.cls, ProjectClass):
                around = self._inference.program.frame_around(holder.cls)
                bound = holder.cls.own(expr[2])
                found += [each for b in bound for each in self._constants(b[2], around, depth)]
        return found


def _pool(call: Expr) -> str:
    return next((last_name(given) for name, given in call[3] if name == "poolclass"), "")


def _is_in_memory(address: str) -> bool:
    return address.startswith("sqlite") and (address.endswith("://") or ":memory:" in address)
