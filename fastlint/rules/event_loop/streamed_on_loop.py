"""The fix of a stream from a plain generator that only computes: an asynchronous generator."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.application.contexts import Application
from fastlint.application.references import CALLED
from fastlint.application.streams import STREAMING
from fastlint.diagnostics import Applicability, Fix
from fastlint.fixes.arguments import call_at
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame, Function
from fastlint.rules.lifecycle.light import require_light
from fastlint.rules.lifecycle.on_loop import coroutine, require_no_context

LIBRARIES = ("fastapi", "starlette", "sse_starlette")


def streamed_on_loop(application: Application, frame: Frame) -> FixMaker:
    """Return what makes a generator an asynchronous one, if the program does nothing but stream it.

    It is safe: the generator only computes, and every place that calls it is seen.
    """

    def make(files: Files) -> Fix:
        function = frame.function
        if function.owner is not None or function.facts.decorators:
            raise NoFix("it is a method, or decorated")
        require_no_context(application, frame)
        require_light(application, frame, files)
        calls = list(_calls(application, function, files))
        if not calls or not all(_is_streamed(module, call) for module, call in calls):
            raise NoFix("other code of the project goes through what it yields")
        module = files.python(function.module.path)
        return Fix(
            f"Make `{function.facts.name}` an `async def`",
            Applicability.SAFE,
            coroutine(module, module.function(function.facts.span)),
        )

    return make


def _calls(application: Application, function: Function, files: Files) -> Iterator[tuple[Module, ast.AST]]:
    """Yield what is done with a function by its name: calls, or the name itself where it is not called."""
    if function.parent is None:
        for reference in application.references.of(function):
            module = files.python(reference.frame.function.module.path)
            if reference.how != CALLED:
                raise NoFix("other code of the project hands it on")
            yield module, call_at(module, reference.expr[-1])
        return
    module = files.python(function.module.path)
    for node in module.nodes:
        if isinstance(node, ast.Name) and node.id == function.facts.name:
            parent = module.parent(node)
            yield module, parent if isinstance(parent, ast.Call) and parent.func is node else node


def _is_streamed(module: Module, node: ast.AST) -> bool:
    """Tell whether something is the content of a streaming response of a library."""
    response = module.parent(node)
    if isinstance(response, ast.keyword) and response.arg == "content":
        response = module.parent(response)
    elif not isinstance(response, ast.Call) or response.args[:1] != [node]:
        return False
    if not isinstance(node, ast.Call) or not isinstance(response, ast.Call):
        return False
    callee = response.func
    name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
    return name in STREAMING and (isinstance(callee, ast.Attribute) or _is_imported(module, name))


def _is_imported(module: Module, name: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(LIBRARIES)
        and any(alias.name == name and alias.asname is None for alias in node.names)
        for node in module.nodes
    )
