"""Handlers of the exceptions of a library that other code raises now."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.fixes.module import Module, span_of
from fastlint.fixes.text import NoFix
from fastlint.migration.plan import Block, Follow, Plan
from fastlint.migration.sources import Sources
from fastlint.project.program import Frame, Function


@dataclass(frozen=True)
class Guarding:
    """A `try` around converted calls that catches exceptions of their old library."""

    path: str
    node: ast.Try
    caught: list[tuple[ast.ExceptHandler, ast.expr]]
    """The exceptions of the library, and the handlers that catch them."""
    functions: set[Function]
    """The functions with converted calls that run inside."""
    left: list[Block]
    """Calls of the library that run inside as well and were not converted."""


def guarding(plan: Plan, sources: Sources) -> Iterator[Guarding]:
    """Yield what catches the exceptions of a library around the calls that a plan converts.

    Raises `NoFix` where an exception of the library is handled in another way.
    """
    catalog = sources.application.program.catalog
    known = {name.partition(".")[0] for name, twin in catalog.twins.items() if twin.how == "exception"}
    for library in sorted(plan.libraries & known):
        for module in sources.application.program.modules.values():
            if not module.is_test and _imports(module.path, library, sources):
                yield from _in_file(module.path, library, plan, sources)


def _in_file(path: str, library: str, plan: Plan, sources: Sources) -> Iterator[Guarding]:
    for node in ast.walk(sources.module(path).tree):
        if isinstance(node, ast.Try):
            caught = list(_caught(path, node, library, sources))
            found = _guarded(path, node, library, plan, sources) if caught else None
            if found is not None:
                yield Guarding(path, node, caught, *found)
    for node in ast.walk(sources.module(path).tree):
        if _is_exception(path, node, library, sources) and not _is_caught(path, node, sources):
            module = sources.module(path)
            if module.enclosing_function(node) is None or _is_told_to_library(module, node):
                raise NoFix(f"`{module.code(node)}` is used in {path}:{span_of(node)[0]}")


def _is_told_to_library(module: Module, node: ast.AST) -> bool:
    """Tell whether an exception is an argument of a call, such as one that registers a handler."""
    parent = module.parent(node)
    return isinstance(parent, ast.Call) and node is not parent.func


def _require_not_raised(functions: set[Function], library: str, sources: Sources) -> None:
    """Raise `NoFix` if functions use exceptions of a library in another way than to catch them."""
    for function in functions:
        path = function.module.path
        if function.facts.name == "<lambda>" or not _imports(path, library, sources):
            continue
        for node in ast.walk(sources.node(function)):
            if _is_exception(path, node, library, sources) and not _is_caught(path, node, sources):
                raise NoFix(f"`{sources.module(path).code(node)}` is used in {path}:{span_of(node)[0]}")


def _is_caught(path: str, node: ast.AST, sources: Sources) -> bool:
    """Tell whether an exception stands behind an `except`."""
    module = sources.module(path)
    parent = module.parent(node)
    handler = module.parent(parent) if isinstance(parent, ast.Tuple) else parent
    return isinstance(handler, ast.ExceptHandler) or isinstance(parent, ast.Attribute)


def _imports(path: str, library: str, sources: Sources) -> bool:
    return any(
        value[0] == "import" and value[1].partition(".")[0] == library
        for function in sources.project_module(path).facts.functions
        for bindings in function.bindings.values()
        for _, _, value in bindings
    )


def _is_exception(path: str, node: ast.AST, library: str, sources: Sources) -> bool:
    name = sources.library_name(path, node) if isinstance(node, ast.Name | ast.Attribute) else ""
    twin = sources.application.program.catalog.twins.get(name)
    if twin is not None:
        return twin.how == "exception"
    return name.startswith(f"{library}.") and name.endswith(
        ("Error", "Exception", "Schema", "URL", "Timeout")
    )


def _caught(
    path: str, node: ast.Try, library: str, sources: Sources
) -> Iterator[tuple[ast.ExceptHandler, ast.expr]]:
    """Yield the exceptions of a library that a `try` catches."""
    for handler in node.handlers:
        types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for caught in types:
            if caught is not None and _is_exception(path, caught, library, sources):
                yield handler, caught


def catch_instead(attempt: Guarding, plan: Plan, sources: Sources) -> None:
    """Let the handlers of a `try` catch what is raised now. Raises `NoFix` where that is unknown."""
    path, where = attempt.path, f"{attempt.path}:{attempt.node.lineno}"
    module = sources.module(path)
    code = [module.code(statement) for statement in attempt.node.body]
    code += [sources.module(f.module.path).code(sources.node(f)) for f in attempt.functions]
    reads_json = any(".json(" in text for text in code)
    for handler, expression in attempt.caught:
        name = sources.library_name(path, expression)
        twin = sources.application.program.catalog.twins.get(name)
        if twin is None:
            raise NoFix(f"`{name}`, caught in {where}, has no counterpart")
        targets = [target.strip() for target in twin.name.split("|")]
        if len(targets) > 1:
            _require_plain_use(path, handler)
            targets = [
                target
                for target in targets
                if (reads_json or not target.startswith("json."))
                and (plan.open_urls or target != "httpx.InvalidURL")
            ]
        _follow_responses(path, handler, name.partition(".")[0], plan, sources)
        names = []
        for target in targets:
            package, _, attribute = target.rpartition(".")
            names.append(plan.name(module, package, attribute, whole=isinstance(expression, ast.Attribute)))
        text = ", ".join(names)
        is_alone = expression is handler.type and len(names) > 1
        plan.replace_node(module, expression, f"({text})" if is_alone else text)


def _follow_responses(
    path: str, handler: ast.ExceptHandler, library: str, plan: Plan, sources: Sources
) -> None:
    """Follow `error.response` in a handler."""
    results = [
        name
        for name, twin in sources.application.program.catalog.twins.items()
        if twin.how == "result" and name.startswith(f"{library}.")
    ]
    for node in ast.walk(handler):
        if (
            isinstance(node, ast.Attribute)
            and node.attr == "response"
            and isinstance(node.value, ast.Name)
            and node.value.id == handler.name
        ):
            for result in results:
                plan.add(Follow(path, node, result))


def _require_plain_use(path: str, handler: ast.ExceptHandler) -> None:
    """Raise `NoFix` if a handler reads what only some of the new exceptions have."""
    if handler.name is None:
        return
    for node in ast.walk(handler):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == handler.name
            and node.attr in ("response", "request", "errno", "strerror")
        ):
            raise NoFix(
                f"`{handler.name}.{node.attr}` in {path}:{node.lineno} does not exist on every exception of httpx"
            )


def _guarded(
    path: str, node: ast.Try, library: str, plan: Plan, sources: Sources
) -> tuple[set[Function], list[Block]] | None:
    """Return the functions with converted calls that run in a `try`, and the calls of the library that are left.

    None if nothing that was converted runs there.
    """
    function_node = sources.module(path).enclosing_function(node)
    if function_node is None:
        return None
    resolver, program = sources.application.resolver, sources.application.program
    first, last = span_of(node.body[0])[:2], span_of(node.body[-1])[2:]
    own = program.generic_frame(sources.function(path, function_node))
    sites = [s for s in resolver.sites(own) if first <= s.event[5][:2] and s.event[5][2:] <= last]
    seen: set[Frame] = set()
    functions: set[Function] = set()
    left: list[Block] = []
    inside = False
    while sites:
        site = sites.pop()
        place = (site.frame.function.module.path, site.event[5])
        if place in plan.converted:
            inside = True
            if site.frame is not own:
                functions.add(site.frame.function)
        else:
            left += [Block(site.frame, site, s) for s in site.sinks if s.name.startswith(f"{library}.")]
        for frame in (*site.runs, *site.starts, *site.in_thread):
            if frame not in seen:
                seen.add(frame)
                sites += resolver.sites(frame)
    if not inside:
        return None
    _require_not_raised({own.function, *(frame.function for frame in seen)}, library, sources)
    return functions, left
