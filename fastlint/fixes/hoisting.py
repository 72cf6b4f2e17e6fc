"""What a function makes anew at each call, and the module could make once: expressions and classes."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterator
from itertools import takewhile

from fastlint.diagnostics import Edit
from fastlint.fixes.lines import block_of, lines_of, top_statement
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix

NOT_AT_IMPORT = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda, ast.JoinedStr)


def hoist_expression(module: Module, node: ast.expr, name: str) -> tuple[Edit, ...]:
    """Return the edits that make an expression a constant of the module, under a name.

    A local variable that is nothing else becomes that constant, with the name that it has. All other functions
    that have the same expression can share it.

    Raises:
        NoFix: the module does not know all names of the expression, or gives `name` another meaning.
    """
    if any(isinstance(part, NOT_AT_IMPORT) for part in ast.walk(node)):
        raise NoFix("it cannot be evaluated when the module is imported")
    twins = sorted(_twins(module, node), key=span_of)
    place = min((top_statement(module, twin) for twin in twins), key=lambda statement: statement.lineno)
    require_names(module, node, place)
    own = _variable(module, node, twins)
    target = own.id if own is not None else name
    if own is not None:
        removed = module.replace(*_commented_lines(module, module.statement(node)), "")
    else:
        removed = module.replace_node(node, target)
    known = _constant(module, target, place)
    if known is not None:
        if ast.dump(known) != ast.dump(node):
            raise NoFix(f"`{target}` means something else in this file")
        return (removed,)
    if own is None and module.names(target):
        raise NoFix(f"`{target}` means something else in this file")
    statement = module.statement(twins[0])
    indentation = module.indentation(module.bounds(span_of(statement))[0])
    if own is not None:
        code = _dedented(module, statement, indentation, _commented_lines(module, statement))
    else:
        code = f"{target} = {_dedented(module, twins[0], indentation)}{module.newline}"
    return (_constant_above(module, place, code), removed)


def claim(module: Module) -> Edit:
    """Return an edit that changes nothing, for a fix that also guards it: only one such fix is made at a time.

    The next one sees the names that this one adds.
    """
    start = module.bounds(span_of(module.tree.body[0]))[0]
    return module.guard(start, start + 1)


def hoist_classes(module: Module, nodes: list[ast.ClassDef]) -> tuple[Edit, ...]:
    """Return the edits that move classes out of a function, to the place above that function.

    Raises `NoFix` if one uses what only the function knows, or a name is taken.
    """
    place = top_statement(module, nodes[0])
    codes, removed = [], []
    for node in nodes:
        require_names(
            module, node, place, known={other.name for other in nodes if other.lineno < node.lineno}
        )
        if any(_binds(other, node.name) for other in module.nodes if other is not node):
            raise NoFix(f"`{node.name}` means something else in this file")
        if set(block_of(module, node)) <= set(nodes):
            raise NoFix("nothing else is in the block")
        start, end = _commented_lines(module, node)
        codes.append(_dedented(module, node, module.indentation(start), (start, end)))
        while end < len(module.text) and not module.text[end : module.line_end(end)].strip():
            end = module.line_end(end)
        removed.append(module.replace(start, end, ""))
    code = f"{module.newline * 2}".join(codes)
    return (module.insert(_above(module, place), _set_off(module, place, code)), *removed)


def require_names(module: Module, node: ast.AST, place: ast.stmt, known: Collection[str] = ()) -> None:
    """Raise `NoFix` if a name in a node is not one that the module has given its only meaning above a place.

    `known` are names that will be there.
    """
    own = _names_bound_in(node)
    around = [whole for _, whole in module.around(node) if isinstance(whole, FunctionNode | ast.ClassDef)]
    bound_above = {
        name
        for statement in module.tree.body
        if statement.lineno < place.lineno
        for name in _names_bound_by(statement)
    }
    changed = {name for part in module.all_of(ast.Global) for name in part.names}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            name = part.id
            if name in known:
                continue
            is_local = module.binds(name) and any(
                name in _names_bound_in(scope, without=node) for scope in around
            )
            if is_local or name in changed:
                raise NoFix(f"it uses `{name}`, which only the call knows")
            if name not in own | bound_above and not hasattr(builtins, name):
                raise NoFix(f"`{name}` is not defined above the function")


def _twins(module: Module, node: ast.expr) -> Iterator[ast.expr]:
    """Yield the expressions in the bodies of functions that are written like one, itself included."""
    called, dumped = _called(node), ast.dump(node)
    for other in module.all_of(type(node)):
        if _called(other) == called and ast.dump(other) == dumped and _is_in_function(module, other):
            yield other


def _called(node: ast.expr) -> str:
    """Return the last name of what is called, if anything is."""
    callee = node.func if isinstance(node, ast.Call) else None
    return callee.id if isinstance(callee, ast.Name) else getattr(callee, "attr", "")


def _is_in_function(module: Module, node: ast.expr) -> bool:
    """Tell whether a node is in the body of the outermost function around it."""
    outermost = [(part, whole) for part, whole in module.around(node) if isinstance(whole, FunctionNode)][-1:]
    return any(part in whole.body for part, whole in outermost)


def _variable(module: Module, node: ast.expr, twins: list[ast.expr]) -> ast.Name | None:
    """Return the local variable that an expression is assigned to, if it is that wherever it is known."""
    targets = [_assigned(module, twin) for twin in twins]
    name = targets[twins.index(node)] if node in twins else None
    if name is None or any(target is None or target.id != name.id for target in targets):
        return None
    functions = [module.enclosing_function(twin) for twin in twins]
    inside = {id(part) for function in functions if function is not None for part in ast.walk(function)}
    for part in module.nodes:
        if not _mentions(part, name.id):
            continue
        is_store = isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
        if id(part) not in inside and _is_constant(module, part, node):
            continue
        if (
            id(part) not in inside
            or isinstance(part, ast.arg | ast.Global | ast.Nonlocal)
            or (is_store and part not in targets)
        ):
            return None
    if any(len(block_of(module, module.statement(twin))) == 1 for twin in twins):
        return None
    return name


def _is_constant(module: Module, part: ast.AST, node: ast.expr) -> bool:
    """Tell whether a name is that of a constant of the module that is made in the same way."""
    statement = module.parent(part)
    return (
        isinstance(statement, ast.Assign)
        and isinstance(module.parent(statement), ast.Module)
        and ast.dump(statement.value) == ast.dump(node)
    )


def _assigned(module: Module, node: ast.expr) -> ast.Name | None:
    statement = module.parent(node)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and statement.value is node:
        target = statement.targets[0]
        return target if isinstance(target, ast.Name) else None
    return None


def _constant(module: Module, name: str, place: ast.stmt) -> ast.expr | None:
    """Return what a name is at the top of the module, above a place."""
    for statement in module.tree.body:
        if statement.lineno < place.lineno and isinstance(statement, ast.Assign):
            targets = statement.targets
            if len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == name:
                return statement.value
    return None


def _constant_above(module: Module, place: ast.stmt, code: str) -> Edit:
    """Return the edit that inserts an assignment above a statement, as a formatter would have it."""
    newline = module.newline
    position = module.tree.body.index(place)
    before = module.tree.body[position - 1] if position else None
    if before is None or not _is_line(before):
        return module.insert(_above(module, place), _set_off(module, place, code))
    gap = newline if isinstance(before, ast.Import | ast.ImportFrom) else ""
    end = lines_of(module, before)[1]
    missing = 0 if module.text[end : _above(module, place)].strip() else _missing_lines(module, place)
    return module.insert(end, f"{gap}{code}{newline * missing}")


def _set_off(module: Module, place: ast.stmt, code: str) -> str:
    """Return code as it is inserted above a statement: with two empty lines on both sides."""
    newline = module.newline
    return f"{newline * _missing_lines(module, place)}{code}{newline * 2}"


def _missing_lines(module: Module, place: ast.stmt) -> int:
    """Return how many empty lines above a statement there are too few, of the two that set it off."""
    above = module.text[: _above(module, place)]
    if not above.strip(" \t\f\r\n\ufeff"):
        return 0
    empty = takewhile(lambda line: not line.strip(), reversed(above.splitlines()))
    return max(0, 2 - sum(1 for _ in empty))


def _is_line(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)


def _above(module: Module, statement: ast.stmt) -> int:
    """Return where a line can be inserted above a statement and the comments that belong to it."""
    return _commented_lines(module, statement)[0]


def _commented_lines(module: Module, statement: ast.stmt) -> tuple[int, int]:
    """Return where the lines of a statement begin and end, with the comments right above it."""
    start, end = lines_of(module, statement)
    comment = f"{module.indentation(start)}#"
    while start > 0:
        before = module.line_start(start - 1)
        if not module.text[before:start].startswith(comment):
            break
        start = before
    return start, end


def _dedented(module: Module, node: ast.AST, indentation: str, bounds: tuple[int, int] | None = None) -> str:
    """Return the code of a node as it is written at the top of a module."""
    for part in ast.walk(node):
        is_text = isinstance(part, ast.JoinedStr) or (
            isinstance(part, ast.Constant) and isinstance(part.value, str | bytes)
        )
        if is_text and part.lineno != part.end_lineno and not _is_docstring(module, part):  # type: ignore[attr-defined]
            raise NoFix("a string of several lines would have to move")
    start, end = bounds or module.bounds(span_of(node))
    lines = module.text[start:end].splitlines(keepends=True)
    if any(line.strip() and not line.startswith(indentation) for line in lines[int(bounds is None) :]):
        raise NoFix("a line is not indented as the others")
    first = lines[0] if bounds is None else lines[0].removeprefix(indentation)
    return "".join([first, *(line.removeprefix(indentation) for line in lines[1:])])


def _is_docstring(module: Module, part: ast.AST) -> bool:
    statement = module.parent(part)
    owner = module.parent(statement)
    is_first = isinstance(owner, ast.ClassDef | FunctionNode) and owner.body[0] is statement
    return isinstance(statement, ast.Expr) and is_first


def _mentions(part: ast.AST, name: str) -> bool:
    return (
        (isinstance(part, ast.Name) and part.id == name)
        or (isinstance(part, ast.arg) and part.arg == name)
        or (not isinstance(part, ast.Assign | ast.AnnAssign) and _binds(part, name))
    )


def _binds(part: ast.AST, name: str) -> bool:
    if isinstance(part, ast.Name):
        return part.id == name and not isinstance(part.ctx, ast.Load)
    if isinstance(part, ast.arg):
        return part.arg == name
    if isinstance(part, ast.ExceptHandler | FunctionNode | ast.ClassDef):
        return part.name == name
    if isinstance(part, ast.Import | ast.ImportFrom):
        return name in _names_bound_by(part)
    return isinstance(part, ast.Global | ast.Nonlocal) and name in part.names


def _names_bound_by(statement: ast.stmt) -> set[str]:
    """Return the names that a statement itself gives a meaning: imports, definitions, assignments."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    if isinstance(statement, FunctionNode | ast.ClassDef):
        return {statement.name}
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _names_bound_in(scope: ast.AST, without: ast.AST | None = None) -> set[str]:
    """Return all names that anything inside a piece of code binds, other than inside a part of it."""
    found: set[str] = set()
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        part = pending.pop()
        if part is without:
            continue
        pending += ast.iter_child_nodes(part)
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            found.add(part.id)
        elif isinstance(part, ast.arg):
            found.add(part.arg)
        elif isinstance(part, ast.stmt):
            found |= _names_bound_by(part)
        elif isinstance(part, ast.ExceptHandler) and part.name:
            found.add(part.name)
    return found
