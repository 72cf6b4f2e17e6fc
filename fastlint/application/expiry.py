"""Which objects a commit has expired when they are read: their next read sends a query, or raises an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from fastlint.facts.model import Event, Expr, Span
from fastlint.facts.structure import blocks_around, regions_around, unwrapped, walk
from fastlint.project.bindings import call_argument
from fastlint.project.calls import CallResolver, Site
from fastlint.project.infer import Inference
from fastlint.project.models import Models
from fastlint.project.performs import Performs
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.queries import ALL, ONE
from fastlint.project.rows import RowsOfQueries
from fastlint.project.values import ClassValue, LibraryName

MAKERS = {
    "sqlalchemy.ext.asyncio.async_sessionmaker": "async",
    "sqlalchemy.ext.asyncio.AsyncSession": "async",
    "sqlmodel.ext.asyncio.session.AsyncSession": "async",
    "sqlalchemy.orm.sessionmaker": "sync",
    "sqlalchemy.orm.Session": "sync",
    "sqlmodel.Session": "sync",
}
"""What makes sessions, or makes what makes them."""
SPELLINGS = frozenset({"async_sessionmaker", "AsyncSession", "sessionmaker", "Session"})
ADDS = frozenset({"add", "add_all"})
LEAVES = frozenset({"delete", "expunge", "expunge_all", "close", "aclose", "make_transient"})


class Held(NamedTuple):
    """A variable that holds an object of a session, or many."""

    cls: ProjectClass
    many: bool
    session: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Expired:
    """A read of an object after the commit that expired it."""

    frame: Frame
    name: str
    """The variable."""
    attribute: str
    """What is read of it; "" where the object itself is returned."""
    cls: ProjectClass
    commit: Event
    span: Span
    """Where it is read."""
    many: bool
    """Whether it is one of many, or a list."""
    session: str


class Expiry:
    """Answers which reads in a frame find an object expired."""

    def __init__(
        self, resolver: CallResolver, rows: RowsOfQueries, models: Models, performs: Performs
    ) -> None:
        self._resolver = resolver
        self._inference: Inference = resolver.inference
        self._rows = rows
        self._models = models
        self._performs = performs
        self._found: dict[Frame, list[Expired]] = {}
        self._expiring: dict[str, bool] | None = None
        self._calls: dict[str, list[tuple[Function, Expr]]] = {"async": [], "sync": []}

    def expires(self, kind: str) -> bool:
        """Tell whether the sessions of the program, "async" or "sync", expire objects at a commit.

        Only where every session that is made outside tests does.
        """
        if self._expiring is None:
            made: dict[str, list[bool]] = {"async": [], "sync": []}
            for maker, expiring, function, call in self._makers():
                made[maker].append(expiring)
                self._calls[maker].append((function, call))
            self._expiring = {maker: bool(found) and all(found) for maker, found in made.items()}
        return self._expiring[kind]

    def makers(self, kind: str) -> list[tuple[Function, Expr]]:
        """Return the calls that make sessions of a kind, or what makes those, with the functions they stand in."""
        self.expires(kind)
        return self._calls[kind]

    def _makers(self) -> Iterator[tuple[str, bool, Function, Expr]]:
        program = self._inference.program
        modules = [m for m in program.modules.values() if not m.is_offline and m.mentions(*SPELLINGS)]
        for function in (function for module in modules for function in module.functions):
            frame = self._inference.program.generic_frame(function)
            for kind, expr, *_ in function.facts.events:
                if kind not in ("call", "drop"):
                    continue
                if any(name == "expire_on_commit" for name, _ in expr[3]):
                    expiring = call_argument(expr, None, "expire_on_commit") == ("const", True)
                    yield from (("async", expiring, function, expr), ("sync", expiring, function, expr))
                    continue
                for value in self._inference.values(expr[1], frame):
                    found = self._maker(value)
                    if not found:
                        continue
                    cls = call_argument(expr, None, "class_")
                    classes = self._inference.values(cls, frame) if cls is not None else ()
                    if any(self._maker(c) == "async" for c in classes):
                        found = "async"
                    is_custom = any(
                        isinstance(getattr(c, "cls", None), ProjectClass) for c in (value, *classes)
                    )
                    is_plain = not is_custom and all(name is not None for name, _ in expr[3])
                    yield found, is_plain, function, expr

    def _maker(self, value: object) -> str:
        if isinstance(value, LibraryName):
            return MAKERS.get(value.name, "")
        if isinstance(value, ClassValue):
            for name, kind in MAKERS.items():
                if self._inference.is_subclass(value, name):
                    return kind
        return ""

    def reads(self, frame: Frame) -> list[Expired]:
        """Return the first read after each commit, for each variable."""
        found = self._found.get(frame)
        if found is None:
            found = self._found[frame] = []
            for commit, session, kind in self._commits(frame):
                found += self._after(frame, commit, session, kind)
        return found

    def _commits(self, frame: Frame) -> Iterator[tuple[Site, Expr, str]]:
        for site in self._resolver.sites(frame):
            expr = site.event[1]
            if not any("commit" in words for _, words in site.acts) or expr[0] != "call":
                continue
            if site.event[0] in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] == "commit":
                kind = self._rows.queries.session_kind(expr[1][1], frame)
                if kind and self.expires(kind):
                    yield site, expr[1][1], kind

    def _after(self, frame: Frame, commit: Site, session: Expr, kind: str) -> Iterator[Expired]:
        facts = frame.function.facts
        time = _time(commit.event[1])
        if time is None:
            return
        seen: set[str] = set()
        end = commit.event[5][2:]
        loaded = self._loaded_again(frame, commit)
        written: set[tuple[str, str]] = set()
        for event in facts.events:
            event_kind, expr, span = event[0], event[1], event[5]
            if span[:2] < end or event is commit.event:
                continue
            if event_kind == "set" and expr[1][0] == "name":
                written.add((expr[1][1], expr[2]))
            base = expr[1] if event_kind == "attr" else expr if event_kind == "return" else None
            if base is None or base[0] != "name" or base[1] in seen:
                continue
            held = self._held(frame, base, time, session)
            if held is None or not self._is_after(frame, commit.event, event):
                continue
            name = base[1]
            if any(at < span[:2] and (what is None or what == name) for what, at in loaded):
                seen.add(name)
                continue
            attribute = expr[2] if event_kind == "attr" else ""
            if attribute and (not self._is_mapped(held.cls, attribute) or (name, attribute) in written):
                continue
            seen.add(name)
            yield Expired(frame, name, attribute, held.cls, commit.event, span, held.many, kind)

    def _is_after(self, frame: Frame, commit: Event, event: Event) -> bool:
        """Tell whether every way to a place passes the commit, and none does so by an error."""
        facts = frame.function.facts
        if commit[3] not in {block for block, _, _ in blocks_around(facts, event[3])}:
            return False
        return not regions_around(facts, event[5], "except", "finally")

    def _loaded_again(self, frame: Frame, commit: Site) -> list[tuple[str | None, tuple[int, int]]]:
        """Return (variable or None for any, where) of what loads objects again after a commit."""
        found: list[tuple[str | None, tuple[int, int]]] = []
        for site in self._resolver.sites(frame):
            span, expr = site.event[5], site.event[1]
            if span[:2] <= commit.event[5][:2]:
                continue
            if any("refresh" in words for _, words in site.acts) and expr[0] == "call" and expr[2]:
                target = expr[2][0]
                found.append((target[1] if target[0] == "name" else None, span[2:]))
            elif self._performs.at(site, "query") or self._performs.at(site, "refresh"):
                found.append((None, span[2:]))
        return found

    def _is_mapped(self, cls: ProjectClass, attribute: str) -> bool:
        mapped = self._models.of(cls)
        return mapped is not None and attribute in mapped.columns

    def _held(self, frame: Frame, name: Expr, commit: int, session: Expr) -> Held | None:
        """Return what a variable holds if it was bound before the commit, and the session knows of it."""
        facts = frame.function.facts
        bindings = facts.bindings.get(name[1])
        if bindings is None or name[1] in frame.function.parameters:
            return None
        before = [(t, value) for t, _, value in bindings if t < name[2]]
        if not before:
            return None
        bound, value = max(before, key=lambda pair: pair[0])
        if bound > commit:
            if value[0] in ("elem", "aelem") and value[1][0] == "name":
                many = self._held(frame, value[1], commit, session)
                return many if many is not None and many.many else None
            return None
        held = self._object(frame, value, name[1], session)
        if held is None or self._has_left(frame, name[1]) or len({id(v) for _, v in before}) > 1:
            return None
        return held

    def _object(self, frame: Frame, value: Expr, name: str, session: Expr) -> Held | None:
        value = unwrapped(value)
        many = False
        made = value
        if (
            value[0] == "list"
            and len(value[1]) == 1
            and value[1][0][0] == "star"
            and value[1][0][1][0] == "list"
        ):
            made, many = value[1][0][1][1][0], True
        if made[0] == "call":
            for found in self._inference.values(made[1], frame):
                cls = found.cls if isinstance(found, ClassValue) else None
                if self._models.of(cls) is not None and self._is_added(frame, name, session):
                    assert isinstance(cls, ProjectClass)
                    return Held(cls, many, session)
        for rows in self._rows.of(value, frame):
            own = rows.query.frame.function is frame.function and rows.query.session is not None
            if rows.entity is None or self._models.of(rows.entity) is None or rows.shape not in (ALL, ONE):
                continue
            if own and rows.query.session is not None and _same(rows.query.session, session):
                return Held(rows.entity, rows.shape == ALL, session)
        return None

    def _is_added(self, frame: Frame, name: str, session: Expr) -> bool:
        for kind, expr, *_ in frame.function.facts.events:
            if kind in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in ADDS and expr[2]:
                given = expr[2][0]
                names = [given, *given[1]] if given[0] in ("list", "tuple") else [given]
                if _same(expr[1][1], session) and any(n[0] == "name" and n[1] == name for n in names):
                    return True
        return False

    def _has_left(self, frame: Frame, name: str) -> bool:
        """Tell whether an object is deleted from the session, or the session is closed."""
        for kind, expr, *_ in frame.function.facts.events:
            if kind in ("call", "drop"):
                method = expr[1][2] if expr[1][0] == "attr" else expr[1][1] if expr[1][0] == "name" else ""
                if method in LEAVES and (not expr[2] or any(a[:2] == ("name", name) for a in expr[2])):
                    return True
        return False


def _time(call: Expr) -> int | None:
    return next((int(part[2]) for part in walk(call) if part[0] == "name"), None)


def _same(one: Expr, other: Expr) -> bool:
    """Tell whether two expressions are spelled the same: `session`, `self.session`."""
    if one[0] != other[0]:
        return False
    if one[0] == "name":
        return bool(one[1] == other[1])
    return one[0] == "attr" and one[2] == other[2] and _same(one[1], other[1])
