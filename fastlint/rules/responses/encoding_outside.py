"""The fix of a deprecated response class that a route calls: encode, then send the bytes."""

from __future__ import annotations

import ast

from fastlint.application.contexts import Application
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.arguments import call_at, has_keyword, keyword_of, with_keyword
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame

OPTIONS = {
    "orjson": "option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY",
    "ujson": "ensure_ascii=False",
}
"""What the response classes pass to the encoder: fastapi/responses.py."""


def encoded_first(application: Application, frame: Frame, call: Expr, library: str) -> FixMaker:
    """Return what makes `Response(orjson.dumps(x), ...)` of `ORJSONResponse(x, ...)`: the same bytes.

    It is safe where a route returns the response at once, so that nobody asks what it is.
    """

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        node = call_at(module, call[-1])
        content = node.args[0] if node.args else keyword_of(node, "content").value
        if any(argument.arg is None for argument in node.keywords) or module.code(content).startswith("*"):
            raise NoFix("its arguments are unpacked")
        if len(node.args) > 3:
            raise NoFix("the media type may be among the arguments by position")
        function = module.enclosing_function(node)
        if (
            function is not None
            and function.returns is not None
            and module.code(function.returns) == module.code(node.func)
        ):
            raise NoFix("the return annotation names the class")
        response = name_of(module, "fastapi", "Response", also=("fastapi.responses", "starlette.responses"))
        dumps = name_of(module, library, "dumps", whole=True)
        if dumps.code != f"{library}.dumps":
            raise NoFix(f"`{library}` has another name in this file")
        start, end = module.bounds(span_of(content))
        closed = ")" if library == "orjson" and _is_plain(content) else f", {OPTIONS[library]})"
        media_type = 'media_type="application/json"'
        added: tuple[Edit, ...] = ()
        if not has_keyword(node, "media_type"):
            if max(node.args + [keyword.value for keyword in node.keywords], key=_place) is content:
                closed += f", {media_type}"
            else:
                added = with_keyword(module, node, media_type)
        is_route = any(frame in frames for frames in application.endpoints.values())
        is_sent = is_route and isinstance(module.parent(node), ast.Return)
        edits = [
            module.replace_node(node.func, response.code),
            module.insert(start, f"{dumps.code}("),
            module.insert(end, closed),
            *added,
        ]
        return Fix(
            f"Encode with `{library}.dumps` and send a `Response`",
            Applicability.SAFE
            if is_sent and not application.responses.is_decorated(frame)
            else Applicability.UNSAFE,
            (*edits, *response.edits, *dumps.edits),
        )

    return make


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _is_plain(node: ast.expr) -> bool:
    """Tell whether a value needs no options of orjson: text keys only, and nothing of NumPy."""
    if isinstance(node, ast.Dict):
        keys = all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in node.keys)
        return keys and all(map(_is_plain, node.values))
    if isinstance(node, ast.List):
        return all(map(_is_plain, node.elts))
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("str", "repr", "len")
    return isinstance(node, ast.Constant | ast.JoinedStr)
