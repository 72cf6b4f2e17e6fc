"""The fix of a stream over what is complete already: a response that sends it at once."""

from __future__ import annotations

import ast

from fastlint.application.contexts import Application
from fastlint.diagnostics import Applicability, Edit, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.arguments import call_at, keyword_of
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.imports import Named, name_of
from fastlint.fixes.lines import block_of
from fastlint.fixes.module import FunctionNode, Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.project.values import Instance, Text, Values

BUFFERS = frozenset({"io.BytesIO", "io.StringIO"})
ITERATOR = "body_iterator"


def sent_at_once(application: Application, frame: Frame, call: Expr, content: Expr) -> FixMaker:
    """Return what makes `Response(...)` of a `StreamingResponse(...)` over a buffer, bytes or a string.

    It is safe where the response is returned at once, if the whole buffer would have been streamed: it was made in
    the function, and set to its beginning right before.
    """

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        node = call_at(module, call[-1])
        given = _content(node)
        values = application.inference.values(content, frame)
        function = module.enclosing_function(node)
        if function is not None and ITERATOR in module.code(function):
            raise NoFix(f"the function uses the `{ITERATOR}` of a stream")
        whole = _Whole(module, given, values)
        is_certain = whole.is_certain and isinstance(module.parent(node), ast.Return)
        named = name_of(module, "fastapi", "Response", also=("fastapi.responses", "starlette.responses"))
        return Fix(
            "Send the whole content with `Response`",
            Applicability.SAFE if is_certain else Applicability.UNSAFE,
            (
                module.replace_node(node.func, named.code),
                *whole.edits,
                *_annotation(module, node, named),
                *named.edits,
            ),
        )

    return make


def sent_from_path(frame: Frame, call: Expr) -> FixMaker:
    """Return what makes `FileResponse(path, ...)` of `StreamingResponse(open(path, "rb"), ...)`."""

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        node = call_at(module, call[-1])
        given = _content(node)
        opened = given
        edits: list[Edit] = []
        if isinstance(given, ast.Name):
            opened, edit = _opened_before(module, given)
            edits.append(edit)
        if not _is_open(opened) or not isinstance(opened, ast.Call):
            raise NoFix("the file was not opened by its path here")
        if any(isinstance(whole, ast.Try) for _, whole in module.around(opened)):
            raise NoFix("the `try` around it may wait for a missing file, which `FileResponse` finds later")
        content = given if node.args else keyword_of(node, "content")
        edits.append(module.replace_node(content, module.code(opened.args[0])))
        named = name_of(module, "fastapi.responses", "FileResponse", also=("starlette.responses",))
        return Fix(
            "Send the file with `FileResponse`",
            Applicability.UNSAFE,
            (
                module.replace_node(node.func, named.code),
                *edits,
                *_annotation(module, node, named),
                *named.edits,
            ),
        )

    return make


class _Whole:
    """What to write for the content, and how certain it is that this is what would have been streamed."""

    def __init__(self, module: Module, given: ast.expr, values: Values) -> None:
        self._module = module
        self.edits: list[Edit] = []
        self.is_certain = False
        kinds = {"builtins.str" if isinstance(v, Text) else getattr(v, "cls", "") for v in values}
        if not kinds <= BUFFERS:
            if not kinds <= {"builtins.str", "builtins.bytes"}:
                raise NoFix("it has no method `getvalue`")
            self.is_certain = kinds == {"builtins.str"}
            return
        if not all(isinstance(value, Instance) for value in values):
            raise NoFix("it is not known what it is")
        if isinstance(given, ast.Call) and _is_making(given) and len(given.args) == 1 and not given.keywords:
            self.edits.append(module.replace_node(given, module.code(given.args[0])))
            self.is_certain = kinds == {"io.StringIO"} or isinstance(given.args[0], ast.Constant)
            return
        self.edits.append(module.insert(module.bounds(span_of(given))[1], ".getvalue()"))
        if not isinstance(given, ast.Name | ast.Attribute | ast.Call):
            raise NoFix("the buffer is not written as a name or a call")
        if isinstance(given, ast.Name):
            self._judge_buffer(given)

    def _judge_buffer(self, given: ast.Name) -> None:
        """Find out where the buffer stands when it is streamed, and drop a `seek(0)` that has no use any more."""
        module = self._module
        function = module.enclosing_function(given)
        if function is None:
            return
        uses = sorted(
            (n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == given.id),
            key=lambda n: (n.lineno, n.col_offset),
        )
        if any(isinstance(module.parent(use), ast.withitem) for use in uses):
            raise NoFix("the buffer is closed before it is streamed")
        blocks = [whole for _, whole in module.around(given) if isinstance(whole, ast.With | ast.AsyncWith)]
        items = [part for block in blocks for item in block.items for part in ast.walk(item)]
        if any(isinstance(part, ast.Name) and part.id == given.id for part in items):
            raise NoFix("the `with` around it may write more to the buffer at its end")
        before = [use for use in uses if (use.lineno, use.col_offset) < (given.lineno, given.col_offset)]
        later = len(uses) > len(before) + 1
        is_made_here = (
            sum(_is_assigned_buffer(module, use) for use in uses)
            == 1
            == sum(not isinstance(use.ctx, ast.Load) for use in uses)
        )
        seek = _rewinding(module, before[-1]) if before else None
        if seek is not None and _same_block(module, seek, given):
            self.is_certain = (
                is_made_here and not later and not blocks and _is_right_before(module, seek, given)
            )
            if not later:
                self.edits += _without_statement(module, seek)
        elif len(before) == 1 and is_made_here and not later:
            self.is_certain = not blocks
        elif is_made_here:
            raise NoFix("the buffer may stand at its end")


def _content(node: ast.Call) -> ast.expr:
    given = node.args[0] if node.args else keyword_of(node, "content").value
    if isinstance(given, ast.Starred):
        raise NoFix("the content is not written in the call")
    return given


def _is_making(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in ("BytesIO", "StringIO")


def _is_assigned_buffer(module: Module, use: ast.Name) -> bool:
    """Tell whether a name is bound to a new buffer at a place."""
    statement = module.parent(use)
    value = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call) and _is_making(value)
        and len(getattr(statement, "targets", [use])) == 1
    )  # fmt: skip


def _rewinding(module: Module, use: ast.Name) -> ast.Expr | None:
    """Return the statement `buffer.seek(0)` that a name is part of."""
    attribute = module.parent(use)
    call = module.parent(attribute)
    statement = module.parent(call)
    if (
        isinstance(attribute, ast.Attribute) and attribute.attr == "seek"
        and isinstance(call, ast.Call) and call.func is attribute and not call.keywords
        and [getattr(argument, "value", None) for argument in call.args] == [0]
        and isinstance(statement, ast.Expr)
    ):  # fmt: skip
        return statement
    return None


def _same_block(module: Module, statement: ast.stmt, node: ast.expr) -> bool:
    """Tell whether a statement surely ran before an expression: that is in the same block, or below it."""
    parent = module.parent(statement)
    blocks = (getattr(parent, name, None) for name in ("body", "orelse", "finalbody"))
    block = next(block for block in blocks if isinstance(block, list) and statement in block)
    return any(part in block for part, _ in module.around(node))


def _is_right_before(module: Module, statement: ast.stmt, node: ast.expr) -> bool:
    """Tell whether nothing runs between a statement and the one that an expression is part of."""
    block, following = block_of(module, statement), module.statement(node)
    return following in block and block.index(following) == block.index(statement) + 1


def _without_statement(module: Module, statement: ast.stmt) -> list[Edit]:
    """Return the edit that takes a statement out, if it has its lines to itself and its block others."""
    start, end = module.bounds(span_of(statement))
    first, last = module.line_start(start), module.line_end(end)
    rest = module.text[end:last].strip()
    if module.text[first:start].strip() or (rest and not rest.startswith("#")):
        return []
    if not module.text[last : module.line_end(last)].strip() and _is_blank_before(module, first):
        last = module.line_end(last)
    return [module.replace(first, last, "")]


def _is_blank_before(module: Module, offset: int) -> bool:
    """Tell whether the line before an offset is blank."""
    return offset > 0 and not module.text[module.line_start(offset - 1) : offset].strip()


def _annotation(module: Module, node: ast.Call, named: Named) -> list[Edit]:
    """Return the edit of the return annotation `StreamingResponse`, if nothing else of that kind is returned."""
    function: FunctionNode | None = module.enclosing_function(node)
    if function is None or function.returns is None:
        return []
    streams = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Name | ast.Attribute) and module.code(n) == module.code(node.func)
    ]
    if module.code(function.returns) != module.code(node.func):
        return []
    if len(streams) > 2:  # the annotation, this call, and others
        raise NoFix("the function makes other streams as well, as its return annotation says")
    return [module.replace_node(function.returns, named.code)]


def _opened_before(module: Module, given: ast.Name) -> tuple[ast.expr, Edit]:
    """Return the `open(...)` that a name is bound to right before its only use, and the edit that drops it."""
    function = module.enclosing_function(given)
    uses = [n for n in ast.walk(function or module.tree) if isinstance(n, ast.Name) and n.id == given.id]
    assigned = [module.parent(use) for use in uses if not isinstance(use.ctx, ast.Load)]
    if len(uses) != 2 or len(assigned) != 1 or not isinstance(assigned[0], ast.Assign):
        raise NoFix("the file is used for something else as well")
    edits = _without_statement(module, assigned[0])
    if not edits or not _same_block(module, assigned[0], given):
        raise NoFix("the file is opened in another place")
    return assigned[0].value, edits[0]


def _is_open(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
        and len(node.args) == 2 and not node.keywords and getattr(node.args[1], "value", None) == "rb"
        and not isinstance(node.args[0], ast.Starred)
    )  # fmt: skip
