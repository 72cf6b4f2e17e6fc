"""The fix of relationships that are loaded row by row: load them with the query."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from fastlint.application.lazy_reads import LazyRead
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.arguments import with_keyword
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.project.rows import RowsOfQueries

OTHER_COLUMNS = frozenset({"with_only_columns", "with_entities", "from_statement", "union", "union_all"})
"""Steps after which a query no longer selects what it began with."""


def load_with_query(rows: RowsOfQueries, reads: Sequence[LazyRead]) -> FixMaker:
    """Return what adds `.options(selectinload(...))` to the query whose rows leave relationships out."""

    def make(files: Files) -> Fix:
        query, entity = reads[0].rows.query, reads[0].rows.entity
        if reads[0].session == "sync" and not reads[0].is_per_row:
            raise NoFix("it is read of one row, for which `selectinload` sends a query as well")
        statement = query.statement
        start, frame = (statement.start, statement.frame) if statement is not None else query.place[::-1]
        if statement is not None and (statement.kind == "text" or statement.names() & OTHER_COLUMNS):
            raise NoFix("the query does not select the class as it is")
        module = files.python(frame.function.module.path)
        node = module.expression(start[-1]) if start[0] == "call" else None
        if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
            raise NoFix("the place where the query begins is not known")
        place = _place_of(rows, start, frame, entity)
        named = name_of(module, "sqlalchemy.orm", "selectinload")
        selected = module.code(node.args[place])
        options = ", ".join(f"{named.code}({selected}.{read.relationship.name})" for read in reads)
        if statement is None:
            edits = with_keyword(module, node, f"options=[{options}]")
        else:
            edits = (_with_options(module, node, options),)
        names = " and ".join(f"`{read.relationship.name}`" for read in reads)
        return Fix(f"Load {names} with the query", Applicability.UNSAFE, (*edits, *named.edits))

    return make


def _with_options(module: Module, node: ast.Call, options: str) -> Edit:
    """Return the edit that adds options behind the beginning of a query, to those that follow it if there are any."""
    step = module.parent(node)
    called = module.parent(step)
    is_options = isinstance(step, ast.Attribute) and step.attr == "options" and isinstance(called, ast.Call)
    if not is_options or not called.args:  # type: ignore[attr-defined]
        return step_after(module, node, f".options({options})")
    start = module.bounds(span_of(called.args[0]))[0]  # type: ignore[attr-defined]
    if module.text[module.line_start(start) : start].strip():
        return module.insert(start, f"{options}, ")
    return module.insert(start, f"{options},{module.newline}{module.indentation(start)}")


def step_after(module: Module, node: ast.expr, step: str) -> Edit:
    """Return the edit that adds a step to a query, on a line of its own if the next or last step is on one."""
    end = module.bounds(span_of(node))[1]
    steps = [(module.parent(node), node)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        steps.append((node.func, node.func.value))
    for attribute, before in steps:
        if isinstance(attribute, ast.Attribute) and (attribute.end_lineno or 0) > (before.end_lineno or 0):
            place = module.offset(attribute.end_lineno or 0, attribute.end_col_offset or 0)
            if module.text[module.line_start(place) : place].strip().startswith("."):
                return module.insert(end, f"{module.newline}{module.indentation(place)}{step}")
    return module.insert(end, step)


def _place_of(rows: RowsOfQueries, start: Expr, frame: Frame, entity: object) -> int:
    """Return which argument of what begins a query is the class."""
    for place, argument in enumerate(start[2]):
        if entity is not None and rows.entity(argument, frame) is entity:
            return place
    raise NoFix("the query does not name the class")
