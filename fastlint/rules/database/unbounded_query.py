"""FL205: A list route loads every row that matches, however many there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastlint.application.listing import ListRoutes
from fastlint.application.routes import Route
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.queries import ALL, Query
from fastlint.project.statements import Statement, Step
from fastlint.project.values import ClassValue
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

KEYS = frozenset({"id", "uuid", "pk", "slug", "email", "username", "uid", "guid", "token", "_id"})
"""Columns that are taken for unique where no mapped class says what they are."""
LOOKUP = re.compile(
    r"(Role|Permission|Scope|Plan|Tier|Config|Configuration|Setting|Option|Preference|Country|Countries|Currency"
    r"|Currencies|Region|Language|Locale|Timezone|Category|Categories|Status|Type|Kind|Level|Flag|Policy|Policies"
    r"|Provider|Group|Plugin|Segment|Webhook|Menu|Department|Dept|Feature|Template|Theme)s?(ORM|Model|Table|Entity)?$"
)
"""Names of classes whose tables are small in most applications."""
LISTS = frozenset({"in_", "any_", "any", "has", "overlaps"})
SEARCHES = frozenset({
    "Gt", "GtE", "Lt", "LtE", "between", "like", "ilike", "contains", "icontains", "startswith", "endswith", "match",
    "regexp_match", "op", "istartswith",
})  # fmt: skip
"""Comparisons that leave some rows out, how many nobody can tell."""
NARROWS = frozenset({"where", "filter", "filter_by", "exclude"})
WHOLE = frozenset({"export", "exports", "download", "dump", "backup", "sitemap", "feed", "feeds", "internal"})
"""Parts of the paths of routes that have to give all there is."""
SYSTEM_TABLES = ("information_schema", "pg_", "sqlite_master", "sys.")
LIMIT = "`.limit(limit)` to the query, with `limit: Annotated[int, Query(le=100)] = 50` as a parameter of the route"


class UnboundedQuery(ModelRule):
    """A list route loads every row that matches, however many there are."""

    code = "FL205"

    def find(self) -> Iterator[Finding]:
        """Look at each query that the routes with lists send to make their answers."""
        self.lists = ListRoutes(self.application)
        queries = self.application.queries
        for frame, route in self.lists.routes.items():
            for site in self.application.resolver.sites(frame):
                for query in queries.sent_by(site):
                    if query.statement is not None and queries.fetches(query) == ALL:
                        yield from self._judge(query, query.statement, route)

    def _judge(self, query: Query, statement: Statement, route: Route) -> Iterator[Finding]:
        if statement.is_bounded or self._is_bounded_when_read(query):
            yield from self._chosen_by_client(statement)
            return
        if query.method.startswith("stream") and query.frame.function.facts.is_generator:
            return  # row by row, from the database to the client
        severity = self._severity(statement)
        if severity is None or statement.is_aggregate:
            return
        answered = self.lists.answered(query.call, query.frame)
        counted = self.application.counted
        if counted.counts(query) or (answered is None and counted.counts_elsewhere(query)):
            return
        here = statement.frame.function is query.frame.function
        if not here and statement.frame.function not in self.lists.functions:
            return
        place, expr = query.place if here or statement.kind == "text" else (statement.frame, statement.start)
        what = self._table(statement)
        is_filtered = any(id(s.call) in statement.always for s in statement.steps if s.name in NARROWS)
        rows = f"all rows of {what} that match" if is_filtered else f"every row of {what}"
        why, advice = "and the answer grows with the table", f"Add {LIMIT}"
        if answered is None:
            why, advice = "only to look at them", "Ask for the rows that are needed, with `.where(...)`"
        yield self.finding(
            place,
            expr[-1],
            f"`{render(expr)}` loads {rows} in {self.application.label(answered or route)}, {why}",
            advice,
            Severity.INFO if answered is None or self._gives_all(answered) else severity,
        )

    def _gives_all(self, route: Route) -> bool:
        """Tell whether a route is there to give everything, as its path says."""
        return any(word in WHOLE for word in re.split(r"[^a-z]+", self.application.label(route).lower()))

    def _is_bounded_when_read(self, query: Query) -> bool:
        """Tell whether a number is given to what reads the rows: `to_list(100)`."""
        if query.method != "to_list" or query.call[0] != "call":
            return False
        length = call_argument(query.call, 0, "length")
        return length is not None and length != ("const", None)

    def _severity(self, statement: Statement) -> Severity | None:
        """Return how bad it is to load what a query without a limit matches; None if that is few."""
        if statement.kind == "text":
            text = statement.text.lower()
            is_table = re.search(r"\bfrom\s+[\w.\"]+(?![\w.\"]|\s*\()", text) and not any(
                name in text for name in SYSTEM_TABLES
            )
            return Severity.WARNING if is_table and not re.search(r"\b(where|join)\b", text) else None
        if statement.kind == "find":
            return self._severity_of_find(statement)
        if not self._reads_table(statement):
            return None
        narrowing = [s for s in statement.steps if s.name in NARROWS and id(s.call) in statement.always]
        elsewhere = [
            s
            for s in statement.steps
            if s.name in NARROWS and s.frame.function is not statement.frame.function
        ]
        if elsewhere or any(_is_opaque(step) for step in narrowing) or self._is_lookup(statement):
            return Severity.INFO
        worst = Severity.WARNING
        for operator, left, right, step in statement.conditions():
            if operator in LISTS:
                return None
            if operator == "Eq" and id(step.call) not in statement.always and _names_parent(left):
                worst = Severity.INFO  # `if group_id is not None: query.where(Row.group_id == group_id)`
            if id(step.call) not in statement.always or self._is_column(right, step.frame):
                continue
            is_fixed = right[0] in ("const", "lit", "unknown")
            if operator == "Eq" and not is_fixed and self._is_key(left, statement, step.frame):
                return None
            if operator in SEARCHES or (operator == "Eq" and not is_fixed):
                worst = Severity.INFO
        return worst

    def _is_lookup(self, statement: Statement) -> bool:
        """Tell whether a table is called like those that hold a few rows in every application."""
        classes = [c for selected in statement.selected() for c in self._classes(selected, statement.frame)]
        return any(LOOKUP.search(cls.facts.name) for cls in classes[:1])

    def _severity_of_find(self, statement: Statement) -> Severity | None:
        start = statement.start
        filters = [
            start,
            *(s.call for s in statement.steps if s.name in ("find", "filter", "exclude", "find_many")),
        ]
        for call in filters:
            keys = [k[1] for a in call[2] if a[0] == "dict" for k in a[1] if k[0] == "const"]
            keys += [name for name, _ in call[3] if name]
            if any(str(key) in KEYS or str(key).endswith("__in") for key in keys):
                return None
            given = [a for a in call[2] if a not in (("dict", (), ()), ("const", None))]
            if given or keys:
                return Severity.INFO
        return Severity.WARNING

    def _reads_table(self, statement: Statement) -> bool:
        """Tell whether a query selects mapped classes or their columns."""
        return any(self._classes(selected, statement.frame) for selected in statement.selected())

    def _classes(self, expr: Expr, frame: Frame) -> list[ProjectClass]:
        while expr[0] == "call" and expr[1][0] == "attr":
            expr = expr[1][1]
        holders = (expr, expr[1]) if expr[0] == "attr" else (expr,)
        for holder in holders:  # `User` or `self.model`, else the class of the column `User.id`
            values = self.application.inference.values(holder, frame)
            found = [v.cls for v in values if isinstance(v, ClassValue) and isinstance(v.cls, ProjectClass)]
            if found:
                return found
        return []

    def _is_column(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether the other side of a comparison is a column too, as where tables are joined."""
        return expr[0] == "attr" and bool(self._classes(expr, frame))

    def _column(self, left: Expr, statement: Statement, frame: Frame) -> object:
        classes = self._classes(left, frame) if left[0] == "attr" else []
        if left[0] == "attr" and left[1] == ("unknown",):
            classes = [c for s in statement.selected() for c in self._classes(s, statement.frame)]
        for cls in classes:
            mapped = self.application.models.of(cls)
            if mapped is not None and left[2] in mapped.columns:
                return mapped.columns[left[2]]
        return None

    def _is_key(self, left: Expr, statement: Statement, frame: Frame) -> bool:
        column = self._column(left, statement, frame)
        if getattr(column, "is_primary", False) or getattr(column, "is_unique", False):
            return True
        return left[0] == "attr" and left[2] in KEYS

    def _table(self, statement: Statement) -> str:
        """Return what a reader calls the table."""
        if statement.kind == "text":
            found = re.search(r"\bfrom\s+([\w.\"]+)", statement.text, re.IGNORECASE)
            return f"`{found[1]}`" if found else "the table"
        if statement.kind == "find":
            return (
                f"`{render(statement.start[1][1])}`" if statement.start[1][0] == "attr" else "the collection"
            )
        for selected in statement.selected():
            for cls in self._classes(selected, statement.frame):
                return f"`{cls.facts.name}`"
        return "the table"

    # A limit that clients choose

    def _chosen_by_client(self, statement: Statement) -> Iterator[Finding]:
        """Yield the parameters of routes that become limits without an upper bound of their own."""
        for step in statement.steps:
            if step.name == "limit" and step.call[2]:
                for frame, name in self._parameters(step.call[2][0], step.frame, 0):
                    if self._is_free(frame, name):
                        row, column, *_ = frame.function.facts.span
                        width = len(frame.function.facts.name) + (10 if frame.function.facts.is_async else 4)
                        yield self.finding(
                            frame,
                            (row, column, row, column + width),
                            f"`{name}` has no upper bound, so a client may ask for every row at once"
                            f"{self.where(frame)}",
                            f"Declare it as `{name}: Annotated[int, Query(le=100)]`",
                            Severity.INFO,
                        )

    def _parameters(self, expr: Expr, frame: Frame, depth: int) -> Iterator[tuple[Frame, str]]:
        """Yield the parameters of routes that an expression is, as (frame, name)."""
        if expr[0] != "name" or depth > 4:
            return
        if "route" in self.application.kinds_of(frame):
            if expr[1] in frame.function.parameters and expr[1] not in frame.function.facts.bindings:
                yield frame, expr[1]
            return
        for value, scope, _ in self.application.tracing.bound(expr, frame):
            yield from self._parameters(value, scope, depth + 1)

    def _is_free(self, frame: Frame, name: str) -> bool:
        """Tell whether nothing bounds a parameter of a route: no `le=`, no comparison, no `min()`."""
        parameter = frame.function.parameters[name]
        if parameter.annotation is None or parameter.annotation[:2] != ("name", "int"):
            return False
        default = parameter.default
        if default is not None and default[0] == "call":
            if any(keyword in ("le", "lt") for keyword, _ in default[3]):
                return False
        elif default is not None and default[0] != "const":
            return False
        return not any(_compares(event[1], name) for event in frame.function.facts.events if event[0] == "op")


def _compares(expr: Expr, name: str) -> bool:
    return expr[0] == "binop" and any(side[:2] == ("name", name) for side in expr[2:4])


def _names_parent(left: Expr) -> bool:
    return left[0] == "attr" and str(left[2]).endswith("_id")


def _is_opaque(step: Step) -> bool:
    """Tell whether a filter consists of conditions that are kept in variables."""
    arguments = list(step.call[2])
    for argument in step.call[2]:
        if argument[0] == "call" and argument[1][0] == "name":  # or_(*conditions)
            arguments += argument[2]
    is_kept = any(argument[0] in ("star", "name", "sub", "await") for argument in arguments)
    return is_kept or any(keyword is None for keyword, _ in step.call[3])
