"""Which injected parameter a database call works with."""

from __future__ import annotations

from fastlint.facts.model import Expr
from fastlint.project.infer import Inference
from fastlint.project.values import Instance
from fastlint.rules.base import Suspect


def injected_session(suspect: Suspect) -> str | None:
    """Return the parameter through which the session of a suspect is injected, or None.

    A parameter counts if FastAPI injects it, the suspect mentions it, and it is of the same library as
    the call that blocks.
    """
    inference = suspect.application.inference
    library = suspect.target.partition(".")[0]
    names = _names(suspect.site.event[1])
    for parameter in suspect.frame.function.facts.parameters:
        if parameter.name not in names or not suspect.application.is_injected(suspect.frame, parameter):
            continue
        for value in inference.parameter(suspect.frame, parameter):
            if isinstance(value, Instance) and _libraries(inference, value) & _family(library):
                return parameter.name
    return None


def _family(library: str) -> set[str]:
    """SQLModel's session is SQLAlchemy's."""
    return {"sqlalchemy", "sqlmodel"} if library in ("sqlalchemy", "sqlmodel") else {library}


def _libraries(inference: Inference, value: Instance) -> set[str]:
    """Return the top-level modules of the libraries that a value's class comes from."""
    bases = [value.cls] if isinstance(value.cls, str) else inference.mro(value.cls)
    return {base.partition(".")[0] for base in bases if isinstance(base, str)}


def _names(expr: Expr) -> set[str]:
    found: set[str] = set()
    stack: list[object] = [expr]
    while stack:
        item = stack.pop()
        if isinstance(item, tuple) and item:
            if item[0] == "name":
                found.add(item[1])
            else:
                stack.extend(item)
    return found


def is_read_per_row(suspect: Suspect) -> bool:
    """Tell whether a relationship is read of each row of a query: FL204 is nearer, as its cure leaves no query."""
    kind, expr = suspect.site.event[0], suspect.site.event[1]
    if kind != "attr" or not suspect.is_direct:
        return False
    return any(read.is_per_row for read in suspect.application.lazy_reads.at(suspect.frame, expr))
