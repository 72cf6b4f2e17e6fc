"""Modules, functions and classes of the program, and how imports find each other."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import PurePosixPath

from fastlint.catalog.load import Catalog
from fastlint.facts.model import Binding, ClassFacts, Expr, FunctionFacts, ModuleFacts, Parameter
from fastlint.facts.structure import last_name, parts_of
from fastlint.project.bindings import Flow
from fastlint.project.values import ClassValue, Collection, Instance, Tuple, Value, Values

TEST_DIRECTORIES = frozenset({"tests", "test", "testing", "e2e"})
OFFLINE_DIRECTORIES = frozenset(
    {"migrations", "alembic", "versions", "scripts", "docs", "examples", "benchmarks"}
)

SOURCE_ROOTS = frozenset({"src", "lib", "python"})
"""Directories that packages are imported from, wherever in the project they are."""


@dataclass(eq=False, slots=True)
class Module:
    """A file of the program, its dotted name and its facts."""

    path: str
    """As reports show it: relative, with forward slashes."""
    inner: str
    """The path below the directory that is being checked."""
    facts: ModuleFacts
    is_package: bool
    functions: list[Function] = field(default_factory=list)
    classes: list[ProjectClass] = field(default_factory=list)
    frame: Frame = field(init=False)
    name: str = ""
    """The dotted name, for messages."""
    is_test: bool = False
    is_offline: bool = False
    """Scripts, migrations and the like: never imported by the running application."""
    asked: set[str] = field(default_factory=set)
    """Names that somebody looked for, here or in any file."""

    def __post_init__(self) -> None:
        for facts in self.facts.classes:
            self.classes.append(ProjectClass(facts, self))
        for index, function in enumerate(self.facts.functions):
            owner = self.classes[function.owner] if function.owner >= 0 else None
            self.functions.append(Function(function, self, index, owner))
        self.frame = Frame(self.functions[0], None, None, ())

    def mentions(self, *names: str) -> bool:
        """Tell whether the file reads a variable or attribute of one of the names."""
        self.asked.update(names)
        return not self.facts.mentions.isdisjoint(names)

    def __repr__(self) -> str:
        return f"<module {self.path}>"


@dataclass(eq=False, slots=True)
class Function:
    """A function of the program; index 0 of a module is the module's own body."""

    facts: FunctionFacts
    module: Module
    index: int
    owner: ProjectClass | None
    frames: int = 0
    """How many frames distinguish its calls so far."""
    parameters: dict[str, Parameter] = field(init=False)
    """By name."""
    _flow: Flow | None = None
    _generic: Frame | None = None

    def __post_init__(self) -> None:
        self.parameters = {parameter.name: parameter for parameter in self.facts.parameters}

    @property
    def flow(self) -> Flow:
        """Which of its assignments reach which uses."""
        if self._flow is None:
            self._flow = Flow(self.facts)
        return self._flow

    @property
    def parent(self) -> Function | None:
        """The function it is nested in, or None at module level."""
        return self.module.functions[self.facts.parent] if self.facts.parent > 0 else None

    @property
    def label(self) -> str:
        """The dotted name, for messages."""
        return f"{self.module.name}.{self.facts.qualname}" if self.facts.qualname else self.module.name

    def __repr__(self) -> str:
        return f"<{self.label}>"


@dataclass(eq=False, slots=True)
class ProjectClass:
    """A class of the program."""

    facts: ClassFacts
    module: Module
    mro: list[ProjectClass | str] | None = None
    subclasses: list[ProjectClass] = field(default_factory=list)

    def own(self, name: str) -> list[Binding]:
        """Return what the class body binds the name to."""
        return self.facts.bindings.get(name, [])

    def methods(self) -> Iterator[Function]:
        """Yield the functions defined in the class body."""
        for function in self.module.functions:
            if function.owner is self:
                yield function

    @property
    def label(self) -> str:
        """The dotted name, for messages."""
        return f"{self.module.name}.{self.facts.qualname}"

    def __repr__(self) -> str:
        return f"<class {self.label}>"


@dataclass(eq=False, slots=True)
class Frame:
    """A call of a function, as far as calls differ: receiver, closure and some arguments."""

    function: Function
    parent: Frame | None
    """The call of the enclosing function, for closures."""
    receiver: Value | None
    bound: tuple[tuple[str, Values], ...]
    depth: int = 0
    """How many closures and functions passed are nested in what tells this call from others."""
    values: dict[int, Values] = field(default_factory=dict)
    """What expressions evaluate to here, by identity, as far as it was asked for."""

    def __repr__(self) -> str:
        return f"<frame {self.function.label}>"


MOST_FRAMES = 64
"""Calls of one function that are told apart by the objects passed; beyond it they share one frame."""
MOST_WRAPPERS = 2000
"""Calls that are told apart by the functions passed: a decorator's wrapper has one for each function."""
DEEPEST_FRAME = 6
"""Functions that are passed functions that are passed functions ...: beyond it they share one frame."""


def _depth(parent: Frame | None, receiver: Value | None, bound: tuple[tuple[str, Values], ...]) -> int:
    """Return how deeply frames are nested in what tells a call from others."""
    depths = [parent.depth + 1] if parent is not None and parent.function.index > 0 else [0]
    for _, values in (*bound, ("", (receiver,) if receiver is not None else ())):
        depths += [_nesting(value) for value in values]
    return max(depths)


def _nesting(value: Value) -> int:
    if isinstance(value, Collection):
        return 1 + max((_nesting(item) for item in value.items), default=0)
    if isinstance(value, Tuple):
        return 1 + max((_nesting(item) for items in value.items for item in items), default=0)
    if isinstance(value, Instance):
        return max((_nesting(v) for _, values in value.made_with for v in values), default=0)
    frame = getattr(value, "frame", None)
    return 0 if frame is None or frame.function.index == 0 else int(frame.depth) + 1


class Program:
    """All modules, and how an import in one names a thing in another."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.modules: dict[str, Module] = {}
        """By path."""
        self.is_whole = True
        """Whether no other file of the project can use what these define."""
        self.asked: set[str] = set()
        """Names that somebody looked for outside tests: what files change without them, nobody notices."""
        self.asked_in_tests: set[str] = set()
        """Names that somebody looked for in tests."""
        self._frames: dict[object, Frame] = {}
        self._by_place: dict[str, Module] = {}
        """By path without the suffix; a package by its directory."""
        self._found: dict[tuple[str, str], Module | None] = {}
        self._roots: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._source_roots: set[str] = set()

    def add(self, path: str, inner: str, facts: ModuleFacts) -> Module:
        """Add a file: its path as reports show it, and as seen from the directory being checked."""
        pure = PurePosixPath(path)
        directories, stem = set(PurePosixPath(inner).parts[:-1]), pure.stem
        is_test = bool(TEST_DIRECTORIES & directories) or stem == "conftest"
        is_test = is_test or stem.startswith("test_") or stem.endswith("_test")
        is_offline = is_test or stem == "setup" or bool(OFFLINE_DIRECTORIES & directories)
        asked = self.asked_in_tests if is_test else self.asked
        module = Module(
            path, inner, facts, stem == "__init__", is_test=is_test, is_offline=is_offline, asked=asked
        )
        self.modules[path] = module
        place = pure.parent if module.is_package else pure.with_suffix("")
        self._by_place["" if str(place) == "." else str(place)] = module
        self._source_roots.update(
            str(directory) for directory in pure.parents if directory.name in SOURCE_ROOTS
        )
        return module

    def dotted_name(self, module: Module) -> str:
        """Return the name a module is imported by: from its outermost package down.

        Without packages around it, it is named from the directory being checked.
        """
        place = module.path.removesuffix(".py").removesuffix("/__init__")
        top, above = "", place
        while above := above.rpartition("/")[0]:
            if above in self._by_place:
                top = above
        if top:
            return place[len(top.rpartition("/")[0]) :].strip("/").replace("/", ".")
        inner = module.inner.removesuffix(".py").removesuffix("/__init__")
        return inner.removeprefix("src/").replace("/", ".")

    def functions(self, *, tests: bool = False) -> Iterator[Function]:
        """Yield every function, module bodies included, outside tests unless these are asked for."""
        for module in self.modules.values():
            if tests or not module.is_test:
                yield from module.functions

    def functions_naming(self, names: Iterable[str], *, tests: bool = False) -> Iterator[Function]:
        """Yield the functions that have one of the names in their heading or body, in order.

        The bodies of the others stay packed, so whoever looks for a name in all bodies asks here.
        """
        names = set(names)
        self.asked |= names
        if tests:
            self.asked_in_tests |= names
        places = {place for name in names for place in self._naming.get(name, ())}
        for function in map(self._every_function.__getitem__, sorted(places)):
            if tests or not function.module.is_test:
                yield function

    def renamed(self, names: set[str]) -> set[str]:
        """Return names, and those under which the program imports or keeps what is called so."""
        found = set(names)
        for function in self.functions_naming(names):
            for name, bindings in function.facts.bindings.items():
                for _, _, value in bindings:
                    last = value[3] if value[0] == "import" else last_name(value)
                    if last in names:
                        found.add(name)
        return found if found == names else self.renamed(found)

    def mentions(self, *names: str) -> bool:
        """Tell whether a file outside tests reads a variable or attribute of one of the names."""
        self.asked.update(names)
        return not self._mentioned.isdisjoint(names)

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        mentions = (module.facts.mentions for module in self.modules.values() if not module.is_test)
        return frozenset().union(*mentions)

    def functions_storing(self, name: str) -> list[Function]:
        """Return the functions outside tests that set an attribute of that name, or put items into what is called so."""
        return self._storing.get(name, [])

    @cached_property
    def _storing(self) -> dict[str, list[Function]]:
        found: dict[str, list[Function]] = defaultdict(list)
        for function in self.functions():
            for name in function.facts.stored.split():
                found[name].append(function)
        return found

    @cached_property
    def _every_function(self) -> list[Function]:
        return list(self.functions(tests=True))

    @cached_property
    def _naming(self) -> dict[str, tuple[int, ...]]:
        """By name, the places in `_every_function` of the functions that have it."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, function in enumerate(self._every_function):
            for name in function.facts.names.split(" "):
                found[name].append(place)
        return {name: tuple(places) for name, places in found.items()}

    def classes(self) -> Iterator[ProjectClass]:
        """Yield every class outside tests."""
        for module in self.modules.values():
            if not module.is_test:
                yield from module.classes

    def frame(
        self,
        function: Function,
        parent: Frame | None = None,
        receiver: Value | None = None,
        bound: Iterable[tuple[str, Values]] = (),
    ) -> Frame:
        """Return the frame for such a call of the function, the same one each time."""
        bound = tuple(bound)
        key = (function, parent, receiver, bound)
        frame = self._frames.get(key)
        if frame is None:
            depth = _depth(parent, receiver, bound)
            by_object = any(isinstance(v, Instance) for _, values in bound for v in values)
            most = MOST_FRAMES if by_object else MOST_WRAPPERS
            if bound and (function.frames >= most or depth > DEEPEST_FRAME):
                return self.frame(function, parent if depth <= DEEPEST_FRAME else None, receiver)
            function.frames += bool(bound)
            frame = self._frames[key] = Frame(function, parent, receiver, bound, depth)
        return frame

    def generic_frame(self, function: Function) -> Frame:
        """Return the frame of a call about which nothing is known."""
        if function.index == 0:
            return function.module.frame
        if function._generic is None:
            function._generic = self._generic_frame(function)
        return function._generic

    def _generic_frame(self, function: Function) -> Frame:
        parent = function.parent
        receiver: Value | None = None
        if function.owner is not None and function.facts.parameters:
            first = function.facts.parameters[0]
            if first.kind == "positional":
                is_class = first.name in ("cls", "mcs", "klass")
                receiver = ClassValue(function.owner) if is_class else Instance(function.owner)
                if not is_class and first.name != "self" and _is_static(function):
                    receiver = None
        return self.frame(function, self.generic_frame(parent) if parent is not None else None, receiver)

    def frame_around(self, cls: ProjectClass) -> Frame:
        """Return the frame in which the body of a class is evaluated: of the function, or module, that it is in."""
        return self.generic_frame(cls.module.functions[cls.facts.parent])

    def find_module(self, importer: Module, name: str, level: int) -> Module | None:
        """Return the project's module that an import in another one names, or None.

        Absolute names are tried from each directory above the importing file, the nearest package
        root first, so source roots need no configuration.
        """
        base = importer.path.rpartition("/")[0]
        if level:
            for _ in range(level - 1):
                base = base.rpartition("/")[0]
            return self._by_place.get(_below(base, name))
        key = (base, name)
        if key not in self._found:
            self._found[key] = self._search(base, name)
        found = self._found[key]
        return found if found is not importer or "." in name else None

    def _search(self, base: str, name: str) -> Module | None:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            return None
        roots, packages = self._roots_above(base)
        for directory in roots if top in self.catalog.libraries else (*roots, *packages):
            found = self._by_place.get(_below(directory, name))
            if found is not None:
                return found
        if top in self.catalog.libraries:
            return None
        places = [_below(root, name) for root in self._source_roots]
        modules = [self._by_place[place] for place in places if place in self._by_place]
        return modules[0] if len(modules) == 1 else None

    def _roots_above(self, base: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the directories an absolute import may start from, and packages it should not start from.

        Programs that are started inside a package directory import from there all the same.
        """
        known = self._roots.get(base)
        if known is None:
            above = [base]
            while above[-1] not in ("", "/"):
                above.append(above[-1].rpartition("/")[0])
            packages = tuple(directory for directory in above if directory in self._by_place)
            roots = tuple(directory for directory in above if directory not in self._by_place)
            known = self._roots[base] = ((*roots, "", "src"), packages)
        return known


def _below(directory: str, dotted: str) -> str:
    """Return the place of a module below a directory."""
    inner = dotted.replace(".", "/")
    return f"{directory}/{inner}" if directory and inner else directory or inner


def _is_static(function: Function) -> bool:
    return any(d[0] == "name" and d[1] == "staticmethod" for d in function.facts.decorators)


def annotation_parts(expr: Expr) -> tuple[Expr, tuple[Expr, ...]]:
    """Split `base[a, b]` into base and its arguments; anything else has no arguments."""
    if expr[0] != "sub":
        return expr, ()
    index = expr[2]
    return expr[1], index[1] if index[0] == "tuple" else (index,)


def taken_from_modules(module: Module) -> Iterator[tuple[str, str]]:
    """Yield (last part of a module's name, name) for what a file takes from other modules.

    By `from module import name`, by `module.name`, and by texts such as `"package.module.name"`.
    """
    modules: dict[str, str] = {}
    for function in module.facts.functions:
        for local, bindings in function.bindings.items():
            for _, _, value in bindings:
                if value[0] == "import":
                    if value[3] is not None:
                        yield value[1].rpartition(".")[2], value[3]
                    modules[local] = (value[3] or value[1]).rpartition(".")[2]
    for function in module.facts.functions:
        for part in parts_of(event[1] for event in function.events):
            if part[0] == "attr" and part[1][0] == "name" and part[1][1] in modules:
                yield modules[part[1][1]], part[2]
            elif part[0] == "const" and isinstance(part[1], str) and 0 < part[1].count(".") < 8:
                yield from pairwise(part[1].split("."))
