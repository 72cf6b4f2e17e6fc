"""The arguments of calls whose callee is another one now."""

from __future__ import annotations

import ast
import re

from fastlint.catalog.model import Twin
from fastlint.fixes.headings import parameters_with_defaults
from fastlint.fixes.module import FunctionNode
from fastlint.fixes.text import NoFix
from fastlint.migration.plan import Plan
from fastlint.migration.sources import Sources

OF_REQUESTS = "requests.Response"
BODILESS = frozenset({"delete", "get", "head", "options"})
"""Methods of httpx that take no body; `request` does."""
_WHOLE_URL = re.compile(r"https?://[\w.-]+(:\d+)?(/|$)")


def rename_arguments(path: str, call: ast.Call, twin: Twin, plan: Plan, sources: Sources) -> None:
    """Let the arguments of a call fit the twin. Raises `NoFix` where one means something else there."""
    module = sources.module(path)
    where = f"{path}:{call.lineno}"
    plan.require_place(module, call)
    for keyword in call.keywords:
        if keyword.arg in twin.unlike_arguments and not _is_off(keyword.value):
            raise NoFix(f"the argument `{keyword.arg}` of the call in {where} has no counterpart")
        if not twin.arguments:
            continue
        if keyword.arg is None:
            raise NoFix(f"some arguments of the call in {where} come from a dictionary")
        name = keyword.arg
        if name in ("url", "method"):
            continue
        renamed = twin.renamed(twin.arguments, name)
        if name in ("content", "data", "files", "json") and _called(call) in BODILESS:
            renamed = None
        if renamed is None:
            raise NoFix(f"the argument `{name}` of the call in {where} has no counterpart")
        if OF_REQUESTS in (twin.gives, twin.result):
            renamed = _requests_argument(path, call, keyword, renamed, sources)
        elif name == "auth" and not isinstance(keyword.value, ast.Tuple | ast.Constant):
            raise NoFix(f"`auth` in {where} may be an object that cannot be awaited")
        if renamed != name:
            start = module.offset(keyword.lineno, keyword.col_offset)
            plan.replace(module, start, start + len(name), renamed)
    if twin.arguments:
        url = _url(call)
        plan.open_urls = plan.open_urls or url is None or not is_whole(url)


def _requests_argument(
    path: str, call: ast.Call, keyword: ast.keyword, renamed: str, sources: Sources
) -> str:
    """Return what an argument of requests is called in httpx.

    Raises `NoFix` where its value means something else there: parameters that are None are left out by requests
    and sent by httpx, the query of an address is kept by requests and replaced by httpx.
    """
    value = _local_value(path, keyword.value, sources)
    where = f"{path}:{call.lineno}"
    if keyword.arg == "allow_redirects" and not (isinstance(value, ast.Constant) and value.value is True):
        function = sources.module(path).enclosing_function(call)
        if function is None or "raise_for_status" in sources.module(path).code(function):
            raise NoFix(
                f"`raise_for_status` of httpx raises for redirects that are not followed, as in {where}"
            )
    if keyword.arg == "auth" and not isinstance(value, ast.Tuple):
        raise NoFix(f"`auth` in {where} may be an object of requests")
    if keyword.arg == "data":
        if isinstance(value, ast.Constant | ast.JoinedStr) or _called(value) in (
            "dumps",
            "encode",
            "model_dump_json",
        ):
            return "content"
        if not isinstance(value, ast.Dict):
            raise NoFix(f"`data` in {where} may be a form or a body, which httpx tells apart by the argument")
        _require_present(value, keyword, where, path, sources)
    if keyword.arg == "params":
        url = _url(call)
        if url is None or not _has_no_query(url, path, sources):
            raise NoFix(f"the address in {where} may have a query, which httpx replaces by `params`")
        if not isinstance(value, ast.Dict):
            raise NoFix(f"`params` in {where} may hold None, which requests leaves out and httpx sends")
        _require_present(value, keyword, where, path, sources)
    return renamed


def _require_present(value: ast.Dict, keyword: ast.keyword, where: str, path: str, sources: Sources) -> None:
    """Raise `NoFix` if a value of a dictionary may be None."""
    for key, item in zip(value.keys, value.values, strict=True):
        if key is None or _may_be_none(path, item, sources):
            raise NoFix(
                f"`{keyword.arg}` in {where} may hold None, which requests leaves out and httpx sends"
            )
    if isinstance(keyword.value, ast.Name):
        scopes = sources.scopes(path)
        scope = scopes.binder(keyword.value.id, keyword.value)
        for name in scopes.names(keyword.value.id, scope):
            if isinstance(name.ctx, ast.Load) and name is not keyword.value:
                raise NoFix(f"`{keyword.arg}` in {where} is changed or used elsewhere")


def _may_be_none(path: str, item: ast.expr, sources: Sources) -> bool:
    if isinstance(item, ast.Constant):
        return item.value is None
    if isinstance(item, ast.JoinedStr | ast.BinOp | ast.List | ast.Tuple | ast.Dict | ast.Compare):
        return False
    if isinstance(item, ast.Call):
        return not (
            isinstance(item.func, ast.Name)
            and item.func.id in ("str", "int", "float", "len", "bool", "round")
        ) and _called(item) not in (
            "join",
            "isoformat",
            "strftime",
            "lower",
            "upper",
            "strip",
            "format",
            "dumps",
            "encode",
            "hex",
        )
    if isinstance(item, ast.IfExp):
        return _may_be_none(path, item.body, sources) or _may_be_none(path, item.orelse, sources)
    if isinstance(item, ast.Name):
        scopes = sources.scopes(path)
        scope = scopes.binder(item.id, item)
        if isinstance(scope, FunctionNode) and scopes.times_bound(item.id, scope) == 1:
            for parameter, default in parameters_with_defaults(scope.args):
                annotation = parameter.annotation if parameter.arg == item.id else None
                if isinstance(annotation, ast.Name) and annotation.id in ("str", "int", "float", "bool"):
                    return isinstance(default, ast.Constant) and default.value is None
        value = _local_value(path, item, sources)
        return value is item or _may_be_none(path, value, sources)
    return True


def _local_value(path: str, node: ast.expr, sources: Sources) -> ast.expr:
    """Return what a name was bound to, if that happened once and nowhere else; other expressions as they are."""
    if not isinstance(node, ast.Name):
        return node
    scopes = sources.scopes(path)
    scope = scopes.binder(node.id, node)
    if scopes.times_bound(node.id, scope) != 1:
        return node
    for name in scopes.names(node.id, scope):
        parent = scopes.module.parent(name)
        if isinstance(name.ctx, ast.Store) and isinstance(parent, ast.Assign) and parent.targets == [name]:
            return parent.value
        if isinstance(name.ctx, ast.Store) and isinstance(parent, ast.AnnAssign) and parent.value is not None:
            return parent.value
    return node


def _url(call: ast.Call) -> ast.expr | None:
    given = next((keyword.value for keyword in call.keywords if keyword.arg == "url"), None)
    return given or (call.args[-1] if call.args else None)


def is_whole(url: ast.expr) -> bool:
    """Tell whether an address is written out with its host, so that it is well formed."""
    first = url.values[0] if isinstance(url, ast.JoinedStr) and url.values else url
    text = first.value if isinstance(first, ast.Constant) else None
    return isinstance(text, str) and bool(_WHOLE_URL.match(text))


def _has_no_query(url: ast.expr, path: str, sources: Sources) -> bool:
    """Tell whether an address surely has no query: its text has none, nor the constants that it is made of."""
    value = _local_value(path, url, sources)
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str) and "?" not in value.value
    if isinstance(value, ast.JoinedStr):
        texts = [part.value for part in value.values if isinstance(part, ast.Constant)]
        return not any("?" in str(text) for text in texts)
    if isinstance(value, ast.BinOp):
        return _has_no_query(value.left, path, sources) and _has_no_query(value.right, path, sources)
    name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
    return bool(name) and str(name).isupper()


def _called(node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_off(value: ast.expr) -> bool:
    """Tell whether an argument only says what is so anyway."""
    return isinstance(value, ast.Constant) and (value.value is False or value.value is None)
