"""Which session or connection a call uses: the way to it from the parameters of a function.

A way is a tuple of names: ("db",) is the parameter or variable `db`, ("self", "session") is `self.session`.
Two calls with the same way, in one call of a function, use the same object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr
from fastlint.facts.structure import regions_around
from fastlint.project import members
from fastlint.project.bindings import matched_arguments
from fastlint.project.calls import CallResolver, Site
from fastlint.project.infer import Inference
from fastlint.project.performs import followed, performed
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Instance

Path = tuple[str, ...]

TAKING = frozenset({"query", "write", "flush", "refresh"})
"""What a session needs a connection for; it keeps it afterwards."""
RETURNING = frozenset({"commit", "rollback", "close"})
"""With what it gives the connection back."""
SENDING = TAKING | {"commit", "rollback"}
"""What goes to the database."""
CONNECTIONS = (
    "sqlalchemy.ext.asyncio.AsyncConnection", "sqlalchemy.engine.Connection", "asyncpg.Connection",
    "psycopg.AsyncConnection", "psycopg.Connection", "psycopg2.extensions.connection", "aiomysql.Connection",
    "asyncmy.connection.Connection",
)  # fmt: skip
"""Connections: borrowed from the moment that they are opened."""
SESSIONS = ("sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.orm.Session")
"""Sessions: they borrow a connection with their first statement, and give it back with commit and rollback."""
ONE_AT_A_TIME = (
    "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.AsyncConnection", "asyncpg.Connection",
    "aiomysql.Connection", "asyncmy.connection.Connection",
)  # fmt: skip
"""What raises when a second task uses it meanwhile; connections of psycopg and aiosqlite wait for their turn."""
DEEPEST = 12


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """A place of a frame that uses a session, itself or through what it calls."""

    site: Site
    path: Path
    """The session, as seen from the frame."""
    words: frozenset[str]
    """What the library call does."""
    name: str
    """The library call."""
    is_exclusive: bool
    """Whether a second task must not use the session meanwhile, and no lock keeps it from that."""
    is_connection: bool
    callee: Frame | None = None
    inner: Use | None = None
    """The use in the callee."""

    def chain(self) -> list[Use]:
        """Return the uses from this one down to the library call."""
        found = [self]
        while found[-1].inner is not None:
            found.append(found[-1].inner)
        return found


class Sessions:
    """Answers which sessions of its surroundings a frame uses."""

    def __init__(self, inference: Inference, resolver: CallResolver) -> None:
        self.inference = inference
        self.resolver = resolver
        self._uses: dict[Frame, list[Use]] = {}
        self._at: dict[int, list[Use]] = {}
        self._busy: set[Frame] = set()

    def uses(self, frame: Frame) -> list[Use]:
        """Return every use of a session in a frame, in source order, those of its callees included."""
        known = self._uses.get(frame)
        if known is None:
            if frame in self._busy or len(self._busy) > DEEPEST:
                return []
            self._busy.add(frame)
            known = [use for site in self.resolver.sites(frame) for use in self.at(site)]
            self._busy.discard(frame)
            self._uses[frame] = known
        return known

    def at(self, site: Site, frames: list[Frame] | None = None) -> list[Use]:
        """Return the uses at a site: of the library call, of what it calls and awaits (or of these frames)."""
        found = []
        for name, words in performed(site):
            if words & (SENDING | {"close"}):
                holder = self.session_in(site.event[1], site.frame)
                path = self.path(holder, site.frame) if holder is not None else None
                if holder is not None and path is not None:
                    found.append(self._direct(site, path, words, name, holder))
        for callee in frames if frames is not None else dict.fromkeys(followed(site)):
            seen: set[tuple[Path, frozenset[str]]] = set()
            for inner in self.uses(callee):
                outer = self.outside(inner.path, callee, site)
                if outer is None or (outer, inner.words) in seen:
                    continue
                seen.add((outer, inner.words))
                exclusive = inner.is_exclusive and not self._is_locked(site)
                found.append(
                    Use(site, outer, inner.words, inner.name, exclusive, inner.is_connection, callee, inner)
                )
        return found

    def _direct(self, site: Site, path: Path, words: frozenset[str], name: str, holder: Expr) -> Use:
        values = self.inference.values(holder, site.frame)
        exclusive = any(self._is_any(v, ONE_AT_A_TIME) for v in values) and not self._is_locked(site)
        connection = any(self._is_any(v, CONNECTIONS) for v in values)
        return Use(site, path, words, name, exclusive, connection)

    def _is_any(self, value: object, bases: tuple[str, ...]) -> bool:
        return isinstance(value, Instance) and any(self.inference.is_subclass(value, base) for base in bases)

    def is_session(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression is a session or a connection."""
        values = self.inference.values(expr, frame)
        return any(self._is_any(value, (*SESSIONS, *CONNECTIONS)) for value in values)

    def _is_locked(self, site: Site) -> bool:
        facts = site.frame.function.facts
        for _, _, context, _ in regions_around(facts, site.event[5], "async with", "with"):
            values = self.inference.values(context, site.frame)
            if any(getattr(v, "cls", "") in LOCKS for v in values) or "lock" in _last_name(context).lower():
                return True
        return False

    def session_in(self, expr: Expr, frame: Frame) -> Expr | None:
        """Return the session that a call starts from: `db` of `db.query(User).filter(...).first()`."""
        for _ in range(DEEPEST * 2):
            if expr[0] in ("call", "await", "enter", "aenter", "elem", "aelem", "item"):
                expr = expr[1]
            elif expr[0] in ("attr", "sub"):
                if expr[0] == "attr" and self.is_session(expr, frame):
                    return expr
                expr = expr[1]
            elif expr[0] == "name":
                if self.is_session(expr, frame):
                    return expr
                values = self._bound(expr, frame)
                if len(values) != 1:
                    return None
                expr = values[0]
            else:
                return None
        return None

    def _bound(self, name: Expr, frame: Frame) -> list[Expr]:
        facts = frame.function.facts
        if name[1] not in facts.bindings or name[1] in facts.outer_names:
            return []
        return frame.function.flow.reaching(name[1], name[2], name[3])[0]

    def path(self, expr: Expr, frame: Frame, depth: int = 0) -> Path | None:
        """Return the way to an object, through variables and the constructors of objects that hold it."""
        if depth > DEEPEST:
            return None
        if expr[0] == "name":
            values = self._bound(expr, frame)
            if len(values) == 1 and values[0][0] in ("name", "attr"):
                return self.path(values[0], frame, depth + 1)
            return (expr[1],)
        if expr[0] == "attr":
            held = self._held_by(expr, frame)
            if held is not None:
                return self.path(held, frame, depth + 1)
            base = self.path(expr[1], frame, depth + 1)
            return (*base, expr[2]) if base is not None else None
        return None

    def _held_by(self, attribute: Expr, frame: Frame) -> Expr | None:
        """Return what `repo.session` is if `repo = Repo(session)` stands above: the argument."""
        if attribute[1][0] != "name":
            return None
        values = self._bound(attribute[1], frame)
        return self._argument_held(values[0], attribute[2], frame) if len(values) == 1 else None

    def _argument_held(self, made: Expr, attribute: str, frame: Frame) -> Expr | None:
        """Return the argument of a constructor call that the object keeps as an attribute."""
        if made[0] != "call":
            return None
        for value in self.inference.values(made, frame):
            cls = value.cls if isinstance(value, Instance) else None
            init = members.initializer(self.inference, cls) if isinstance(cls, ProjectClass) else None
            if init is None:
                continue
            for base, name, stored in init.facts.stores:
                if name == attribute and base[0] == "name" and stored[0] == "name":
                    for parameter, argument in matched_arguments(init.facts.parameters[1:], made):
                        if parameter.name == stored[1]:
                            return argument
        return None

    def outside(self, path: Path, callee: Frame, site: Site) -> Path | None:
        """Return what a way in a callee is for its caller, or None where the callee's own objects begin."""
        facts = callee.function.facts
        root, rest = path[0], path[1:]
        if root in callee.function.parameters:
            if root in facts.bindings:
                return None  # replaced in the callee: `db = db or Session()`
            given = self._given(callee, site, root)
            if given is None:
                return None
            if rest and given[0] == "name":
                values = self._bound(given, site.frame)
                held = self._argument_held(values[0], rest[0], site.frame) if len(values) == 1 else None
                if held is not None:
                    outer = self.path(held, site.frame)
                    return (*outer, *rest[1:]) if outer is not None else None
            elif rest and given[0] == "call":
                held = self._argument_held(given, rest[0], site.frame)
                outer = self.path(held, site.frame) if held is not None else None
                return (*outer, *rest[1:]) if outer is not None else None
            outer = self.path(given, site.frame)
            return (*outer, *rest) if outer is not None else None
        if root in facts.bindings:
            return None
        inner = callee.function.parent
        return (
            path if inner is not None and inner in (site.frame.function, site.frame.function.parent) else None
        )

    def _given(self, callee: Frame, site: Site, name: str) -> Expr | None:
        """Return what a call gives for a parameter of the callee."""
        for parameter, argument in passed(site, callee):
            if parameter == name:
                return argument
        return None


def passed(site: Site, callee: Frame) -> Iterator[tuple[str, Expr]]:
    """Yield the parameters of a callee with what the call at a site gives for them, the receiver included."""
    call = site.event[1]
    parameters = callee.function.facts.parameters
    if call[0] != "call" or not parameters:
        return
    is_method = callee.receiver is not None and callee.function.owner is not None
    if is_method and call[1][0] == "attr":
        yield parameters[0].name, call[1][1]
    for parameter, argument in matched_arguments(parameters[int(is_method) :], call):
        yield parameter.name, argument


def _last_name(expr: Expr) -> str:
    while expr[0] == "call":
        expr = expr[1]
    return str(expr[2] if expr[0] == "attr" else expr[1] if expr[0] == "name" else "")


LOCKS = frozenset({"asyncio.Lock", "anyio.Lock", "threading.Lock", "threading.RLock"})
