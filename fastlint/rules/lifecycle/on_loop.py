"""The fixes of dependencies that need no thread: coroutine functions, which FastAPI runs where it is itself."""

from __future__ import annotations

import ast

from fastlint.application.contexts import Application
from fastlint.application.references import CALLED, HANDED_ON, REGISTERED
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.annotations import asynchronous
from fastlint.fixes.blocks import bindings_of, ended, free_name, lines_of, step_of
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import beside
from fastlint.fixes.module import FunctionNode, Module
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame, Function
from fastlint.rules.lifecycle.asking import asking, made_in_depends
from fastlint.rules.lifecycle.light import require_light


def on_loop(application: Application, frame: Frame, trust: Applicability) -> FixMaker:
    """Return what makes a dependency a coroutine function, if nobody but FastAPI calls it."""

    def make(files: Files) -> Fix:
        function = frame.function
        if trust is Applicability.SAFE:
            require_no_context(application, frame)
        require_light(application, frame, files)
        if function.facts.name == "__call__" and function.owner is not None:
            _require_no_calls_of_objects(application, function)
            level, name = Applicability.UNSAFE, f"{function.owner.facts.name}.__call__"
        elif function.parent is not None and function.owner is None and function.facts.name.isidentifier():
            _require_made_for_fastapi(application, function, files)
            level, name = trust, function.facts.name
        else:
            require_only_fastapi(application, function)
            level, name = trust, function.facts.name
        if not all(application.computing.leaves_alone(d, frame) for d in function.facts.decorators):
            raise NoFix("a decorator may need a plain function")
        module = files.python(function.module.path)
        return Fix(
            f"Make `{name}` an `async def`", level, coroutine(module, module.function(function.facts.span))
        )

    return make


def getter_on_loop(application: Application, frame: Frame) -> FixMaker:
    """Return what lets routes ask for a coroutine function that returns what a memoised one has kept."""

    def make(files: Files) -> Fix:
        function = frame.function
        if function.facts.parameters:
            raise NoFix("it has parameters")
        if function.owner is not None or function.parent is not None:
            raise NoFix("it is not a function of a module")
        if any(reference.how == HANDED_ON for reference in application.references.of(function)):
            raise NoFix("other code of the project hands it on, or puts another function in its place")
        own = files.python(function.module.path)
        node = own.function(function.facts.span)
        asked = asking(application, function, files)
        name = free_name((f"{node.name.removeprefix('get_')}_dependency",), *(m for m, _, _ in asked), own)
        returns = f" -> {own.code(node.returns)}" if node.returns is not None else ""
        end, newline = lines_of(own, node)[1], own.newline
        if ended(own, own.text[:end]) != own.text[:end]:
            raise NoFix("the file ends without a line end")
        added = f"{newline}{newline}async def {name}(){returns}:{newline}{step_of(own, node)}return {node.name}(){newline}"
        edits = [own.insert(end, added)]
        for module, _, target in asked:
            if isinstance(target, ast.Attribute):
                place = module.offset(target.end_lineno or 0, target.end_col_offset or 0)
                edits.append(module.replace(place - len(target.attr), place, name))
            else:
                edits.append(module.replace_node(target, name))
                edits += beside(module, target.id, name) if module is not own else ()
        return Fix(f"Depend on an `async def {name}`", Applicability.UNSAFE, tuple(dict.fromkeys(edits)))

    return make


def require_no_context(application: Application, frame: Frame) -> None:
    """Raise `NoFix` if a function sets context variables, which a thread does in a copy of its own."""
    if application.context_variables.sets(frame):
        raise NoFix("it sets a context variable, which other code would see then")


def coroutine(module: Module, node: FunctionNode) -> tuple[Edit, ...]:
    """Return the edits that make a plain function a coroutine function, or an asynchronous generator."""
    own = [n for n in ast.walk(node) if module.enclosing_function(n) is node]
    is_generator = any(isinstance(n, ast.Yield) for n in own)
    if any(isinstance(n, ast.YieldFrom) for n in own):
        raise NoFix("an asynchronous generator has no `yield from`")
    if is_generator and any(isinstance(n, ast.Return) and n.value is not None for n in own):
        raise NoFix("an asynchronous generator returns nothing")
    start, end = module.async_keyword(node)
    edits = asynchronous(module, node) if is_generator else ()
    return (module.replace(start, end, "async "), *edits)


def require_only_fastapi(application: Application, function: Function) -> None:
    """Raise `NoFix` unless all that the program does with a function is to give it to FastAPI."""
    name = function.facts.name
    if name == "<lambda>" or not name:
        raise NoFix("a lambda needs a name and a place first")
    if function.owner is not None:
        raise NoFix("it is a method, which other code may call through any object")
    if function.parent is not None:
        raise NoFix("it is made by another function, which may give it to others as well")
    if any(reference.how != REGISTERED for reference in application.references.of(function)):
        raise NoFix("other code of the project calls it or hands it on")


def _require_made_for_fastapi(application: Application, function: Function, files: Files) -> None:
    """Raise `NoFix` unless a function makes this one, and all that calls it does so in a `Depends(...)`."""
    maker = function.parent
    if maker is None or maker.parent is not None or maker.owner is not None or maker.facts.decorators:
        raise NoFix("it is made by a function that is not simply one of the module")
    module = files.python(maker.module.path)
    node, inner = module.function(maker.facts.span), module.function(function.facts.span)
    named = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == inner.name]
    returned = [n for n in named if isinstance(module.parent(n), ast.Return)]
    if len(named) != 1 or named != returned or bindings_of(node, inner.name) != 1:
        raise NoFix("the function that makes it does more than to return it")
    if isinstance(node.returns, ast.Subscript):
        raise NoFix("the annotation of the function that makes it says what a call returns")
    references = application.references.of(maker)
    if not references or any(reference.how != CALLED for reference in references):
        raise NoFix("other code of the project hands on what makes it")
    for place in {reference.frame.function.module for reference in references}:
        if not made_in_depends(files.python(place.path), application.references.names_of(maker)):
            raise NoFix("what is made may be called by other code of the project")


def _require_no_calls_of_objects(application: Application, function: Function) -> None:
    """Raise `NoFix` if the program calls an object whose `__call__` this is, as far as that can be seen."""
    program = application.inference.program
    if any(module.mentions("__call__") for module in program.modules.values()):
        raise NoFix("other code of the project names `__call__`")
    for other in program.functions(tests=True):
        for site in application.resolver.sites(program.generic_frame(other)):
            if any(callee.function is function for callee in (*site.runs, *site.starts)):
                raise NoFix("other code of the project calls such objects")
