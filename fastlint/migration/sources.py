"""The files of a program as syntax, and what the model of the program knows of a piece of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from fastlint.application.contexts import Application
from fastlint.application.model import Entry
from fastlint.application.references import expressions
from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import walk
from fastlint.fixes.files import Files
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.scopes import Scope, Scopes, own_nodes
from fastlint.project import program
from fastlint.project.members import subclasses
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, Instance, ModuleValue, Super, Values

Found = TypeVar("Found", ast.Name, ast.Attribute)


class Place(NamedTuple, Generic[Found]):
    """Where a name or attribute is read or set, and the file that it is in."""

    path: str
    node: Found


AnyPlace = Place[ast.Name] | Place[ast.Attribute]


class Sources:
    """Looks things up in the files of a program."""

    def __init__(self, application: Application, files: Files) -> None:
        self.application = application
        self.files = files
        self._scopes: dict[str, Scopes] = {}
        self._expressions: dict[str, dict[Span, tuple[Frame, Expr]]] = {}
        self._entries: dict[Function, list[Entry]] = {}
        for entry in application.entries:
            self._entries.setdefault(entry.frame.function, []).append(entry)

    # Syntax

    def module(self, path: str) -> Module:
        """Return a file."""
        return self.files.python(path)

    def scopes(self, path: str) -> Scopes:
        """Return the scopes of a file."""
        if path not in self._scopes:
            self._scopes[path] = Scopes(self.module(path))
        return self._scopes[path]

    def where(self, place: AnyPlace) -> str:
        """Return what a message calls a place: "app/main.py:12"."""
        return f"{place.path}:{getattr(place.node, 'lineno', 1)}"

    def node(self, function: Function) -> FunctionNode:
        """Return the syntax of a function. Raises `NoFix` for lambdas and module bodies."""
        return self.module(function.module.path).function(function.facts.span)

    # The model

    def project_module(self, path: str) -> program.Module:
        """Return a file as the model knows it."""
        return self.application.program.modules[path]

    def function(self, path: str, node: FunctionNode) -> Function:
        """Return what the model knows of a function."""
        span = span_of(node)
        for function in self.project_module(path).functions[1:]:
            if function.facts.span == span and function.facts.name == node.name:
                return function
        raise NoFix(f"`{node.name}` is unknown to the model")

    def entries(self, function: Function) -> list[Entry]:
        """Return the entry points that a function is."""
        return self._entries.get(function, [])

    def expression(self, path: str, node: ast.AST) -> tuple[Frame, Expr] | None:
        """Return an attribute or call as the facts have it, and the frame to evaluate it in."""
        if path not in self._expressions:
            found: dict[Span, tuple[Frame, Expr]] = {}
            module = self.project_module(path)
            for frame, expr in expressions(module, self.application.inference):
                for part in walk(expr):
                    if part[0] in ("attr", "call", "sub"):
                        found.setdefault(part[-1], (frame, part))
            self._expressions[path] = found
        return self._expressions[path].get(span_of(node))

    def values(self, path: str, node: ast.AST) -> Values:
        """Return what an attribute or call can be; nothing where that is unknown."""
        found = self.expression(path, node)
        return self.application.inference.values(found[1], found[0]) if found else ()

    def base_values(self, path: str, node: ast.Attribute) -> Values:
        """Return what an attribute is read from."""
        found = self.expression(path, node)
        if found is None or found[1][0] != "attr":
            return ()
        return self.application.inference.values(found[1][1], found[0])

    def own_class(self, path: str, node: ast.Attribute) -> ProjectClass | None:
        """Return the class of the method whose `self` an attribute is read from or set on."""
        module, base = self.module(path), node.value
        function = module.enclosing_function(node)
        if not isinstance(base, ast.Name) or function is None:
            return None
        first = (*function.args.posonlyargs, *function.args.args)[:1]
        if not first or first[0].arg != base.id or not isinstance(module.parent(function), ast.ClassDef):
            return None
        return self.function(path, function).owner

    def library_name(self, path: str, node: ast.AST) -> str:
        """Return the dotted name of something of a library that an expression spells out, or nothing."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        scope = self.scopes(path).binder(node.id, node)
        for statement in own_nodes(scope):
            for spelled in _imported(statement, node.id):
                if self.scopes(path).times_bound(node.id, scope) == 1 or isinstance(statement, ast.Import):
                    dotted = ".".join((spelled, *reversed(attributes)))
                    return self.application.program.catalog.canonical(dotted)
        return ""

    def is_imported(self, library: str) -> bool:
        """Tell whether the program imports a library."""
        return any(
            value[0] == "import" and not value[2] and value[1].partition(".")[0] == library
            for module in self.application.program.modules.values()
            for function in module.facts.functions
            for bindings in function.bindings.values()
            for _, _, value in bindings
        )

    # Uses

    def uses_of_global(self, path: str, name: str) -> Iterator[AnyPlace]:
        """Yield the places that read or set a name of a module, in whatever file."""
        seen: set[tuple[str, str, Scope]] = set()
        pending: list[tuple[str, str, Scope | None]] = [(path, name, None)]
        while pending:
            current, local, scope = pending.pop()
            scope = scope or self.module(current).tree
            if (current, local, scope) in seen:
                continue
            seen.add((current, local, scope))
            for node in self.scopes(current).names(local, scope):
                yield Place(current, node)
            if scope is self.module(current).tree:
                pending += self.importers(current, local)
                yield from self._through_module(current, local)

    def importers(self, path: str, name: str) -> Iterator[tuple[str, str, Scope | None]]:
        """Yield who imports a name of a module: the file, the name there, and the function if it is in one."""
        target = self.project_module(path)
        model = self.application.program
        for module in model.modules.values():
            for function in module.functions:
                for local, bindings in function.facts.bindings.items():
                    for _, _, value in bindings:
                        if value[0] != "import" or value[3] != name:
                            continue
                        if model.find_module(module, value[1], value[2]) is target:
                            yield module.path, local, self.node(function) if function.index else None
            for star, level in module.facts.stars:
                if module.mentions(name) and model.find_module(module, star, level) is target:
                    yield module.path, name, None

    def _through_module(self, path: str, name: str) -> Iterator[AnyPlace]:
        """Yield `module.name` in the files that read such an attribute."""
        target = self.project_module(path)
        for place in self.attributes(name):
            values = self.base_values(place.path, place.node)
            if any(isinstance(value, ModuleValue) and value.module is target for value in values):
                yield place

    def attributes(self, name: str) -> Iterator[Place[ast.Attribute]]:
        """Yield the places of the program that read or set an attribute of a name."""
        for module in self.application.program.modules.values():
            if module.mentions(name) or any(
                store[1] == name for function in module.functions for store in function.facts.stores
            ):
                for node in ast.walk(self.module(module.path).tree):
                    if isinstance(node, ast.Attribute) and node.attr == name:
                        yield Place(module.path, node)

    def family(self, cls: ProjectClass) -> set[ProjectClass]:
        """Return a class with the classes of the program that it derives from or that derive from it."""
        inference = self.application.inference
        found: set[ProjectClass] = set()
        pending = [cls]
        while pending:
            current = pending.pop()
            if current in found:
                continue
            found.add(current)
            pending += subclasses(inference, current)
            pending += [base for base in inference.mro(current) if isinstance(base, ProjectClass)]
        return found


def classes_of(values: Values) -> Iterator[ProjectClass | str]:
    """Yield the classes whose members values have."""
    for value in values:
        if isinstance(value, Instance | ClassValue | Super):
            yield value.cls


def _imported(statement: ast.AST, name: str) -> Iterator[str]:
    """Yield what an import binds to a name, dotted; nothing for relative imports."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if (alias.asname or alias.name.partition(".")[0]) == name:
                yield alias.name if alias.asname else name
    elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module:
        for alias in statement.names:
            if (alias.asname or alias.name) == name:
                yield f"{statement.module}.{alias.name}"
