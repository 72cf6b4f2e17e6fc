"""How a file can name something of another module: by an import that is there, or by one that is added."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass

from fastlint.diagnostics import Edit
from fastlint.fixes.module import Module, first_row
from fastlint.fixes.text import NoFix

Import = ast.Import | ast.ImportFrom
BY_NAME = frozenset({"typing", "collections.abc"})
"""Modules of the standard library whose names are imported one by one."""


@dataclass(frozen=True, slots=True)
class Named:
    """What to write for a name, and the edits that make it mean that."""

    code: str
    edits: tuple[Edit, ...] = ()


def name_of(
    module: Module, package: str, attribute: str, *, also: tuple[str, ...] = (), whole: bool | None = None
) -> Named:
    """Return how to write `package.attribute` in a file.

    An import at the top of the file is used as it is; `also` are packages that have the same object under the
    same name. Without one, `import package` is added for modules of the standard library, unless their names
    are commonly imported one by one, and `from package import attribute` otherwise; `whole` decides which.

    Raises:
        NoFix: the name means something else in this file.
    """
    imports = _top_imports(module)
    for place in (package, *also):
        for statement in imports:
            found = _existing(statement, place, attribute)
            if found and not module.binds(found.partition(".")[0]):
                return Named(found)
    is_standard = package in sys.stdlib_module_names and package not in BY_NAME
    plain = is_standard if whole is None else whole
    bound = package if plain else attribute
    if module.binds(bound) or any(_binds(statement, bound) for statement in imports):
        raise NoFix(f"`{bound}` means something else in this file")
    edit = _add(module, imports, package, None if plain else attribute)
    return Named(f"{package}.{attribute}" if plain else attribute, (edit,))


def beside(module: Module, known: str, attribute: str) -> tuple[Edit, ...]:
    """Return the edits that import something from where another name of the file is imported from.

    Raises:
        NoFix: the name is not imported by `from ... import ...` at the top of the file, or the new one is taken.
    """
    for statement in _top_imports(module):
        if isinstance(statement, ast.ImportFrom) and _binds(statement, known):
            if module.binds(attribute) or any(_binds(other, attribute) for other in _top_imports(module)):
                break
            edit = _extended(module, statement, attribute)
            if edit is not None:
                return (edit,)
    raise NoFix(f"`{attribute}` cannot be imported beside `{known}`")


def _top_imports(module: Module) -> list[Import]:
    return [statement for statement in module.tree.body if isinstance(statement, Import)]


def _existing(statement: Import, package: str, attribute: str) -> str:
    """Return how an import makes an attribute of a package reachable, or nothing."""
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            if alias.name == package and (alias.asname or "." not in package):
                return f"{alias.asname or package}.{attribute}"
        elif not statement.level:
            if statement.module == package and alias.name == attribute:
                return alias.asname or attribute
            parent, _, last = package.rpartition(".")
            if parent and statement.module == parent and alias.name == last:
                return f"{alias.asname or last}.{attribute}"
    return ""


def _binds(statement: Import, name: str) -> bool:
    return any((alias.asname or alias.name.partition(".")[0]) == name for alias in statement.names)


def _add(module: Module, imports: list[Import], package: str, attribute: str | None) -> Edit:
    """Return the edit that adds an import where a sorted file has it."""
    newline = module.newline
    code = f"import {package}" if attribute is None else f"from {package} import {attribute}"
    if attribute is not None:
        for statement in imports:
            if isinstance(statement, ast.ImportFrom) and statement.module == package and not statement.level:
                extended = _extended(module, statement, attribute)
                if extended is not None:
                    return extended
    section = _section(package, 0)
    own = _group_with(package, [statement for statement in imports if _section_of(statement) == section])
    before = [statement for statement in imports if _section_of(statement) < section]
    after = [statement for statement in imports if _section_of(statement) > section]
    key = _key(package, is_from=attribute is not None)
    smaller = [statement for statement in own if _key_of(statement) < key]
    if smaller:
        return module.insert(_end_of_line(module, smaller[-1]), code + newline)
    if own:
        return module.insert(_start_of_line(module, own[0]), code + newline)
    if before:
        return module.insert(_end_of_line(module, before[-1]), newline + code + newline)
    if after:
        return module.insert(_start_of_line(module, after[0]), code + newline + newline)
    return _first_import(module, code)


def _group_with(package: str, statements: list[Import]) -> list[Import]:
    """Return those imports among which one of a package belongs: blank lines part libraries from the project."""
    groups: list[list[Import]] = []
    for statement in statements:
        if groups and statement.lineno - (groups[-1][-1].end_lineno or 0) <= 1:
            groups[-1].append(statement)
        else:
            groups.append([statement])
    top = package.partition(".")[0]
    fitting = [group for group in groups if any(top in _packages(statement) for statement in group)]
    return next(iter(fitting or groups), [])


def _packages(statement: Import) -> set[str]:
    names = (
        [statement.module or ""]
        if isinstance(statement, ast.ImportFrom)
        else [a.name for a in statement.names]
    )
    return {name.partition(".")[0] for name in names}


def _first_import(module: Module, code: str) -> Edit:
    body, newline = module.tree.body, module.newline
    if body and ast.get_docstring(module.tree, clean=False) is not None:
        end = _end_of_line(module, body[0])
        return module.insert(end, newline + code + newline)
    if not body:
        return module.insert(len(module.text), code + newline)
    return module.insert(module.offset(first_row(body[0]), 0), code + newline + newline)


def _section_of(statement: Import) -> int:
    if isinstance(statement, ast.ImportFrom):
        return _section(statement.module or "", statement.level)
    return _section(statement.names[0].name, 0)


def _section(package: str, level: int) -> int:
    """Return the section of a sorted file that an import belongs to: future, standard library, others, relative."""
    if level:
        return 3
    top = package.partition(".")[0]
    return 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 2


def _key_of(statement: Import) -> tuple[bool, str]:
    if isinstance(statement, ast.ImportFrom):
        return _key(statement.module or "", is_from=True)
    return _key(statement.names[0].name, is_from=False)


def _key(package: str, *, is_from: bool) -> tuple[bool, str]:
    return is_from, package.lower()


def _start_of_line(module: Module, statement: ast.stmt) -> int:
    start = module.offset(statement.lineno, statement.col_offset)
    if module.text[module.line_start(start) : start].strip(" \t\f\ufeff"):
        raise NoFix("the imports share their lines with other statements")
    return start


def _end_of_line(module: Module, statement: ast.stmt) -> int:
    end = module.offset(statement.end_lineno or statement.lineno, statement.end_col_offset or 0)
    rest = module.text[end : module.line_end(end)].strip()
    if rest and not rest.startswith("#"):
        raise NoFix("the imports share their lines with other statements")
    if module.line_end(end) == len(module.text) and not module.text.endswith(("\n", "\r")):
        raise NoFix("the file ends without a line end")
    return module.line_end(end)


def _order(name: str) -> tuple[int, str]:
    """Return the key by which formatters sort the names of an import: constants, classes, all others."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name.lower()


def _extended(module: Module, statement: ast.ImportFrom, attribute: str) -> Edit | None:
    """Return the edit that adds a name to an import that is there, in the order of its names."""
    names = statement.names
    if names[0].name == "*":
        return None
    later = next((alias for alias in names if _order(alias.name) > _order(attribute)), None)
    one_line = statement.lineno == statement.end_lineno
    if one_line:
        if later is not None:
            return module.insert(module.offset(later.lineno, later.col_offset), f"{attribute}, ")
        last = names[-1]
        return module.insert(module.offset(last.end_lineno or 0, last.end_col_offset or 0), f", {attribute}")
    if len({alias.lineno for alias in names}) != len(names):
        return None
    if later is not None:
        start = module.offset(later.lineno, later.col_offset)
        if module.text[module.line_start(start) : start].strip():
            return None
        return module.insert(start, f"{attribute},{module.newline}{module.indentation(start)}")
    last = names[-1]
    end = module.offset(last.end_lineno or 0, last.end_col_offset or 0)
    if module.text[end : end + 1] != "," or module.text[module.line_start(end) : end].strip() == "":
        return None
    return module.insert(module.line_end(end), f"{module.indentation(end)}{attribute},{module.newline}")
