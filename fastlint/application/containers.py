"""Containers that live as long as the process, and what the program does to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.application.contexts import Application
from fastlint.application.incoming import is_function_of_project
from fastlint.application.request_objects import RequestObjects
from fastlint.facts.model import Event, Expr, Span
from fastlint.facts.structure import called_name, unwrapped
from fastlint.project.program import Frame, Function, Module, ProjectClass
from fastlint.project.values import ClassValue, Instance, ModuleValue

LITERALS = frozenset({"dict", "list", "set"})
MAKERS = frozenset({"dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque"})
TAKES_OUT = frozenset({
    "pop", "popitem", "popleft", "clear", "remove", "discard", "move_to_end", "difference_update",
    "intersection_update",
})  # fmt: skip
PUTS_IN = frozenset({"add", "append", "appendleft", "setdefault", "insert"})
READS = frozenset({"get", "items", "values", "keys", "copy", "pop"})
PER_OBJECT = ("pydantic.BaseModel", "sqlalchemy.orm.DeclarativeBase", "enum.Enum")
"""Bases of classes that give each object containers of its own."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container: the module or class that holds it, its name, and the kind of it."""

    owner: Module | ProjectClass
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Growth:
    """A place that puts something into a container: under which key, if it has one."""

    container: Container
    frame: Frame
    expr: Expr
    span: Span
    key: Expr | None
    value: Expr | None


class Containers:
    """Answers which containers grow, and whether anything is ever taken out of them."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.inference = application.inference
        self._objects = RequestObjects(application)
        self._lasting: set[ProjectClass] | None = None
        self._bounded: dict[str, bool] = {}
        self._readers: dict[Container, set[Function]] | None = None

    def growths(self) -> Iterator[Growth]:
        """Yield the places on the request path that put something into such a container."""
        putting: dict[Function, list[Event]] = {}
        for frame in self.application.requests:
            facts = frame.function.facts
            if frame.function not in putting:
                putting[frame.function] = list(filter(_puts_in, facts.events))
            if not putting[frame.function]:
                continue
            values = {id(base): value for base, name, value in facts.stores if name == "[]"}
            for kind, expr, _, _, _, span in putting[frame.function]:
                if kind == "setitem":
                    yield from self._grown(frame, expr[1], expr, span, expr[2], values.get(id(expr[1])))
                else:
                    base, is_keyed = expr[1][1], expr[1][2] in ("add", "setdefault")
                    if base[0] == "sub":
                        for growth in self._grown(frame, base[1], expr, span, base[2], expr[2][-1]):
                            if growth.container.kind == "defaultdict":
                                yield growth
                    else:
                        key = expr[2][0] if is_keyed else None
                        yield from self._grown(frame, base, expr, span, key, expr[2][-1])

    def readers(self, container: Container) -> set[Function]:
        """Return the functions on the request path that read a container."""
        if self._readers is None:
            self._readers = defaultdict(set)
            for frame in self.application.requests:
                for kind, expr, *_ in frame.function.facts.events:
                    for base in _read_bases(kind, expr):
                        found = self._find(base, frame)
                        if found is not None:
                            self._readers[found].add(frame.function)
        return self._readers.get(container, set())

    def is_bounded(self, container: Container) -> bool:
        """Tell whether something in the program takes entries out of a container of that name, or counts them."""
        name = container.name
        if name not in self._bounded:
            self._bounded[name] = self._is_taken_from(name) or self._is_handed_on(name)
        return self._bounded[name]

    def holds_resource(self, growth: Growth) -> bool:
        """Tell whether what is put in is an engine, a client or the like: of these there are as many as are meant."""
        if growth.value is None:
            return False
        call = unwrapped(growth.value)
        values = [*self.inference.values(growth.value, growth.frame)]
        values += self.inference.values(call[1], growth.frame) if call[0] == "call" else ()
        names = [str(getattr(v, "name", getattr(v, "cls", ""))) for v in values]
        return any(self.inference.catalog.resource(name) is not None for name in names)

    def _grown(
        self, frame: Frame, base: Expr, expr: Expr, span: Span, key: Expr | None, value: Expr | None
    ) -> Iterator[Growth]:
        container = self._find(base, frame)
        if container is not None:
            yield Growth(container, frame, expr, span, key, value)

    def _find(self, base: Expr, frame: Frame) -> Container | None:
        function = frame.function
        if base[0] == "name":
            facts = function.facts
            name = str(base[1])
            is_local = name in function.parameters or (
                name in facts.bindings and name not in facts.outer_names
            )
            if is_local or (function.parent is not None and not name.isupper()):
                return None
            return self._of_module(function.module, name)
        if base[0] != "attr":
            return None
        for value in self.inference.values(base[1], frame):
            if isinstance(value, ModuleValue):
                return self._of_module(value.module, base[2])
            if isinstance(value, (ClassValue, Instance)) and isinstance(value.cls, ProjectClass):
                return self._of_class(value.cls, base[2])
        return None

    def _of_module(self, module: Module, name: str, depth: int = 0) -> Container | None:
        for _, _, value in module.facts.functions[0].bindings.get(name, ()):
            if value[0] == "import" and value[3] and depth < 3:
                target = self.application.program.find_module(module, value[1], value[2])
                return self._of_module(target, value[3], depth + 1) if target is not None else None
            kind = _kind(value)
            if kind:
                return Container(module, name, kind)
        return None

    def _of_class(self, cls: ProjectClass, name: str) -> Container | None:
        """Return a container of a class, or of the only objects of a class, which modules make."""
        for base in self.inference.mro(cls):
            if not isinstance(base, ProjectClass):
                continue
            if (
                any(self.inference.is_subclass(ClassValue(base), each) for each in PER_OBJECT)
                or base.facts.decorators
            ):
                return None
            stores = self.inference.stores.of_class(base, name)
            if stores:
                made = [(method, _kind(value)) for method, value in stores]
                is_filled_later = all(m.facts.name == "__init__" and kind for m, kind in made)
                if is_filled_later and base in self._of_modules() and base not in self._objects.made:
                    return Container(base, name, made[0][1])
                return None
            for _, _, value in base.own(name):
                kind = _kind(value)
                return Container(base, name, kind) if kind else None
        return None

    def _of_modules(self) -> set[ProjectClass]:
        """Return the classes of which a module makes an object."""
        if self._lasting is None:
            self._lasting = set()
            for module in self.application.program.modules.values():
                if module.is_test:
                    continue
                for bindings in module.facts.functions[0].bindings.values():
                    for _, _, value in bindings:
                        call = value[2] if value[0] == "typed" and value[2] is not None else value
                        if call[0] == "call":
                            for callee in self.inference.values(call[1], module.frame):
                                if isinstance(callee, ClassValue) and isinstance(callee.cls, ProjectClass):
                                    self._lasting.add(callee.cls)
        return self._lasting

    def _is_taken_from(self, name: str) -> bool:
        """Tell whether something is taken out of containers of a name, or they are counted or replaced."""
        return any(name in _taken_from(f) for f in self.application.program.functions_naming((name,)))

    def _is_handed_on(self, name: str) -> bool:
        """Tell whether one of the program's functions is given something of a name."""
        values, program = self.inference.values, self.application.program
        return any(
            is_function_of_project(values(call[1], program.generic_frame(function)))
            for function in program.functions_naming((name,))
            for kind, call, *_ in function.facts.events
            if kind in ("call", "drop") and not _takes_out(call) and name in map(_name, call[2])
        )


def _puts_in(event: Event) -> bool:
    """Tell whether an event may put something into a container."""
    if event[0] not in ("call", "drop"):
        return event[0] == "setitem"
    callee = event[1][1]
    return callee[0] == "attr" and callee[2] in PUTS_IN and bool(event[1][2])


def _taken_from(function: Function) -> Iterator[str]:
    """Yield the names of what a function takes something out of, counts or replaces."""
    facts = function.facts
    if function.index > 0:
        yield from facts.outer_names
        if facts.name != "__init__":
            yield from (name for _, name, _ in facts.stores if name not in ("[]", "[+]"))
    for kind, expr, *_ in facts.events:
        if kind == "delete":
            yield from map(_name, _deleted(expr))
        elif kind == "attr" and expr[2] in TAKES_OUT:  # `task.add_done_callback(tasks.discard)`
            yield _name(expr[1])
        elif kind in ("call", "drop"):
            if _takes_out(expr):
                yield _name(expr[1][1])
            elif called_name(expr) == "len":
                yield from map(_name, expr[2])


def _takes_out(call: Expr) -> bool:
    return call[1][0] == "attr" and call[1][2] in TAKES_OUT


def _kind(value: Expr) -> str:
    """Return what kind of container an expression makes, or nothing."""
    if value[0] == "typed":
        return _kind(value[2]) if value[2] is not None else ""
    if value[0] in LITERALS:
        return "" if value[1] else str(value[0])  # what has entries from the start is data
    if value[0] == "call" and called_name(value) in MAKERS:
        is_limited = called_name(value) == "deque" and (
            len(value[2]) > 1 or any(k == "maxlen" for k, _ in value[3])
        )
        return "" if is_limited else called_name(value)
    return ""


def _read_bases(kind: str, expr: Expr) -> Iterator[Expr]:
    """Yield what an event may read as a container."""
    if kind == "sub":
        yield expr[1]
    elif kind in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in READS:
        yield expr[1][1]
    elif kind in ("iter", "aiter"):
        yield expr
    elif kind == "op" and expr[1] in ("In", "NotIn"):
        yield expr[3]


def _deleted(expr: Expr) -> list[Expr]:
    parts = expr[1] if expr[0] in ("tuple", "list") else (expr,)
    return [part[1] if part[0] == "sub" else part for part in parts]


def _name(expr: Expr) -> str:
    if expr[0] == "sub":
        return _name(expr[1])
    return str(expr[2]) if expr[0] == "attr" else str(expr[1]) if expr[0] == "name" else ""
