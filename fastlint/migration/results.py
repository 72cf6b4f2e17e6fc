"""What becomes of the result of a library call, which is of another class than before."""

from __future__ import annotations

import ast

from fastlint.catalog.model import Twin
from fastlint.fixes.module import FunctionNode
from fastlint.fixes.text import NoFix
from fastlint.migration.coroutines import follow_returned
from fastlint.migration.plan import Follow, Plan
from fastlint.migration.sources import Sources


def follow(task: Follow, plan: Plan, sources: Sources) -> None:
    """Let the code that uses a result follow the change of its class.

    Raises `NoFix` where the result is used in a way that means something else now, or gets out of sight.
    """
    twin = sources.application.program.catalog.twins[task.result]
    module, node = sources.module(task.path), task.node
    parent = module.parent(node)
    while isinstance(parent, ast.Await | ast.NamedExpr) and parent.value is node:
        if isinstance(parent, ast.NamedExpr):
            _follow_name(task, parent.target, plan, sources)
        node, parent = parent, module.parent(parent)
    if isinstance(parent, ast.Expr | ast.FormattedValue):
        return
    if isinstance(parent, ast.Attribute):
        _member(task, parent, twin, plan, sources)
    elif isinstance(parent, ast.Compare) and all(
        isinstance(other, ast.Constant) and other.value is None for other in parent.comparators
    ):
        return
    elif isinstance(parent, ast.Assign | ast.AnnAssign):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        for target in targets:
            if not isinstance(target, ast.Name):
                raise NoFix(
                    f"the response is stored in {_where(task, sources)}, and what reads it is out of sight"
                )
            _follow_name(task, target, plan, sources)
    elif isinstance(parent, ast.Return):
        function = module.enclosing_function(parent)
        if function is None:
            raise NoFix("the response is returned by something that is no function")
        _retype(task, function.returns, twin, plan, sources)
        follow_returned(sources.function(task.path, function), task.result, plan, sources)
    else:
        text = "tested for truth" if isinstance(parent, ast.If | ast.BoolOp | ast.UnaryOp) else "handed on"
        raise NoFix(f"the response is {text} in {_where(task, sources)}, and the new one is of another class")


def _where(task: Follow, sources: Sources) -> str:
    return f"{task.path}:{task.node.lineno}"


def _member(task: Follow, parent: ast.Attribute, twin: Twin, plan: Plan, sources: Sources) -> None:
    module = sources.module(task.path)
    name = parent.attr
    if not isinstance(parent.ctx, ast.Load):
        raise NoFix(f"`{name}` of the response is set in {_where(task, sources)}")
    if twin.renamed(twin.plain, name) == name:
        return
    plan.require_place(module, parent)
    template = twin.renamed(twin.written, name)
    if template is None:
        raise NoFix(f"`{name}` of the response means something else, or nothing, in the new library")
    before, _, after = template.partition("{}")
    outer = module.parent(parent)
    binds = isinstance(
        outer, ast.Attribute | ast.Subscript | ast.Call | ast.Await | ast.UnaryOp | ast.Compare | ast.BinOp
    )
    if before.startswith("not ") and isinstance(outer, ast.UnaryOp) and isinstance(outer.op, ast.Not):
        start = module.offset(outer.lineno, outer.col_offset)
        plan.replace(module, start, module.offset(parent.lineno, parent.col_offset), "")
        before = ""
    elif before.startswith("not ") and binds:
        before, after = f"({before}", f"{after})"
    if before:
        plan.insert_around(module, parent, before)
    end = module.offset(parent.end_lineno or 0, parent.end_col_offset or 0)
    plan.replace(module, end - len(name) - 1, end, after)


def _follow_name(task: Follow, target: ast.Name, plan: Plan, sources: Sources) -> None:
    """Follow a result through the name that it was given."""
    scopes = sources.scopes(task.path)
    scope = scopes.binder(target.id, target)
    if not isinstance(scope, FunctionNode):
        raise NoFix(f"the response is stored in {_where(task, sources)}, and what reads it is out of sight")
    module = sources.module(task.path)
    names = list(scopes.names(target.id, scope))
    if scopes.times_bound(target.id, scope) != sum(not isinstance(name.ctx, ast.Load) for name in names):
        raise NoFix(f"`{target.id}` is something else as well in {_where(task, sources)}")
    for name in names:
        parent = module.parent(name)
        if isinstance(name.ctx, ast.Load):
            plan.add(Follow(task.path, name, task.result))
        elif isinstance(parent, ast.AnnAssign):
            twin = sources.application.program.catalog.twins[task.result]
            _retype(task, parent.annotation, twin, plan, sources)
            _require_result(task, parent.value, plan, sources)
        elif isinstance(parent, ast.Assign | ast.NamedExpr):
            _require_result(task, parent.value, plan, sources)
        else:
            raise NoFix(f"`{target.id}` is something else as well in {task.path}:{name.lineno}")


def _require_result(task: Follow, value: ast.expr | None, plan: Plan, sources: Sources) -> None:
    """Raise `NoFix` if a name for results is bound to anything else."""
    while isinstance(value, ast.Await):
        value = value.value
    if value is None or (isinstance(value, ast.Constant) and value.value is None) or value is task.node:
        return
    classes = [getattr(found, "cls", None) for found in sources.values(task.path, value)]
    if classes and all(cls == task.result for cls in classes):
        plan.required.add((task.path, value))
        return
    raise NoFix(f"the name of the response is bound to something else in {task.path}:{value.lineno}")


def _retype(task: Follow, annotation: ast.expr | None, twin: Twin, plan: Plan, sources: Sources) -> None:
    """Write the new class where an annotation has the old one."""
    if annotation is None:
        return
    for node in ast.walk(annotation):
        if (
            isinstance(node, ast.Name | ast.Attribute)
            and sources.library_name(task.path, node) == task.result
        ):
            package, _, attribute = twin.name.rpartition(".")
            code = plan.name(sources.module(task.path), package, attribute, whole=True)
            plan.replace_node(sources.module(task.path), node, code)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise NoFix(f"the type of the response is written as a string in {task.path}:{annotation.lineno}")
