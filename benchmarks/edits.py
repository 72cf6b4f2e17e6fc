"""Which files of an application are edited, and how: the same edits in every copy of it."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fastlint.engine.looks import FILE_IN_TEXT


class Edited(NamedTuple):
    """The files to edit, as seen from the root of the sources, and how many others import them."""

    hub: Path
    """The module that most others import."""
    importers_of_hub: int
    leaf: Path
    """Of the modules that the report names, or else of all, the largest of those that fewest others import."""
    importers_of_leaf: int
    silent: Path
    """Likewise of the modules that it does not name."""

    def __str__(self) -> str:
        leaf = f"{self.leaf.as_posix()} ({self.importers_of_leaf} files import it)"
        hub = f"{self.hub.as_posix()} ({self.importers_of_hub} files import it)"
        return f"leaf {leaf}, hub {hub}, not in the report {self.silent.as_posix()}"


def choose(sources: Path, report: str) -> Edited:
    """Return the files to edit, going by who imports whom and by which files a report names."""
    files = sorted(sources.rglob("*.py"))
    modules = _modules(sources, files)
    imported: Counter[Path] = Counter()
    with_room = []
    for path in files:  # one at a time, since trees are large
        tree = _tree(path)
        if tree is None:
            continue
        package = path.relative_to(sources).parent.parts
        names = {name for node in ast.walk(tree) for name in _imported(node, package, modules)}
        imported.update({modules[name] for name in names if name in modules} - {path})
        if _place(tree, path) is not None:
            with_room.append(path)
    said = set(FILE_IN_TEXT.findall(report))
    named = {path for path in files if path.relative_to(sources).as_posix() in said}

    def rank(path: Path) -> tuple[int, int]:
        return -imported[path], path.stat().st_size

    hub = max(files, key=lambda path: imported[path])
    leaf = max(with_room or files, key=lambda path: (path in named, *rank(path)))
    silent = max(files, key=lambda path: (path not in named and path != leaf, *rank(path)))
    seen = [path.relative_to(sources) for path in (hub, leaf, silent)]
    return Edited(seen[0], imported[hub], seen[1], imported[leaf], seen[2])


def add_statement(path: Path, number: int) -> None:
    """Add a line of code to the last function of a file that has room for one, else to its end."""
    lines = path.read_bytes().splitlines(keepends=True)
    place = _place(_tree(path), path)
    line = b'edited_%d = len("%d")\n' % (number, number)
    if place is None:
        _append(path, line)
        return
    row, column = place
    lines.insert(row - 1, lines[row - 1][:column] + line)
    path.write_bytes(b"".join(lines))


def add_comment(path: Path, number: int) -> None:
    """Add a comment to the end of a file."""
    _append(path, b"# edit %d\n" % number)


def _append(path: Path, line: bytes) -> None:
    text = path.read_bytes()
    path.write_bytes(text + (b"" if not text or text.endswith(b"\n") else b"\n") + line)


def _tree(path: Path) -> ast.Module | None:
    """Return the syntax of a file; None if this Python does not know it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError):
            return None


def _place(tree: ast.Module | None, path: Path) -> tuple[int, int] | None:
    """Return row and column of the last statement in a function, before which another can stand."""
    lines = path.read_bytes().splitlines()
    found = [
        (statement.lineno, statement.col_offset)
        for node in (ast.walk(tree) if tree is not None else ())
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for statement in node.body
        if isinstance(statement, (ast.Return, ast.Assign, ast.If, ast.For, ast.Raise))
        and not lines[statement.lineno - 1][: statement.col_offset].strip()
    ]
    return max(found, default=None)


def _modules(sources: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Return the files by the names that imports may have for them."""
    found = {}
    for path in files:
        name = ".".join(path.relative_to(sources).with_suffix("").parts).removesuffix(".__init__")
        found[name] = found[f"{sources.name}.{name}"] = path
    return found


def _imported(node: ast.AST, package: Sequence[str], modules: Container[str]) -> Iterator[str]:
    """Yield the modules that a statement of a file in a package imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else ()
        base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            name = f"{base}.{alias.name}"
            yield name if name in modules else base
