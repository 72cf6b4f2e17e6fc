"""The fix of routes that advance the generator of a dependency by hand: they ask FastAPI for what it yields."""

from __future__ import annotations

import ast

from fastlint.application.contexts import Application
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.blocks import bindings_of, binds, lines_of
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.rules.lifecycle.on_loop import require_only_fastapi


def inject(application: Application, frame: Frame, generator: Expr) -> FixMaker:
    """Return what makes a parameter with `Depends` of a name that is bound to `next(generator())`."""

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        if application.kinds_of(frame) != {"route"}:
            raise NoFix("only a route or a dependency can ask for it")
        require_only_fastapi(application, frame.function)
        function = module.function(frame.function.facts.span)
        call = module.expression(generator[4])
        statement = module.statement(call)
        if not isinstance(call, ast.Call) or call.args or call.keywords:
            raise NoFix("the dependency is given arguments")
        name, annotation = _bound(statement)
        if statement not in function.body or len(function.body) == 1 or bindings_of(function, name) != 1:
            raise NoFix(f"`{name}` is not bound once and for all of the function")
        for node in (call.func, annotation):
            _require_known_above(module, function, node)
        depends = name_of(module, "fastapi", "Depends")
        asked = f"{depends.code}({module.code(call.func)})"
        typed = f"{name}: {module.code(annotation)} = {asked}" if annotation else f"{name}={asked}"
        edit = module.replace(*lines_of(module, statement), "")
        return Fix(
            f"Ask for `{name}` with `Depends`",
            Applicability.UNSAFE,
            (_parameter(module, function, typed), edit, *depends.edits),
        )

    return make


def _require_known_above(module: Module, function: FunctionNode, node: ast.expr | None) -> None:
    """Raise `NoFix` if something is not defined yet where the parameters of a function are."""
    above = [s for s in module.tree.body if s.lineno < function.lineno]
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Name) and (
            bindings_of(function, part.id) or not any(binds(s, part.id) for s in above)
        ):
            raise NoFix(f"`{part.id}` is not known at the top of the file, above the function")


def _bound(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            annotation = None
        case ast.AnnAssign(target=ast.Name(id=name), value=value, annotation=annotation):
            pass
        case _:
            raise NoFix("what it yields has no name")
    call = value.value if isinstance(value, ast.Await) else value
    match call:
        case ast.Call(func=ast.Name(id="next" | "anext"), args=[ast.Call()], keywords=[]):
            return name, annotation
        case ast.Call(
            func=ast.Attribute(value=ast.Call(), attr="__next__" | "__anext__"), args=[], keywords=[]
        ):
            return name, annotation
    raise NoFix("what it yields is part of a longer expression")


def _parameter(module: Module, function: FunctionNode, code: str) -> Edit:
    """Return the edit that adds a parameter with a default behind the others, on a line of its own if they are."""
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        raise NoFix("the function takes parameters by keyword only, or any number")
    parameters = [*arguments.posonlyargs, *arguments.args]
    if arguments.posonlyargs and not arguments.args:
        raise NoFix("the function takes parameters by position only")
    if not parameters:
        start = module.text.index("def", module.offset(function.lineno, function.col_offset))
        bracket = module.text.index("(", start)
        if module.text[start:bracket].split() != ["def", function.name]:
            raise NoFix("the function has type parameters")
        return module.insert(bracket + 1, code)
    places = [module.bounds(span_of(node)) for node in (*parameters[-1:], *arguments.defaults[-1:])]
    end = max(end for _, end in places)
    if module.text[end : module.line_end(end)].lstrip()[:1] not in (",", ")"):
        raise NoFix("the last parameter is written in an unusual way")
    first = places[0][0]
    alone = not module.text[module.line_start(first) : first].strip()
    if alone and module.text[end] == ",":
        return module.insert(module.line_end(end), f"{module.indentation(first)}{code},{module.newline}")
    between = f",{module.newline}{module.indentation(first)}" if alone else ", "
    return module.insert(end, between + code)
