"""What changes objects whose rows a session sends later: attributes that are set, collections, additions."""

from __future__ import annotations

from fastlint.application.changes import MAKERS
from fastlint.facts.model import Event, Expr
from fastlint.facts.structure import called_name
from fastlint.project.infer import Inference
from fastlint.project.models import Models
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.sessions import Sessions
from fastlint.project.values import ClassValue, Collection, Instance, Values

ADDING = frozenset({"add", "add_all", "delete", "merge"})
"""Methods of sessions whose changes are sent with the next query."""
SETTING = frozenset({"setattr", "delattr"})
CHANGING = frozenset({
    "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse", "set",
    "setdefault", "sort", "update",
})  # fmt: skip
"""Methods of relationships, and of the values of columns that tell their object of changes."""
OBJECTS = frozenset({"sqlmodel_update"})
"""Methods of mapped objects that set their attributes."""


class RowChanges:
    """Answers which places of a function change what a session sends with its next query."""

    def __init__(self, inference: Inference, models: Models, sessions: Sessions) -> None:
        self._inference = inference
        self._models = models
        self._sessions = sessions

    def of(self, event: Event, frame: Frame, *, is_added: bool) -> list[Expr]:
        """Return the objects, and the sessions, in which an event may change what the next query sends.

        What is unknown may be a row; objects that the function itself makes are in no session unless it has
        added one (`is_added`).
        """
        if self._is_addition(event, frame):
            return [event[1][1][1]]
        if frame.function.facts.name in MAKERS:
            return []
        return [
            holder
            for holder, name in _changed(event)
            if self._may_be_row(holder, name, frame, is_added=is_added)
        ]

    def is_own(self, changed: Expr, frame: Frame) -> bool:
        """Tell whether an object comes from a session that the function itself has opened, or is such a session."""
        session = self._sessions.session_in(changed, frame)
        path = self._sessions.path(session, frame) if session is not None else None
        facts = frame.function.facts
        return (
            path is not None
            and path[0] in facts.bindings
            and path[0] not in frame.function.parameters
            and path[0] not in facts.outer_names
        )

    def _is_addition(self, event: Event, frame: Frame) -> bool:
        """Tell whether an event puts an object into a session, or marks it there as deleted."""
        kind, expr = event[0], event[1]
        return (
            kind in ("call", "drop")
            and called_name(expr) in ADDING
            and expr[1][0] == "attr"
            and self._sessions.is_session(expr[1][1], frame)
        )

    def _may_be_row(self, expr: Expr, name: str, frame: Frame, *, is_added: bool) -> bool:
        values = self._inference.values(expr, frame)
        rows = [
            value.cls
            for value in values
            if isinstance(value, Instance) and self._models.of(value.cls) is not None
        ]
        if rows:
            return any(self._may_map(cls, name) for cls in rows) and (
                is_added or not self._is_made(expr, frame)
            )
        return not values and not self._is_state(expr, frame)

    def _may_map(self, cls: object, name: str) -> bool:
        """Tell whether a mapped class has an attribute of that name; others are in no table."""
        mapped = self._models.of(cls)
        if mapped is None or not name or not mapped.columns:
            return True
        return name in mapped.relationships or any(
            isinstance(base, ProjectClass) and base.own(name) for base in self._inference.mro(mapped.cls)
        )

    def _is_made(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether all that a variable holds was made here, by calling a class."""
        made = [value for _, _, value in frame.function.facts.bindings.get(str(expr[1]), ())]
        return expr[0] == "name" and bool(made) and all(self._is_construction(v, frame) for v in made)

    def _is_construction(self, expr: Expr, frame: Frame) -> bool:
        callees: Values = self._inference.values(expr[1], frame) if expr[0] == "call" else ()
        return bool(callees) and all(isinstance(callee, ClassValue) for callee in callees)

    def _is_state(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether something hangs on an object that holds no rows: `request.state`, `response.headers`."""
        while expr[0] in ("attr", "sub"):
            expr = expr[1]
            if any(
                isinstance(value, Collection) or (isinstance(value, Instance) and isinstance(value.cls, str))
                for value in self._inference.values(expr, frame)
            ):
                return True
        return False


def _changed(event: Event) -> list[tuple[Expr, str]]:
    """Return the objects whose attributes an event sets, or changes the value of; the attribute, if it is known."""
    kind, expr = event[0], event[1]
    if kind in ("set", "setitem", "augment"):
        return _holder(expr)
    if kind == "delete":
        parts = expr[1] if expr[0] in ("tuple", "list") else (expr,)
        return [holder for part in parts for holder in _holder(part)]
    if kind not in ("call", "drop") or expr[0] != "call":
        return []
    if called_name(expr) in SETTING:
        return [(argument, "") for argument in expr[2][:1]]
    if expr[1][0] == "attr" and expr[1][2] in OBJECTS:
        return [(expr[1][1], "")]
    if expr[1][0] == "attr" and expr[1][2] in CHANGING:
        return _holder(expr[1][1])
    return []


def _holder(place: Expr) -> list[tuple[Expr, str]]:
    """Return the object of which a place is an attribute, or an item of one: `user` of `user.tags[0]`."""
    while place[0] == "sub":
        place = place[1]
    return [(place[1], str(place[2]))] if place[0] == "attr" else []
