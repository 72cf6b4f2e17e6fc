"""What may take long although it only computes: reasons to leave a function in its thread."""

from __future__ import annotations

import ast
import builtins

from fastlint.application.contexts import Application
from fastlint.facts.structure import walk
from fastlint.fixes.files import Files
from fastlint.fixes.module import FunctionNode, Module
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import ClassValue, Instance, Value

PLAIN_METHODS = frozenset({"__call__", "__class_getitem__", "__init__", "__init_subclass__", "__post_init__"})
"""Methods of Python's own that nothing but a call runs."""
OVER_ALL = frozenset({
    "all", "any", "b64decode", "b64encode", "dict", "dumps", "enumerate", "filter", "frozenset", "list", "loads", "map", "max", "min", "set", "sorted", "sum", "tuple",
    "zip",
})  # fmt: skip
"""Functions that go through what they are given."""
HEAVY = frozenset({
    "accumulate", "combinations", "combinations_with_replacement", "compile", "compress", "copy",
    "decompress", "deepcopy", "factorial", "fill", "findall", "finditer", "fullmatch", "get_close_matches",
    "match", "mean", "median", "permutations", "pow", "product", "ratio", "search", "stdev", "sub", "wrap",
})  # fmt: skip
"""Functions whose time depends on more than the length of what one request brings."""
MOST = 1000
"""How far a number in the code may go."""


def require_light(application: Application, frame: Frame, files: Files) -> None:
    """Raise `NoFix` if a function, or one that it calls, may compute for long, or runs code by operators."""
    pending, seen = [frame], {frame.function}
    while pending:
        current = pending.pop()
        if current.function.facts.name.isidentifier():
            module = files.python(current.function.module.path)
            node = module.function(current.function.facts.span)
            _require_short(module, node)
            _require_plain_globals(application, current, node)
        _require_plain_objects(application, current)
        for site in application.resolver.sites(current):
            pending += [callee for callee in site.runs if callee.function not in seen]
            seen |= {callee.function for callee in site.runs}


def _require_short(module: Module, function: FunctionNode) -> None:
    own = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    own |= set(dir(builtins))
    own |= {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.BinOp) and _is_huge(node):
                raise NoFix(f"`{module.code(node)}` may take long")
            if not isinstance(node, ast.Call):
                continue
            callee = node.func
            name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
            is_long = name in HEAVY or (name == "range" and not all(map(_is_small, node.args)))
            if name in OVER_ALL:
                is_long |= any(isinstance(a, ast.Name) and a.id not in own for a in node.args)
            if is_long:
                raise NoFix(f"`{name}` may take long here")


def _is_huge(node: ast.BinOp) -> bool:
    if isinstance(node.op, ast.Pow | ast.LShift):
        return not (_is_small(node.left) and _is_small(node.right))
    sequences = (ast.List, ast.Tuple, ast.JoinedStr)
    repeats = isinstance(node.op, ast.Mult) and any(
        isinstance(side, sequences)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str | bytes))
        for side in (node.left, node.right)
    )
    return repeats and not (_is_small(node.left) or _is_small(node.right))


def _is_small(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and abs(node.value) <= MOST


def _require_plain_objects(application: Application, frame: Frame) -> None:
    """Raise `NoFix` if a function handles objects of the program whose operators, or texts, run code."""
    inference = application.inference
    for event in frame.function.facts.events:
        for part in walk(event[1]):
            if part[0] in ("name", "attr", "call"):
                for value in inference.values(part, frame):
                    name = _operator(application, value)
                    if name:
                        raise NoFix(f"operators of `{name}` run code of the project")


def _require_plain_globals(application: Application, frame: Frame, node: FunctionNode) -> None:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    for found in names - frame.function.facts.bindings.keys() - frame.function.parameters.keys():
        for value in application.inference.lookup(frame.function.module.frame, found, 10**9, 0):
            name = _operator(application, value) if isinstance(value, Instance) else ""
            if name:
                raise NoFix(f"operators of `{name}` run code of the project")


def _operator(application: Application, value: Value) -> str:
    cls = value.cls if isinstance(value, Instance | ClassValue) else None
    if not isinstance(cls, ProjectClass):
        return ""
    bases = [base for base in application.inference.mro(cls) if isinstance(base, ProjectClass)]
    methods = {method.facts.name for base in bases for method in base.methods()}
    is_special = any(name.startswith("__") and name.endswith("__") for name in methods - PLAIN_METHODS)
    return cls.facts.name if is_special else ""
