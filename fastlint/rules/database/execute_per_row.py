"""FL208: Rows are written one statement at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fastlint.application.iterables import SEVERAL
from fastlint.application.loops import Repeated
from fastlint.application.statements import DELETE, INSERT, UPDATE, WRITES, Statement, statement_of
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.facts.structure import names_bound_to, unwrapped
from fastlint.project.program import Frame
from fastlint.rules.database.many_at_once import write_together
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

SENDING = frozenset({"query", "write"})


class ExecutePerRow(ModelRule):
    """Rows are written one statement at a time."""

    code = "FL208"

    def find(self) -> Iterator[Finding]:
        """Look at the statements that loops send themselves, unless their rounds differ in what they write."""
        by_loop: dict[object, list[tuple[Repeated, str, Statement]]] = defaultdict(list)
        for repeated in self.application.loops.repeated:
            for name, words in repeated.site.acts:
                sent = self._statement(repeated, name) if words & SENDING else None
                if sent is not None and sent.verb in WRITES:
                    key = (repeated.loop.frame, repeated.loop.block)
                    by_loop[key].append((repeated, name, sent))
                    break
        for found in by_loop.values():
            if len({sent.verb for _, _, sent in found}) == 1:
                for repeated, name, sent in found:
                    if not self._is_needed(repeated, sent):
                        yield self._finding(repeated, name, sent)

    def _statement(self, repeated: Repeated, name: str) -> Statement | None:
        return statement_of(self.application.inference, repeated.site.event[1], name, repeated.site.frame)

    def _is_needed(self, repeated: Repeated, sent: Statement) -> bool:
        """Tell whether each row needs a statement of its own: its result, its table, its own errors."""
        call, frame = repeated.site.event[1], repeated.site.frame
        if sent.returns or sent.takes_many or repeated.is_isolated or repeated.ends_on_hit:
            return True
        if sent.is_built and sent.target is not None and self._differs(repeated, sent.target):
            return True
        return bool(names_bound_to(frame.function.facts, call)) or _is_read(call, frame)

    def _differs(self, repeated: Repeated, target: Expr) -> bool:
        return repeated.loop.makes(target) or repeated.loop.uses_item(target)

    def _finding(self, repeated: Repeated, name: str, sent: Statement) -> Finding:
        site, loop = repeated.site, repeated.loop
        over = (
            f" of the loop over `{render(loop.iterable)}`"
            if render(loop.iterable) != "..."
            else " of the loop"
        )
        verb = {INSERT: "inserts", UPDATE: "updates", DELETE: "deletes"}[sent.verb]
        size = self.application.iterables.size(loop)
        return self.finding(
            site.frame,
            site.event[5],
            f"`{render(site.event[1])}` {verb} one row in each round{over}{self.where(site.frame)}; each statement is a "
            "round trip to the database",
            self._advice(name, sent, loop.iterable),
            Severity.INFO if size is not None and size <= SEVERAL else None,
            fix=write_together(site.frame, site.event[5], name),
        )

    def _advice(self, name: str, sent: Statement, iterable: Expr) -> str:
        library, method = name.partition(".")[0], name.rpartition(".")[2]
        items = f"`{render(iterable)}`" if render(iterable) != "..." else "the loop"
        table = render(sent.target) if sent.target is not None and sent.is_built else "..."
        if library in ("pymongo", "motor"):
            if sent.verb == INSERT:
                return "Collect the documents and write them with one `insert_many(documents)` after the loop"
            if sent.verb == DELETE:
                return 'Delete them with one `delete_many({"_id": {"$in": [...]}})`'
            return "Collect the changes as `UpdateOne(...)` and send them with one `bulk_write(changes)` after the loop"
        if library == "beanie":
            many = (
                "`insert_many(documents)`"
                if sent.verb == INSERT
                else "one update with `$in`, or a `BulkWriter`"
            )
            return f"Write all of {items} together: {many}"
        if library == "tortoise":
            many = {INSERT: "bulk_create", UPDATE: "bulk_update"}.get(sent.verb, "filter(id__in=...).delete")
            return f"Write all of {items} together, with `{many}(...)`"
        if name.startswith("sqlalchemy.orm.Query.") and sent.verb == UPDATE:
            return (
                "Collect dictionaries of the primary keys and the new values, and send them together after the loop: "
                "`execute(update(...), rows)`"
            )
        if library in ("sqlalchemy", "sqlmodel") and sent.verb == DELETE:
            return f"Send one `delete({table})` with `.where(....in_(...))` for all of {items}"
        if library in ("sqlalchemy", "sqlmodel") and table != "...":
            return f"Collect the values and send them together after the loop: `{method}({sent.verb}({table}), rows)`"
        if library == "psycopg2":
            return "Collect the values and send them together after the loop, with `psycopg2.extras.execute_values`"
        if library == "databases":
            return "Collect the values and send one statement after the loop: `insert(...).values(rows)`"
        return "Collect the values and send them together after the loop, with `executemany(statement, rows)`"


def _is_read(call: Expr, frame: Frame) -> bool:
    """Tell whether something is asked of the result of a call: `(await execute(...)).scalar_one()`."""
    for kind, expr, *_ in frame.function.facts.events:
        if kind in ("call", "drop") and expr[1][0] == "attr" and unwrapped(expr[1][1]) is call:
            return True
        if kind in ("attr", "sub") and unwrapped(expr[1]) is call:
            return True
        if kind == "return" and unwrapped(expr) is call:
            return True
    return False
