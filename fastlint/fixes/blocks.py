"""Statements as lines: where they stand, and how they look one level further in or out."""

from __future__ import annotations

import ast

from fastlint.fixes.lines import block_of
from fastlint.fixes.module import NAMED, FunctionNode, Module, first_row, names_of, span_of
from fastlint.fixes.text import NoFix


def lines_of(module: Module, statement: ast.stmt) -> tuple[int, int]:
    """Return where the lines of a statement start and end, the last line end included.

    Raises `NoFix` if another statement is on them.
    """
    first = first_row(statement)
    start = module.line_start(module.offset(first, 0))
    begins = module.offset(statement.lineno, statement.col_offset) if first == statement.lineno else start
    ends = module.bounds(span_of(statement))[1]
    rest = module.text[ends : module.line_end(ends)].strip()
    if module.text[start:begins].strip(" \t\f\ufeff") or (rest and not rest.startswith("#")):
        raise NoFix("several statements share a line")
    return start, module.line_end(ends)


def is_last(module: Module, function: FunctionNode, statement: ast.stmt) -> bool:
    """Tell whether nothing in a function stands below a statement, `finally` and `except` aside."""
    for part, whole in module.around(statement):
        if isinstance(part, ast.stmt) and block_of(module, part)[-1] is not part:
            return False
        if whole is function:
            return True
    return False


def step_of(module: Module, function: FunctionNode) -> str:
    """Return what the body of a function is indented by, beyond the function itself."""
    outer = module.indentation(module.offset(function.lineno, 0))
    inner = module.indentation(lines_of(module, function.body[0])[0])
    if not inner.startswith(outer) or inner == outer:
        raise NoFix("the indentation of the function is unusual")
    return inner[len(outer) :]


def moved(module: Module, start: int, end: int, step: str, *, inwards: bool) -> str:
    """Return lines of a file one step further in or out; the insides of strings stay as they are."""
    kept = _inside_strings(module)
    lines, position = [], start
    while position < end:
        after = module.line_end(position)
        line = module.text[position:after]
        if line.strip() and position not in kept:
            if not inwards and not line.startswith(step):
                raise NoFix("the indentation of the block is unusual")
            line = step + line if inwards else line[len(step) :]
        lines.append(line)
        position = after
    return "".join(lines)


def ended(module: Module, lines: str) -> str:
    """Return lines with a line end behind the last one, which it lacks at the end of some files."""
    return lines if lines.endswith(("\n", "\r")) else lines + module.newline


def free_name(candidates: tuple[str, ...], *places: ast.AST | Module) -> str:
    """Return the first name that nothing in the places is called: pieces of code, or files as a whole.

    Raises `NoFix` if all are taken.
    """
    files = [place for place in places if isinstance(place, Module)]
    taken = names_of(node for place in places if not isinstance(place, Module) for node in ast.walk(place))
    for name in candidates:
        if name not in taken and not any(module.names(name) for module in files):
            return name
    raise NoFix(f"the names {', '.join(f'`{name}`' for name in candidates)} mean something else here")


def bindings_of(place: ast.AST, name: str) -> int:
    """Return how often a name is bound, or declared to be another's, anywhere in a place."""
    return sum(binds(node, name) for node in ast.walk(place))


def binds(node: ast.AST, name: str) -> bool:
    """Tell whether a node by itself gives a name a meaning: a definition, a parameter, an import, an assignment."""
    match node:
        case ast.Name(id=found, ctx=ast.Store() | ast.Del()) | ast.arg(arg=found):
            return found == name
        case ast.Import() | ast.ImportFrom():
            return any((alias.asname or alias.name).partition(".")[0] == name for alias in node.names)
        case ast.MatchMapping(rest=rest):
            return rest == name
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return name in names
    return isinstance(node, NAMED) and node.name == name


def _inside_strings(module: Module) -> set[int]:
    """Return the offsets of lines that begin inside a string."""
    found: set[int] = set()
    for node in module.nodes:
        if not isinstance(node, ast.Constant | ast.JoinedStr) or node.lineno == node.end_lineno:
            continue
        code = module.code(node)
        if '"""' in code or "'''" in code or "\\\n" in code or "\\\r" in code:
            found.update(module.offset(row, 0) for row in range(node.lineno + 1, (node.end_lineno or 0) + 1))
    return found
