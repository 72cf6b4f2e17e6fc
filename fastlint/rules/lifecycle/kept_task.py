"""The fix of tasks that nothing keeps: a set at the top of the file that holds them until they are done."""

from __future__ import annotations

import ast

from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.fixes.blocks import bindings_of, ended, free_name, lines_of
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.calls import Site

SETS = ("background_tasks", "running_tasks", "kept_tasks")
TASKS = ("task", "background_task", "started_task")


def keep_task(site: Site) -> FixMaker:
    """Return what keeps the task that a call starts until it is done."""

    def make(files: Files) -> Fix:
        module = files.python(site.frame.function.module.path)
        call = module.expression(site.event[5])
        statement = module.statement(call)
        start, end = lines_of(module, statement)
        kept, edits = _set_of_tasks(module)
        around = [whole for _, whole in module.around(call) if isinstance(whole, FunctionNode)]
        if not edits and any(bindings_of(whole, kept) for whole in around):
            raise NoFix(f"`{kept}` means something else in the function")
        name, given = _named(module, call, statement)
        indentation, newline = module.indentation(start), module.newline
        keeping = f"{indentation}{kept}.add({name}){newline}"
        keeping += f"{indentation}{name}.add_done_callback({kept}.discard){newline}"
        if given is None:
            first = module.bounds(span_of(call))
            edits += (
                module.insert(
                    module.bounds(span_of(statement))[0],
                    f"{name} = {module.code(call)}{newline}{keeping}{indentation}",
                ),
                module.replace(*first, name),
            )
        else:
            whole = module.text[start:end]
            edits += (
                *given,
                module.insert(
                    end, keeping if ended(module, whole) == whole else newline + keeping.rstrip(newline)
                ),
            )
        return Fix(f"Keep the task in `{kept}` until it is done", Applicability.SAFE, edits)

    return make


def _named(module: Module, call: ast.expr, statement: ast.stmt) -> tuple[str, tuple[Edit, ...] | None]:
    """Return the name of the task, and the edits that give it the name.

    None for the edits: the call has to move out of a longer statement first.
    """
    around = module.enclosing_function(statement)
    if around is None:
        raise NoFix("it is not part of a function")
    outermost = around
    for _, whole in module.around(around):
        if isinstance(whole, ast.FunctionDef | ast.AsyncFunctionDef):
            outermost = whole
    match statement:
        case ast.Expr(value=value) if value is call:
            name = free_name(TASKS, outermost)
            return name, (module.insert(module.bounds(span_of(call))[0], f"{name} = "),)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=value, attr="add_done_callback"))) if (
            value is call
        ):
            return free_name(TASKS, outermost), None
        case ast.Assign(targets=[ast.Name(id="_") as target], value=value) if value is call:
            name = free_name(TASKS, outermost)
            return name, (module.replace_node(target, name),)
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is call:
            return name, ()
    raise NoFix("the call is part of a longer statement")


def _set_of_tasks(module: Module) -> tuple[str, tuple[Edit, ...]]:
    """Return the name of the set that keeps tasks in a file, and the edits that add it if there is none."""
    sets = {
        target.id
        for statement in module.tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _is_empty_set(statement.value)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    }
    for node in module.all_of(ast.Call) if sets else ():
        match node:
            case ast.Call(
                func=ast.Attribute(attr="add_done_callback"),
                args=[ast.Attribute(value=ast.Name(id=name), attr="discard")],
            ) if name in sets:
                return name, ()
    name = free_name(SETS, module)
    try:
        named = name_of(module, "asyncio", "Task")
    except NoFix:
        named = None  # imported within functions
    type_ = "" if named is None or named.edits else f": set[{named.code}[object]]"
    return name, (_above_definitions(module, f"{name}{type_} = set(){module.newline}"),)


def _is_empty_set(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and not value.args and _called(value.func) == "set"


def _called(callee: ast.expr) -> str:
    """Return the name that a callee is, without what is in its brackets."""
    callee = callee.value if isinstance(callee, ast.Subscript) else callee
    return callee.id if isinstance(callee, ast.Name) else ""


def _above_definitions(module: Module, line: str) -> Edit:
    """Return the edit that adds a line above the first definition of a file, below its imports."""
    body = module.tree.body
    definitions = [s for s in body if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    imports: list[ast.stmt] = [s for s in body if isinstance(s, ast.Import | ast.ImportFrom)]
    above = body[: body.index(definitions[0])] if definitions else body
    if not above or (imports and body.index(imports[-1]) > body.index(above[-1])):
        above = imports
    if not above:
        raise NoFix("the file begins with definitions")
    end = lines_of(module, above[-1])[1]
    if isinstance(above[-1], ast.Assign | ast.AnnAssign):
        return module.insert(end, line)
    return module.insert(end, module.newline + line)
