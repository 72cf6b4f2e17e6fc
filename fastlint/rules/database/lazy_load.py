"""FL204: A relationship is loaded row by row, or cannot be loaded at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator

from fastlint.application.lazy_reads import LazyRead
from fastlint.application.listing import response_type
from fastlint.application.model import Entry
from fastlint.diagnostics import Severity
from fastlint.facts.model import Event, Expr, Span
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.queries import ALL, EACH, ONE
from fastlint.project.rows import Rows
from fastlint.project.values import ClassValue, Collection, FunctionValue, Instance, LibraryName, Values
from fastlint.rules.database.eager_loading import load_with_query
from fastlint.rules.finding import Finding, Link
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

READS_ATTRIBUTES = frozenset({"pydantic.BaseModel.model_validate", "pydantic.BaseModel.from_orm"})
VALIDATES = frozenset(name.rpartition(".")[2] for name in READS_ATTRIBUTES)


class LazyLoad(ModelRule):
    """A relationship is loaded row by row, or cannot be loaded at all."""

    code = "FL204"

    def find(self) -> Iterator[Finding]:
        """Look at what requests read of rows, and at what the responses of routes read of them."""
        self.names = self.application.models.lazy_names()
        if not self.names:
            return
        self.reads = self.application.lazy_reads
        methods = self._methods()
        seen: set[tuple[Function, str, int]] = set()
        events: dict[Function, list[Event]] = {}
        for frame in self.application.requests:
            if frame.function not in events:
                events[frame.function] = [
                    e for e in frame.function.facts.events if self._may_read(e, methods)
                ]
            for kind, expr, _, _, _, span in events[frame.function]:
                if kind == "attr":
                    for read in self.reads.at(frame, expr)[:1]:
                        key = (frame.function, expr[2], id(read.rows.query.call))
                        if key not in seen:  # the first read loads it for the others
                            seen.add(key)
                            yield self._read(frame, span, expr, read)
                elif expr[1][2] in VALIDATES and expr[2]:
                    yield from self._validated(frame, expr)
                elif expr[1][2] in methods:
                    yield from self._called(frame, expr, methods[expr[1][2]])
        for route, frames in self.application.endpoints.items():
            for frame in frames:
                models = response_type(self.application, route, frame)
                for value in frame.function.facts.returns if models else ():
                    for rows in self.application.rows.of(value, frame):
                        yield from self._answered(models, rows, self.application.entries_of(frame))

    def _may_read(self, event: Event, methods: Container[str]) -> bool:
        """Tell whether a place reads an attribute called like a relationship, or calls what may read one."""
        if event[0] == "attr":
            return event[1][2] in self.names
        if event[0] not in ("call", "drop") or event[1][1][0] != "attr":
            return False
        return event[1][1][2] in VALIDATES or event[1][1][2] in methods

    def _methods(self) -> dict[str, list[Function]]:
        """Return the methods of mapped classes that read relationships of `self`, by name."""
        found: dict[str, list[Function]] = defaultdict(list)
        for cls in self.application.program.classes():
            if self.application.models.of(cls) is not None:
                for function in cls.methods():
                    if any(True for _ in self._own_reads(function)):
                        found[function.facts.name].append(function)
        return found

    def _own_reads(self, function: Function) -> Iterator[Event]:
        parameters = function.facts.parameters
        for event in function.facts.events:
            is_read = event[0] == "attr" and event[1][2] in self.names and bool(parameters)
            if is_read and event[1][1][:2] == ("name", parameters[0].name):
                yield event

    def _called(self, frame: Frame, call: Expr, methods: list[Function]) -> Iterator[Finding]:
        """Yield what a method reads of the row that it is called on, where only the query tells its class."""
        if any(isinstance(v, FunctionValue) for v in self.application.inference.values(call[1], frame)):
            return
        for rows in self.application.rows.of(call[1][1], frame):
            for function in methods:
                if rows.entity is None or function.owner not in self.application.inference.mro(rows.entity):
                    continue
                for event in self._own_reads(function):
                    for read in self.reads.of(rows, event[1][2]):
                        if read.session == "async":
                            continue  # what was loaded before the call is uncertain: too little for an error
                        there = self.application.program.generic_frame(function)
                        yield self._read(there, event[5], event[1], read, reached=frame)

    def _read(
        self, frame: Frame, span: Span, expr: Expr, read: LazyRead, reached: Frame | None = None
    ) -> Finding:
        reached = reached or frame
        what = f"`{render(expr)}`"
        entity = read.rows.entity.facts.name if read.rows.entity is not None else "row"
        each = f"each `{entity}`" if read.is_per_row else f"the `{entity}`"
        if read.session == "async":
            message = (
                f"{what} is not loaded with {each}, and reading it raises `MissingGreenlet`: "
                "an asynchronous session cannot load it later"
            )
        elif read.is_per_row:
            message = f"{what} sends a query for {each}{self.where(reached)}"
        else:
            message = f"{what} sends a query of its own{self.where(reached)}"
        return self.finding(
            frame,
            span,
            message,
            self._advice(read),
            self._severity(read),
            chain=self._query(read),
            entries=self.application.entries_of(reached),
            fix=load_with_query(self.application.rows, [read]),
        )

    def _validated(self, frame: Frame, call: Expr) -> Iterator[Finding]:
        """Yield what `PostOut.model_validate(post)` reads of a row."""
        callees = self.application.inference.values(call[1], frame)
        models = tuple(
            Instance(v.receiver.cls)
            for v in callees
            if isinstance(v, LibraryName)
            and v.name in READS_ATTRIBUTES
            and isinstance(v.receiver, ClassValue)
        )
        for rows in self.application.rows.of(call[2][0], frame) if models else ():
            if rows.shape != ALL:
                yield from self._answered(models, rows, self.application.entries_of(frame))

    def _answered(self, models: Values, rows: Rows, entries: tuple[Entry, ...]) -> Iterator[Finding]:
        """Yield the relationships that the model of an answer reads of each row."""
        as_read = Rows(rows.query, rows.entity, ONE if rows.shape == ONE else EACH)
        for model in _models(models, many=rows.shape == ALL):
            found = [
                r
                for name in sorted(self.application.models.fields(model) & self.names)
                for r in self.reads.of(as_read, name)
            ]
            if found:
                yield self._in_answer(found, model, entries)

    def _in_answer(self, reads: list[LazyRead], model: ProjectClass, entries: tuple[Entry, ...]) -> Finding:
        read, query = reads[0], reads[0].rows.query
        names = " and ".join(f"`{r.relationship.name}`" for r in reads)
        entity = read.rows.entity.facts.name if read.rows.entity is not None else "rows"
        where = f" in {entries[0].label}" if entries else ""
        if read.session == "async":
            costs = "reading it raises `MissingGreenlet`: an asynchronous session cannot load it later"
        elif read.is_per_row:
            costs = f"each `{entity}` sends a query of its own"
        else:
            costs = "the answer sends a query of its own"
        frame, expr = query.place
        return self.finding(
            frame,
            expr[-1],
            f"`{render(expr)}` leaves out {names}, which `{model.facts.name}` reads{where}: {costs}",
            self._advice(*reads),
            self._severity(read),
            entries=tuple(entries),
            fix=load_with_query(self.application.rows, reads),
        )

    def _severity(self, read: LazyRead) -> Severity:
        if read.session == "async":
            return Severity.ERROR
        return Severity.WARNING if read.is_per_row else Severity.INFO

    def _advice(self, *reads: LazyRead) -> str:
        entity = reads[0].rows.entity.facts.name if reads[0].rows.entity is not None else ""
        options = ", ".join(f"selectinload({entity}.{read.relationship.name})" for read in reads)
        return f"Add `.options({options})` to the query"

    def _query(self, read: LazyRead) -> tuple[Link, ...]:
        query = read.rows.query
        if query.call[0] != "call":
            return ()
        entity = read.rows.entity.label if read.rows.entity is not None else ""
        return (
            Link(
                query.frame.function, query.call[-1], query.call, f"{entity} without {read.relationship.name}"
            ),
        )


def _models(values: Values, *, many: bool) -> Iterator[ProjectClass]:
    for value in values:
        if many and isinstance(value, Collection):
            yield from _models(value.items, many=False)
        elif not many and isinstance(value, Instance) and isinstance(value.cls, ProjectClass):
            yield value.cls
