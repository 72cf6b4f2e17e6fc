"""The fixes of detours through JSON or a dictionary."""

from __future__ import annotations

import ast

from fastlint.application.contexts import Application
from fastlint.application.dumps import DUMPS
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.arguments import call_at
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix
from fastlint.project.members import subclasses
from fastlint.project.program import Frame, ProjectClass
from fastlint.rules.responses.plain_models import writes_alike

WRITING = DUMPS | {"json", "model_dump_json"}


def plain_data(application: Application, frame: Frame, call: Expr) -> FixMaker:
    """Return what makes `m.model_dump(mode="json")` of `json.loads(m.model_dump_json())`.

    It is safe if both are known to write the same.
    """

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        node = call_at(module, call[-1])
        dump = node.args[0]
        if not isinstance(dump, ast.Call) or not isinstance(dump.func, ast.Attribute):
            raise NoFix("it is not written as a method call")
        if dump.args or any(keyword.arg is None for keyword in dump.keywords):
            raise NoFix("the arguments of the dump are not known")
        if any(isinstance(whole, ast.JoinedStr) for _, whole in module.around(node)):
            raise NoFix("it is part of an f-string, whose quotes it would end")
        inference = application.inference
        models = [getattr(value, "cls", None) for value in inference.values(call[2][0][1][1], frame)]
        own = [base for m in models if isinstance(m, ProjectClass) for base in inference.mro(m)]
        if any(base.own(name) for base in own if isinstance(base, ProjectClass) for name in WRITING):
            raise NoFix("the model turns itself into data in a way of its own")
        is_same = bool(models) and all(
            isinstance(m, ProjectClass) and not subclasses(inference, m) and writes_alike(inference, m)
            for m in models
        )
        callee = module.code(dump.func)[: -len(dump.func.attr)] + "model_dump"
        if "#" in module.code(node):
            raise NoFix("there is a comment in the call")
        arguments = ", ".join(['mode="json"', *map(module.code, dump.keywords)])
        return Fix(
            'Write `model_dump(mode="json")`',
            Applicability.SAFE if is_same else Applicability.UNSAFE,
            (module.replace_node(node, f"{callee}({arguments})"),),
        )

    return make


def from_text(frame: Frame, call: Expr) -> FixMaker:
    """Return what makes `M.model_validate_json(s)` of `M(**json.loads(s))` or `M.model_validate(r.json())`."""

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        node = call_at(module, call[-1])
        source = node.args[0] if node.args else node.keywords[0].value
        if not isinstance(source, ast.Call):
            raise NoFix("it is not written as a call")
        _require_no_handler(module, node)
        _require_no_comment(module, node, source)
        if source.args:
            text = module.code(source.args[0])
        elif isinstance(source.func, ast.Attribute):
            text = module.code(source.func)[: -len(source.func.attr)] + "content"
        else:
            raise NoFix("it is not written as a method call")
        return Fix(
            "Write `model_validate_json`",
            Applicability.UNSAFE,
            (module.replace_node(node, f"{_model(module, node)}.model_validate_json({text})"),),
        )

    return make


def copied(frame: Frame, call: Expr) -> FixMaker:
    """Return what makes `m.model_copy()` of `M(**m.model_dump())`."""

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        node = call_at(module, call[-1])
        source = node.args[0] if node.args else node.keywords[0].value
        if not isinstance(source, ast.Call) or not isinstance(source.func, ast.Attribute):
            raise NoFix("it is not written as a method call")
        _require_no_comment(module, node, source)
        model = module.code(source.func)[: -len(source.func.attr)]
        return Fix(
            "Write `model_copy()`",
            Applicability.UNSAFE,
            (module.replace_node(node, f"{model}model_copy()"),),
        )

    return make


def _model(module: Module, node: ast.Call) -> str:
    """Return the model whose instance a call makes, as it is written."""
    validates = node.args and isinstance(node.func, ast.Attribute)
    return module.code(node.func.value if validates and isinstance(node.func, ast.Attribute) else node.func)


def _require_no_comment(module: Module, node: ast.Call, kept: ast.Call) -> None:
    if "#" in module.code(node).replace(module.code(kept), ""):
        raise NoFix("there is a comment in the call")


def _require_no_handler(module: Module, node: ast.AST) -> None:
    for part, whole in module.around(node):
        if isinstance(whole, ast.Try) and part in whole.body:
            for handler in whole.handlers:
                if handler.type is not None and "Decode" in module.code(handler.type):
                    raise NoFix("a handler waits for the error of the decoder")
