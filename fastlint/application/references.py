"""Who names a function, and what for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, children, parts_of
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function, Module, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue, LibraryName, Values

CALLED, REGISTERED, HANDED_ON = "called", "registered", "handed on"

REGISTERING = frozenset({
    "Depends", "Security", "add_task", "BackgroundTask", "add_api_route", "add_exception_handler",
    "exception_handler",
})  # fmt: skip
"""Callables of FastAPI and Starlette that take coroutine functions and plain ones alike."""


BY_TEXT = frozenset({"getattr", "attrgetter", "methodcaller"})
ASKING = frozenset({"isinstance", "issubclass"})
LONGEST_NAME = 200
NAMESPACES = frozenset({"globals", "locals", "vars"})
"""Functions whose results are asked for a variable by its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A place that names a function."""

    frame: Frame
    expr: Expr
    """The name, or the call if the function is called here."""
    how: str
    """CALLED, REGISTERED (FastAPI takes coroutine functions and plain ones alike there) or HANDED_ON."""


class References:
    """Finds the places of the program that name a function of a module."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._found: dict[Function, list[Reference]] = {}
        self._texts: dict[str, list[tuple[str, Reference]]] = {}
        self._new_names: dict[str, frozenset[str]] = {}

    def of(self, function: Function) -> list[Reference]:
        """Return the places that name a function, its definition and imports aside.

        Meant for functions at module level; methods are reached through objects of many classes.
        """
        if function not in self._found:
            self._found[function] = list(self._find(function))
        return self._found[function]

    def of_class(self, cls: ProjectClass) -> Iterator[Reference]:
        """Yield the places outside tests that name a class: not annotations, and not `isinstance`."""
        names = self.names_of(cls)
        for module, naming in self._naming(names, tests=False):
            types = set(map(id, _types(module)))
            for frame, expr in expressions(module, self._inference, naming):
                if id(expr) not in types:
                    yield from self._of_class_in(expr, frame, cls, names)
        yield from (reference for _, reference in self._by_text(cls.facts.name))

    def _naming(self, names: frozenset[str], *, tests: bool = True) -> Iterator[tuple[Module, set[Function]]]:
        """Yield the modules that read one of the names, each with its functions that have one of them."""
        found: dict[Module, set[Function]] = defaultdict(set)
        for function in self._inference.program.functions_naming(names, tests=tests):
            found[function.module].add(function)
        yield from ((m, each) for m, each in found.items() if m.mentions(*names))

    def _of_class_in(
        self, expr: Expr, frame: Frame, cls: ProjectClass, names: frozenset[str]
    ) -> Iterator[Reference]:
        pending: list[tuple[Expr, Expr | None]] = [(expr, None)]
        while pending:
            part, call = pending.pop()
            is_named = part[0] in ("name", "attr") and part[1 if part[0] == "name" else 2] in names
            values = self._inference.values(part, frame) if is_named else ()
            if any(isinstance(value, ClassValue) and value.cls is cls for value in values):
                yield self._reference(part, call, frame)
            around = part if part[0] == "call" else None
            pending.extend((child, around) for child in _evaluated(part))

    def _find(self, function: Function) -> Iterator[Reference]:
        names = self.names_of(function)
        for module, naming in self._naming(names):
            for frame, expr in expressions(module, self._inference, naming):
                yield from self._in(expr, frame, function, names)
        own = function.module.name.rpartition(".")[2]
        for holder, reference in self._by_text(function.facts.name):
            if holder in ("", own):
                yield reference

    def _by_text(self, name: str) -> list[tuple[str, Reference]]:
        """Return the places that name something by a text, with the module that the text says, if it says one.

        `getattr(module, "name")`, `globals()["name"]`, `"package.module.name"`.
        """
        if name not in self._texts:
            found = self._texts[name] = []
            naming = set(self._inference.program.functions_naming((name,), tests=True))
            for module in dict.fromkeys(function.module for function in naming):
                seen: set[int] = set()
                for frame, expr in _all(module, self._inference, naming):
                    for part in parts_of((expr,), seen):
                        found += [
                            (holder, Reference(frame, part, HANDED_ON))
                            for holder, named in _named_by_text(part)
                            if named == name
                        ]
        return self._texts[name]

    def names_of(self, what: Function | ProjectClass) -> frozenset[str]:
        """Return what the program may call a function or class: its own name, and those under which it is imported."""
        names: frozenset[str] = frozenset()
        found = frozenset((what.facts.name,))
        while found != names:
            names, found = found, found.union(*map(self._renamed, found))
        return names

    def _renamed(self, old: str) -> frozenset[str]:
        """Return the names that imports give to what is called so."""
        if old not in self._new_names:
            self._new_names[old] = frozenset(
                name
                for function in self._inference.program.functions_naming((old,), tests=True)
                if any(imported[2] == old for imported in function.module.facts.imports)
                for name, bindings in function.facts.bindings.items()
                for _, _, value in bindings
                if value[0] == "import" and value[3] == old
            )
        return self._new_names[old]

    def _registers(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a call is one of FastAPI that takes coroutine functions and plain ones alike."""
        if called_name(call) not in REGISTERING:
            return False
        values = self._inference.values(call[1], frame)
        return all(isinstance(v, (LibraryName, ClassValue)) and _is_of_fastapi(v) for v in values)

    def _of_own_module(self, expr: Expr, frame: Frame, function: Function) -> Values:
        """Return the function for `me.f` where `me` is the module itself, under whatever name it imports that."""
        module, base = frame.function.module, expr[1]
        if module is not function.module or base[0] != "name" or expr[2] != function.facts.name:
            return ()
        bindings = module.facts.functions[0].bindings.get(base[1], ())
        stem = module.name.rpartition(".")[2]
        itself = any(v[0] == "import" and stem in (v[1].rpartition(".")[2], v[3]) for _, _, v in bindings)
        return (FunctionValue(function),) if itself else ()

    def _in(self, expr: Expr, frame: Frame, function: Function, names: frozenset[str]) -> Iterator[Reference]:
        pending: list[tuple[Expr, Expr | None]] = [(expr, None)]
        while pending:
            part, call = pending.pop()
            if part[0] in ("name", "attr") and part[1 if part[0] == "name" else 2] in names:
                values = self._inference.values(part, frame)
                if part[0] == "attr" and function.owner is None:
                    values = (*values, *self._of_own_module(part, frame, function))
                if any(isinstance(value, FunctionValue) and value.function is function for value in values):
                    yield self._reference(part, call, frame)
            around = part if part[0] == "call" else None
            pending.extend((child, around) for child in children(part))

    def _reference(self, expr: Expr, call: Expr | None, frame: Frame) -> Reference:
        """Return the reference that a name is, in the call around it if there is one."""
        if call is not None and call[1] is expr:
            return Reference(frame, call, CALLED)
        is_registered = call is not None and self._registers(call, frame)
        return Reference(frame, expr, REGISTERED if is_registered else HANDED_ON)


def _named_by_text(part: Expr) -> Iterator[tuple[str, str]]:
    """Yield (module, name) for the texts in a part of an expression that name something."""
    if part[0] == "const" and isinstance(part[1], str) and len(part[1]) < LONGEST_NAME:
        holder, _, name = part[1].replace(":", ".").rpartition(".")
        if holder and name.isidentifier():
            yield holder.rpartition(".")[2], name
    elif part[0] == "call" and called_name(part) in BY_TEXT:
        yield from (("", argument[1]) for argument in part[2] if _is_text(argument))
    elif part[0] == "sub" and _is_text(part[2]) and _is_namespace(part[1]):
        yield "", part[2][1]


def _is_text(expr: Expr) -> bool:
    return expr[0] == "const" and isinstance(expr[1], str)


def _is_namespace(expr: Expr) -> bool:
    return expr[0] == "call" and called_name(expr) in NAMESPACES


def _types(module: Module) -> Iterator[Expr]:
    """Yield the annotations of parameters, and the bases of classes."""
    for function in module.functions:
        yield from (p.annotation for p in function.facts.parameters if p.annotation is not None)
    for cls in module.facts.classes:
        yield from cls.bases


def _evaluated(part: Expr) -> Iterable[Expr]:
    """Return what an expression is made of, without what only says of which type something is."""
    if part[0] == "typed":
        return part[2:3] if part[2] is not None else ()
    if part[0] == "call" and called_name(part) in ASKING:
        return ()
    if (
        part[0] == "sub"
        and part[1][0] in ("name", "attr")
        and part[1][1 if part[1][0] == "name" else 2] == "Annotated"
    ):
        return part[2][1][1:] if part[2][0] == "tuple" else ()
    return children(part)


def _is_of_fastapi(value: LibraryName | ClassValue) -> bool:
    name = value.name if isinstance(value, LibraryName) else value.cls
    return isinstance(name, str) and name.startswith(("fastapi.", "starlette."))


def expressions(
    module: Module, inference: Inference, functions: Collection[Function] | None = None
) -> Iterator[tuple[Frame, Expr]]:
    """Yield every expression of a module, or of some of its functions, that is not part of another one, once.

    Expressions of a class belong to the function, or module, that it is in.
    """
    seen: set[int] = set()
    for frame, expr in _all(module, inference, set(module.functions) if functions is None else functions):
        if id(expr) not in seen:
            yield frame, expr
            for _ in parts_of((expr,), seen):
                pass


def _all(
    module: Module, inference: Inference, functions: Collection[Function]
) -> Iterator[tuple[Frame, Expr]]:
    for function in module.functions:
        if function not in functions:
            continue
        own = inference.program.generic_frame(function)
        outer = inference.defining_frame(function)
        body = function.facts
        # The later events come first: the call around a call follows it.
        for event in reversed(body.events):
            yield own, event[1]
        for expr in (*body.returns, *body.yields):
            yield own, expr
        for bindings in body.bindings.values():
            for _, _, value in bindings:
                yield own, value
        for _, _, value in body.stores:
            yield own, value
        for parameter in body.parameters:
            for part in (parameter.default, parameter.annotation):
                if part is not None:
                    yield outer, part
        for decorator in body.decorators:
            yield outer, decorator
    for cls in module.facts.classes:
        around = module.functions[cls.parent]
        if around not in functions:
            continue
        scope = inference.program.generic_frame(around)
        for bindings in cls.bindings.values():
            for _, _, value in bindings:
                yield scope, value
        for expr in (*cls.bases, *cls.decorators, *(value for _, value in cls.keywords)):
            yield scope, expr
