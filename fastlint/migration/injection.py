"""Parameters that FastAPI fills, and the functions in their `Depends(...)`."""

from __future__ import annotations

import ast

from fastlint.fixes.headings import parameters_with_defaults
from fastlint.fixes.module import FunctionNode
from fastlint.migration.sources import AnyPlace, Sources
from fastlint.project.program import Frame, Function

DEPENDS = ("fastapi.Depends", "fastapi.params.Depends")


def injected_parameter(place: AnyPlace, sources: Sources) -> tuple[FunctionNode, ast.arg] | None:
    """Return the function and the parameter that a provider named in `Depends(...)` is for."""
    module = sources.module(place.path)
    call = module.parent(place.node)
    if not isinstance(call, ast.Call) or sources.library_name(place.path, call.func) not in DEPENDS:
        return None
    for part, whole in module.around(call):
        if isinstance(whole, ast.arguments):
            function = module.parent(whole)
            for parameter, default in parameters_with_defaults(whole):
                if isinstance(function, FunctionNode) and (part is parameter or default is call):
                    return function, parameter
            return None
    return None


def provider_of(path: str, node: FunctionNode, parameter: str, sources: Sources) -> Function | None:
    """Return the function in the `Depends(...)` of a parameter."""
    function = sources.function(path, node)
    for injection in sources.application.dependencies.all():
        user = injection.user.function if isinstance(injection.user, Frame) else None
        if user is function and injection.need.parameter == parameter:
            return injection.frame.function if injection.frame is not None else None
    return None
