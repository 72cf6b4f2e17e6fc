"""FL206: Rows are loaded only to be counted."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.counted import COUNT, EXISTS, Counted
from fastlint.rules.database.asking_less import ask_less
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class CountOrExistsInPython(ModelRule):
    """Rows are loaded only to be counted."""

    code = "FL206"

    def find(self) -> Iterator[Finding]:
        """Look at `len(rows)`, `if rows` and `rows[0]` of everything that answers requests."""
        for counted in self.application.counted.found:
            yield self._finding(counted)

    def _finding(self, counted: Counted) -> Finding:
        want, value = counted.want, counted.value
        shown = f"`{render(value)}`" if render(value) != "..." else "a list"
        statements = (rows.query.statement for rows in counted.rows)
        document = any(statement is not None and statement.kind == "find" for statement in statements)
        if want == COUNT:
            why = f"{shown} loads every row, and only their number is used"
            advice = "Let the database count: `select(func.count()).select_from(...)` with the same filters, read with `scalar_one()`"
            if document:
                advice = "Let the database count: `count_documents(...)`, or `.count()` of the query"
        elif want == EXISTS:
            why = f"{shown} loads every row, and only whether there is one is used"
            advice = "Ask for one row: `.limit(1)` and `.first()`, or `select(exists().where(...))`"
            if document:
                advice = "Ask for one document: `find_one(...)`, or `.exists()` of the query"
        else:
            why = f"{shown} loads every row, and only the first is used"
            advice = "Ask for one row: add `.limit(1)` and read it with `.first()`"
        message = f"{why}{self.where(counted.frame)}"
        return self.finding(
            counted.frame, counted.span, message, advice, fix=ask_less(self.application, counted)
        )
