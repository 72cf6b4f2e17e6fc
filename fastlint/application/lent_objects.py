"""Sessions, connections and the objects that hold them: which of them no two requests can get hold of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from fastlint.application.references import CALLED, REGISTERED, References
from fastlint.application.routes import BY_DECORATOR
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, outlives_call, parts_of
from fastlint.project.infer import Inference
from fastlint.project.members import subclasses
from fastlint.project.program import Frame, Function, Module, ProjectClass
from fastlint.project.values import (
    Collection,
    FunctionValue,
    Instance,
    LibraryName,
    Partial,
    Tuple,
    Value,
    Values,
)

EXCLUSIVE = (
    "sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.engine.Connection",
    "sqlalchemy.ext.asyncio.AsyncConnection", "neo4j.Session", "redis.client.Pipeline", "redis.client.PubSub",
    "smtplib.SMTP", "ftplib.FTP", "imaplib.IMAP4", "poplib.POP3", "http.client.HTTPConnection", "socket.socket",
)  # fmt: skip
"""Classes whose objects only one request may use at a time."""
DRIVERS = frozenset({
    "aiomysql", "aiopg", "aiosqlite", "asyncmy", "asyncpg", "clickhouse_driver", "duckdb", "mysql", "MySQLdb", "oracledb",
    "psycopg", "psycopg2", "pymssql", "pymysql", "pyodbc", "snowflake",
})  # fmt: skip
"""Drivers of databases, whose connections and cursors are such objects as well."""
PLAIN_DECORATORS = ("dataclasses.", "attr.", "attrs.", "pydantic.", "typing.", "functools.total_ordering")
"""What leaves each call of a class that it decorates a new object."""
KEEPING = frozenset({"update", "set"})
"""Methods that keep what they are given, besides those that facts know as stores."""


class LentObjects:
    """Answers what belongs to one request: objects that FastAPI has made for it, and that nothing keeps."""

    def __init__(self, inference: Inference, references: References) -> None:
        self._inference = inference
        self._references = references
        self._lent: dict[ProjectClass, bool] = {}
        self._exclusive: dict[ProjectClass | str, bool] = {}
        self._using: dict[Function, bool] = {}
        self._run_by_fastapi: dict[Function, bool] = {}

    def is_exclusive(self, value: Value) -> bool:
        """Tell whether only one request may use an object at a time."""
        if not isinstance(value, Instance):
            return False
        if value.cls not in self._exclusive:
            self._exclusive[value.cls] = _is_of_driver(value.cls) or any(
                self._inference.is_subclass(value, base) for base in EXCLUSIVE
            )
        return self._exclusive[value.cls]

    def holds_exclusive(self, values: Values) -> bool:
        """Tell whether something is such an object, a container of such, or a callable that is given one."""
        return any(
            any(
                self.holds_exclusive(self._inference.values(given, value.frame))
                for given in (*value.args, *(given for _, given in value.keywords))
            )
            if isinstance(value, Partial)
            else self.is_exclusive(value)
            for value in _flat(values)
        )

    def is_self(self, name: str, frame: Frame) -> bool:
        """Tell whether a name is `self` in a method of objects that belong to one request each."""
        owner = frame.function.owner
        return name == "self" and owner is not None and self.is_lent(owner)

    def is_lent(self, cls: ProjectClass) -> bool:
        """Tell whether each object of a class, and of the classes below it, belongs to the request that made it.

        So it is if FastAPI makes them (`Depends(Service)`), or functions that FastAPI alone runs, if no session of
        the module gets into one, and if nothing that outlives a call is given one.
        """
        if cls not in self._lent:
            family = (cls, *subclasses(self._inference, cls))
            self._lent[cls] = all(map(self._is_made_anew, family)) and self._kept.isdisjoint(family)
        return self._lent[cls]

    def is_of_module(self, cls: ProjectClass) -> bool:
        """Tell whether a variable of a module holds an object of a class, or of one below it."""
        return not self._of_modules.isdisjoint((cls, *subclasses(self._inference, cls)))

    def _is_made_anew(self, cls: ProjectClass) -> bool:
        for base in self._inference.mro(cls):
            if isinstance(base, ProjectClass) and not (self._is_plain(base) and self._keeps_nothing(base)):
                return False
        for reference in self._references.of_class(cls):
            maker = reference.frame.function
            if reference.how == CALLED:
                if not self._is_run_by_fastapi(maker) or self.uses_kept(maker):
                    return False
            elif reference.how != REGISTERED:
                return False
        return True

    def _is_plain(self, cls: ProjectClass) -> bool:
        """Tell whether no decorator and no metaclass decides what a call of a class gives."""
        decorators = [d[1] if d[0] == "call" else d for d in cls.facts.decorators]
        metaclasses = [value for name, value in cls.facts.keywords if name == "metaclass"]
        return all(self._is_named(d, cls, PLAIN_DECORATORS) for d in decorators) and all(
            self._is_named(m, cls, ("abc.",)) for m in metaclasses
        )

    def _is_named(self, expr: Expr, cls: ProjectClass, names: tuple[str, ...]) -> bool:
        """Tell whether something is of a library, by the beginning of its name."""
        values = self._inference.values(expr, self._inference.program.frame_around(cls))
        found = [v.name if isinstance(v, LibraryName) else getattr(v, "cls", None) for v in values]
        return bool(found) and all(isinstance(name, str) and name.startswith(names) for name in found)

    def _keeps_nothing(self, cls: ProjectClass) -> bool:
        """Tell whether a class has no session of its own, and no method that makes objects of it or uses a kept one."""
        around = self._inference.program.frame_around(cls)
        for bindings in cls.facts.bindings.values():
            for _, _, value in bindings:
                if any(map(self.is_exclusive, self._inference.values(value, around))):
                    return False
        return not any(
            "cls" in method.parameters
            or method.facts.name == "__new__"
            or "__dict__" in method.facts.stored.split()
            or self.uses_kept(method)
            for method in cls.methods()
        )

    def uses_kept(self, function: Function) -> bool:
        """Tell whether a function uses a session that is no parameter, no variable of its own and no attribute.

        So it does as well if it calls one that comes from nobody knows where, or if that is a default.
        """
        if function not in self._using:
            self._using[function] = self._names_kept(function)
        return self._using[function]

    def _names_kept(self, function: Function) -> bool:
        frame = self._inference.program.generic_frame(function)
        facts = function.facts
        values = [value for bindings in facts.bindings.values() for _, _, value in bindings]
        values += [value for _, _, value in facts.stores]
        used = (*(event[1] for event in facts.events), *facts.returns, *facts.yields, *values)
        outer = self._inference.defining_frame(function)
        defaults = [
            p.default for p in facts.parameters if p.default is not None and not _is_asked_for(p.default)
        ]
        if any(self.holds_exclusive(self._inference.values(default, outer)) for default in defaults):
            return True
        if any(self._is_declared_only(value, frame) for value in values):
            return True
        return any(
            self.remembers(part, frame)
            if part[0] == "call"
            else part[0] in ("name", "attr")
            and (_is_of_app(part) or not self._is_local(part, function))
            and self.holds_exclusive(self._inference.values(part, frame))
            for part in parts_of(used)
        )

    def _is_declared_only(self, value: Expr, frame: Frame) -> bool:
        """Tell whether something is a session because an annotation says so: `db: Session = current.get()`."""
        return (
            value[0] == "typed"
            and value[2] is not None
            and not self._inference.values(value[2], frame)
            and self.holds_exclusive(self._inference.values(value, frame))
        )

    def _is_local(self, expr: Expr, function: Function) -> bool:
        """Tell whether an attribute, or a name, begins with a parameter or a variable of a function.

        Or of one around it, if that runs for a request as well and does not make closures for later.
        """
        while expr[0] in ("attr", "sub", "call"):
            expr = expr[1]
        if expr[0] != "name":
            return True
        name, around = str(expr[1]), function if function.index else None
        while around is not None and around.index:
            if name not in around.facts.outer_names and (
                name in around.parameters or name in around.facts.bindings
            ):
                return around is function or around.facts.is_async or self._is_run_by_fastapi(around)
            around = around.parent
        return False

    def remembers(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a call gives a session that a decorator keeps for the next caller."""
        callees = self._inference.values(call[1], frame)
        return any(isinstance(c, FunctionValue) and "memoises" in c.marks for c in callees) and any(
            map(self.is_exclusive, self._inference.values(call, frame))
        )

    def _is_run_by_fastapi(self, function: Function) -> bool:
        """Tell whether a function runs for requests alone: FastAPI calls it, or such functions do."""
        if function not in self._run_by_fastapi:
            self._run_by_fastapi[function] = True  # functions that only call each other do not run at all
            self._run_by_fastapi[function] = (
                function.index > 0
                and function.facts.name.isidentifier()
                and function.owner is None
                and function.parent is None
                and all(map(_is_of_route, function.facts.decorators))
                and all(
                    reference.how == REGISTERED
                    or (reference.how == CALLED and self._is_run_by_fastapi(reference.frame.function))
                    for reference in self._references.of(function)
                )
            )
        return self._run_by_fastapi[function]

    @cached_property
    def _of_modules(self) -> frozenset[ProjectClass]:
        """The classes of the objects that variables of modules hold."""
        modules = self._inference.program.modules.values()
        return self._classes(
            (module.frame, value)
            for module in modules
            if not module.is_test
            for bindings in module.facts.functions[0].bindings.values()
            for _, _, value in bindings
            if not self._is_of_another_module(value, module)
        )

    def _is_of_another_module(self, value: Expr, importer: Module) -> bool:
        """Tell whether something is an import that gives what a module outside tests binds, or no object of the program."""
        if value[0] != "import":
            return False
        _, name, level, attribute, _ = value
        module = self._inference.program.find_module(importer, name, level)
        if module is None or not attribute:
            return True
        return not module.is_test and attribute in module.facts.functions[0].bindings

    @cached_property
    def _kept(self) -> frozenset[ProjectClass]:
        """The classes of the objects that variables of modules, attributes and lasting containers are given."""
        return self._of_modules | self._classes(self._given_away())

    def _classes(self, places: Iterable[tuple[Frame, Expr]]) -> frozenset[ProjectClass]:
        return frozenset(
            value.cls
            for frame, expr in places
            for value in _flat(self._inference.values(expr, frame))
            if isinstance(value, Instance) and isinstance(value.cls, ProjectClass)
        )

    def _given_away(self) -> Iterator[tuple[Frame, Expr]]:
        """Yield what attributes and containers are given that outlive the call, and what class bodies bind."""
        program = self._inference.program
        keeping = set(program.functions_naming(KEEPING))
        for function in program.functions():
            if not function.facts.stored and function not in keeping:
                continue
            facts, frame = function.facts, program.generic_frame(function)
            for base, _, value in facts.stores:
                if function.index == 0 or outlives_call(base, facts, is_maker=False):
                    yield frame, value
            for kind, call, *_ in facts.events:
                is_keeping = kind in ("call", "drop") and call[1][0] == "attr" and call[1][2] in KEEPING
                if is_keeping and outlives_call(call[1][1], facts, is_maker=False):
                    yield from ((frame, argument) for argument in call[2])
        for cls in program.classes():
            for bindings in cls.facts.bindings.values():
                yield from ((self._inference.program.frame_around(cls), value) for _, _, value in bindings)


def _is_of_app(expr: Expr) -> bool:
    """Tell whether something hangs on an application: `request.app.state.db`."""
    while expr[0] == "attr" and expr[2] != "app":
        expr = expr[1]
    return expr[0] == "attr" or expr[:2] == ("name", "app")


def _is_asked_for(default: Expr) -> bool:
    """Tell whether a default says that FastAPI gives the value: `Depends(get_db)`."""
    return default[0] == "call" and called_name(default) in ("Depends", "Security")


def _is_of_driver(cls: ProjectClass | str) -> bool:
    """Tell whether a class is one of connections or cursors of a driver of databases."""
    if not isinstance(cls, str) or cls.partition(".")[0] not in DRIVERS:
        return False
    word = cls.rpartition(".")[2].lower()
    return "pool" not in word and ("connection" in word or "cursor" in word)


def _is_of_route(decorator: Expr) -> bool:
    """Tell whether a decorator makes a function a route: `@router.get("/")`."""
    return decorator[0] == "call" and decorator[1][0] == "attr" and decorator[1][2] in BY_DECORATOR


def _flat(values: Values) -> Iterator[Value]:
    """Yield values, and what is in the containers among them."""
    for value in values:
        yield value
        if isinstance(value, Collection):
            yield from _flat(value.items)
        if isinstance(value, Tuple):
            for items in value.items:
                yield from _flat(items)
