"""What a statement that is sent to a database does: reads, inserts, updates, deletes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr
from fastlint.facts.structure import children, last_name, walk
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.project.values import LibraryName

READ, INSERT, UPDATE, DELETE = "read", "insert", "update", "delete"
WRITES = frozenset({INSERT, UPDATE, DELETE})
VERBS = {
    "select": READ, "with": READ, "insert": INSERT, "replace": INSERT, "update": UPDATE, "delete": DELETE,
}  # fmt: skip
METHODS = {
    "insert_one": INSERT, "update_one": UPDATE, "replace_one": UPDATE, "delete_one": DELETE, "create": INSERT,
    "insert": INSERT, "save": UPDATE, "save_changes": UPDATE, "replace": UPDATE, "delete": DELETE, "update": UPDATE,
}  # fmt: skip
"""What methods of drivers and mappers write whose name says so; others are given a statement."""
SENDERS = frozenset({
    "execute", "exec", "scalar", "scalars", "exec_driver_sql", "fetch", "fetchrow", "fetchval", "fetch_one",
    "fetch_all", "fetch_val", "execute_insert", "stream",
})  # fmt: skip
MANY = frozenset({"in_", "any_"})
DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as far as it is written in the program."""

    verb: str
    target: Expr | None = None
    """What is written to, for statements that are built: `User` in `insert(User)`."""
    returns: bool = False
    """Whether it gives something back for each row."""
    takes_many: bool = False
    """Whether it names many rows at once, with `.in_(...)`."""
    is_built: bool = False
    """Whether the program builds it (`insert(User)`), so that its target is a table."""


def statement_of(inference: Inference, call: Expr, name: str, frame: Frame) -> Statement | None:
    """Return what a call of a library (by its dotted name) sends, or None if that cannot be seen."""
    if call[0] != "call":
        return None
    method = name.rpartition(".")[2]
    if method in SENDERS:
        given = call[2][0] if call[2] else next((v for k, v in call[3] if k in ("statement", "query")), None)
        return _built(inference, given, frame) if given is not None else None
    verb = METHODS.get(method)
    if verb is None:
        return None
    base = call[1][1] if call[1][0] == "attr" else None
    return Statement(verb, base, takes_many=_names_many(call))


def _built(inference: Inference, given: Expr, frame: Frame) -> Statement | None:
    verb, target, returns, many = "", None, False, False
    for part in parts_of(given, frame):
        if part[0] == "const" and isinstance(part[1], str) and not verb:
            words = part[1].split(None, 1)
            verb = VERBS.get(words[0].lower().strip("("), "") if words else ""
            returns = returns or " returning " in f" {part[1].lower()} "
        elif part[0] == "call":
            callee = part[1]
            last = callee[2] if callee[0] == "attr" else callee[1] if callee[0] == "name" else ""
            returns = returns or last == "returning"
            arguments = (*part[2], *(value for _, value in part[3]))
            many = many or last in MANY or any(_names_many(argument) for argument in arguments)
            callees = inference.values(callee, frame)
            if (
                not verb
                and not callees
                and callee[0] == "attr"
                and last in ("insert", "update", "delete")
                and not part[2]
            ):
                verb, target = VERBS[last], callee[1]  # of a table that is not known: `table.delete()`
            for value in callees:
                if isinstance(value, LibraryName) and value.name.startswith(("sqlalchemy.", "sqlmodel.")):
                    found = VERBS.get(value.name.rpartition(".")[2])
                    if found and not verb:
                        verb = found
                        target = part[2][0] if part[2] else callee[1] if callee[0] == "attr" else None
    return Statement(verb, target, returns, many, target is not None) if verb else None


def _names_many(expr: Expr) -> bool:
    return any(part[0] == "call" and part[1][0] == "attr" and part[1][2] in MANY for part in walk(expr))


def parts_of(expr: Expr, frame: Frame) -> Iterator[Expr]:
    """Yield the calls and constants that a statement is built from, through names, outermost first."""
    pending = [(expr, 0)]
    while pending:
        current, depth = pending.pop(0)
        if depth > DEEPEST:
            continue
        if current[0] == "name":
            pending += [(value, depth + 1) for value in _meanings(current, frame)]
        elif current[0] == "call":
            yield current
            base = current[1]
            while base[0] == "attr":
                base = base[1]
            if base[0] == "call" or (base[0] == "name" and current[1][0] == "attr"):
                pending.append((base, depth))
            if current[1][0] == "name" or last_name(current[1]) == "text":
                pending += [(argument, depth + 1) for argument in current[2][:1]]
        elif current[0] == "const":
            yield current
        elif current[0] in ("any", "await", "typed"):
            pending += [(part, depth) for part in children(current)]


def _meanings(name: Expr, frame: Frame) -> list[Expr]:
    if name[1] in frame.function.facts.bindings:
        return frame.function.flow.reaching(name[1], name[2], name[3])[0]
    outer = frame.function.module.facts.functions[0].bindings.get(name[1], ())
    return [value for _, _, value in outer if value[0] in ("const", "call")]
