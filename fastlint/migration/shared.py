"""Functions of a library that become methods of one asynchronous client, which the file makes once."""

from __future__ import annotations

import ast
import re

from fastlint.catalog.model import Twin
from fastlint.fixes.imports import Import
from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.arguments import rename_arguments
from fastlint.migration.plan import Plan
from fastlint.migration.sources import Sources

NAMES = ("http_client", "async_http_client", "shared_http_client")
WIDEST = 88
"""Columns beyond which a statement is written on several lines."""
_PLACEHOLDER = re.compile(r"\{([\w.]+)\}")


def use_shared_client(path: str, call: ast.Call, name: str, twin: Twin, plan: Plan, sources: Sources) -> None:
    """Write a call of `requests.get` as one of the method of the file's client."""
    module = sources.module(path)
    positional = 2 if name.endswith(".request") else 1
    if len(call.args) > positional or any(isinstance(argument, ast.Starred) for argument in call.args):
        raise NoFix(f"the arguments of the call in {path}:{call.lineno} are given by position")
    rename_arguments(path, call, twin, plan, sources)
    client = _client(module, twin, plan)
    plan.replace_node(module, call.func, f"{client}.{name.rpartition('.')[2]}")


def _client(module: Module, twin: Twin, plan: Plan) -> str:
    """Return the name of the client that a file shares, which is made if there is none yet."""
    key = (module.path, f"{twin.name}({twin.made_with})")
    if key in plan.shared:
        return plan.shared[key]
    taken = {node.id for node in module.nodes if isinstance(node, ast.Name)}
    taken |= {node.arg for node in module.nodes if isinstance(node, ast.arg)}
    taken |= {name for (path, _), name in plan.shared.items() if path == module.path}
    name = next((name for name in NAMES if name not in taken), "")
    if not name:
        raise NoFix(f"all names for a client are taken in {module.path}")
    package, _, attribute = twin.name.rpartition(".")
    made = plan.name(module, package, attribute, whole=True)
    arguments = _PLACEHOLDER.sub(
        lambda match: plan.name(module, *match[1].rpartition(".")[::2]), twin.made_with
    )
    plan.shared[key] = name
    code = f"{name} = {made}({arguments})"
    if len(code) > WIDEST:
        code = f"{name} = {made}({module.newline}    {arguments}{module.newline})"
    _place(module, code, plan)
    return name


def _place(module: Module, code: str, plan: Plan) -> None:
    """Put a statement behind the imports at the top of a file."""
    newline = module.newline
    imports = [statement for statement in module.tree.body if isinstance(statement, Import)]
    if imports:
        end = module.bounds(span_of(imports[-1]))[1]
        rest = module.text[end : module.line_end(end)].strip()
        if rest and not rest.startswith("#"):
            raise NoFix(f"the imports of {module.path} share their lines with other statements")
        place = module.line_end(end)
        if not module.text[:place].endswith(("\n", "\r")):
            raise NoFix(f"{module.path} ends without a line end")
        plan.replace(module, place, place, f"{newline}{code}{newline}")
        return
    body = module.tree.body
    first = body[1] if len(body) > 1 and ast.get_docstring(module.tree, clean=False) is not None else body[0]
    row = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", ()))])
    place = module.offset(row, 0)
    plan.replace(module, place, place, f"{code}{newline}{newline}{newline}")
