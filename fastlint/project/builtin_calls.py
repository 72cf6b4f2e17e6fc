"""What calls of library functions give: by the catalog, and for builtins by what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastlint.catalog.model import Type
from fastlint.facts.model import UNKNOWN, Expr
from fastlint.project.program import Frame
from fastlint.project.values import (
    AwaitableOf,
    ClassValue,
    Collection,
    FunctionValue,
    Instance,
    LibraryName,
    ModuleValue,
    Partial,
    Super,
    Text,
    Tuple,
    Value,
    Values,
    library_object,
    union,
)

if TYPE_CHECKING:
    from fastlint.project.infer import Inference

CONSUMERS = frozenset({
    "builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "builtins.dict", "builtins.sorted",
    "builtins.sum", "builtins.min", "builtins.max", "builtins.any", "builtins.all", "builtins.next",
    "builtins.str.join", "builtins.list.extend", "builtins.set.update", "collections.deque",
})  # fmt: skip
"""Functions that iterate their first argument at once."""

ASYNC_SESSION = "sqlalchemy.ext.asyncio.AsyncSession"
IN_MEMORY = ("/proc/", "/sys/")
"""Directories whose files never touch a disk."""


def library_result(
    inference: Inference, callee: LibraryName, call: Expr | None, frame: Frame | None
) -> Values:
    """Return what a call of a library function, method or class gives."""
    catalog = inference.catalog
    special = _SPECIAL.get(callee.name)
    if special is not None and call is not None and frame is not None:
        return special(inference, callee, call, frame)
    effect = catalog.effect(callee.name)
    if effect is not None and effect.unless_first and call is not None and frame is not None and call[2]:
        given = inference.values(call[2][0], frame)
        if any(isinstance(v, Instance) and v.cls in effect.unless_first for v in given):
            return ()  # an archive in memory: its methods are not the ones that read a disk
    parsed = catalog.return_type(callee.name)
    if parsed is not None:
        return of_type(inference, parsed, callee.receiver or _class_of(callee), call, frame)
    if callee.receiver is None and catalog.is_class(callee.name):
        origin = None
        if callee.name in inference.tracked and call is not None and frame is not None:
            origin = (frame.function.module.path, call[4])
        return (Instance(callee.name, origin),) if origin is not None else library_object(callee.name)
    decorator = catalog.decorators.get(callee.name)
    if decorator is not None and call is not None and frame is not None:
        return _decorated_inline(inference, callee, decorator.effect, call, frame)
    return ()


def _decorated_inline(
    inference: Inference, callee: LibraryName, effect: str, call: Expr, frame: Frame
) -> Values:
    """`lru_cache(f)`, `sync_to_async(f)`: the function itself, marked; `retry(...)`: the decorator."""
    functions = inference.values(call[2][0], frame) if call[2] else ()
    marked = tuple(
        FunctionValue(v.function, v.receiver, v.frame, v.marks | {effect}, v.blocks)
        for v in functions
        if isinstance(v, FunctionValue)
    )
    return marked or (callee,)


def _class_of(callee: LibraryName) -> Value:
    return ClassValue(callee.name.rpartition(".")[0])


def of_type(
    inference: Inference, parsed: Type, receiver: Value | None, call: Expr | None, frame: Frame | None
) -> Values:
    """Return the values of a type of the catalog; some depend on the receiver or the arguments."""
    tag = parsed[0]
    if tag == "class":
        name = parsed[1]
        if name in ("str", "int", "bytes", "bool", "float", "object"):
            name = f"builtins.{name}"
        return library_object(inference.catalog.canonical(name))
    if tag == "self":
        cls = getattr(receiver, "cls", None)
        return (Instance(cls),) if cls is not None else ()
    if tag == "union":
        return union([of_type(inference, p, receiver, call, frame) for p in parsed[1]])
    if tag in ("list", "iterator"):
        kind = "list" if tag == "list" else "generator"
        return (Collection(kind, of_type(inference, parsed[1][0], receiver, call, frame)),)
    if tag == "tuple":
        return (Tuple(tuple(of_type(inference, p, receiver, call, frame) for p in parsed[1])),)
    if tag == "dict":
        return (Collection("dict", of_type(inference, parsed[1], receiver, call, frame)),)
    if tag == "awaitable":
        return (AwaitableOf(of_type(inference, parsed[1][-1], receiver, call, frame)),)
    if tag == "type":
        return tuple(
            ClassValue(v.cls)
            for v in of_type(inference, parsed[1], receiver, call, frame)
            if isinstance(v, Instance)
        )
    if tag in ("arg", "call", "instance") and call is not None and frame is not None:
        argument = _argument(call, parsed[1])
        values = inference.values(argument, frame) if argument is not None else ()
        if tag == "arg":
            return values
        if tag == "call":
            return union([inference.provide(v, frame) for v in values] or [()])
        return tuple(Instance(v.cls) for v in values if isinstance(v, ClassValue))
    return ()


def _argument(call: Expr, position: int | str) -> Expr | None:
    if isinstance(position, str):
        return next((value for name, value in call[3] if name == position), None)
    return call[2][position] if position < len(call[2]) else None


def _first(inference: Inference, call: Expr, frame: Frame) -> Values:
    return inference.values(call[2][0], frame) if call[2] else ()


def _collect(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    items = inference.iterated(_first(inference, call, frame), frame) if call[2] else ()
    return (Collection("list", items),)


def _dict(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    given = [v.items for v in _first(inference, call, frame) if isinstance(v, Collection)] if call[2] else []
    given += [inference.values(value, frame) for _, value in call[3]]
    return (Collection("dict", union(given) if given else ()),)


def _next(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    return inference.iterated(_first(inference, call, frame), frame)


def _same(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    return _first(inference, call, frame)


def _enumerate(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    items = inference.iterated(_first(inference, call, frame), frame)
    return (Collection("generator", (Tuple(((), items)),)),)


def _zip(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    parts = tuple(inference.iterated(inference.values(a, frame), frame) for a in call[2])
    return (Collection("generator", (Tuple(parts),)),)


def _map(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    results = [inference.result(f, None, frame) for f in _first(inference, call, frame)]
    return (Collection("generator", union(results) if results else ()),)


def _super(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    scope: Frame | None = frame
    while scope is not None and scope.receiver is None:
        scope = scope.parent
    if scope is None or scope.receiver is None or scope.function.owner is None:
        return ()
    return (Super(scope.function.owner, scope.receiver),)


def _getattr(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    from fastlint.project import members

    if len(call[2]) < 2 or call[2][1][0] != "const" or not isinstance(call[2][1][1], str):
        return ()
    name = call[2][1][1]
    base = _first(inference, call, frame)
    found = union([members.attribute(inference, v, name, frame) for v in base] or [()])
    place = ("attr", call[2][0], name, call[4])
    return found or inference.stores.elsewhere(inference, place, base, frame)


def _sessionmaker(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    """`sessionmaker(class_=AsyncSession)` makes asynchronous sessions, as SQLAlchemy 1.4 taught it."""
    given = next((value for name, value in call[3] if name == "class_"), None)
    for value in inference.values(given, frame) if given is not None else ():
        name = value.name if isinstance(value, LibraryName) else ""
        if name == ASYNC_SESSION or inference.is_subclass(value, ASYNC_SESSION):
            return (Instance("sqlalchemy.ext.asyncio.async_sessionmaker"),)
    return (Instance(callee.name),)


def _open(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    """Open a file; what the kernel makes up on reading is no file on a disk."""
    path = _first(inference, call, frame)
    if any(isinstance(v, Text) and v.text.startswith(IN_MEMORY) for v in path):
        return ()
    parsed = inference.catalog.return_type(callee.name)
    return of_type(inference, parsed, None, call, frame) if parsed is not None else ()


def _import_module(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    """`importlib.import_module("app.slow")` with a name that is known."""
    found: list[Value] = []
    for value in _first(inference, call, frame):
        if isinstance(value, Text) and not value.text.startswith("."):
            module = inference.program.find_module(frame.function.module, value.text, 0)
            found += (ModuleValue(module),) if module is not None else inference.library(value.text)
    return tuple(found)


def _cast(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    from fastlint.project.annotations import annotated_values

    target = call[2][0] if call[2] else UNKNOWN
    return annotated_values(inference, target, frame) or (
        inference.values(call[2][1], frame) if len(call[2]) > 1 else ()
    )


def _type(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    return tuple(ClassValue(v.cls) for v in _first(inference, call, frame) if isinstance(v, Instance))


def _partial(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    targets = _first(inference, call, frame)
    return tuple(Partial(target, call[2][1:], call[3], frame) for target in targets)


def _dict_get(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    items = callee.receiver.items if isinstance(callee.receiver, Collection) else ()
    default = inference.values(call[2][1], frame) if len(call[2]) > 1 else ()
    return union([items, default])


def _dict_values(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    return (Collection("list", callee.receiver.items),) if isinstance(callee.receiver, Collection) else ()


def _dict_items(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    items = callee.receiver.items if isinstance(callee.receiver, Collection) else ()
    return (Collection("list", (Tuple(((), items)),)),)


def _pop(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    return callee.receiver.items if isinstance(callee.receiver, Collection) else ()


def _closing(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    return _first(inference, call, frame)


def closes_only(inference: Inference, manager: Expr, frame: Frame) -> bool:
    """Tell whether `with` leaves what it is given as it is, and only closes it in the end: `closing(x)`."""
    if manager[0] != "call" or len(manager[2]) != 1:
        return False
    callees = inference.values(manager[1], frame)
    return bool(callees) and all(isinstance(v, LibraryName) and v.name in CLOSING for v in callees)


def _enter_context(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    from fastlint.project.evaluation import entered as enter_context

    entered = ("enter", call[2][0]) if call[2] else None
    return enter_context(inference, entered, frame) if entered is not None else ()


def _gather(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    parts = []
    for argument in call[2]:
        source = argument[1] if argument[0] == "star" else argument
        values = inference.values(source, frame)
        if argument[0] == "star":
            values = inference.iterated(values, frame)
        parts.append(union([inference.awaited(v) for v in values] or [()]))
    starred = any(a[0] == "star" for a in call[2])
    inner: Value = Collection("list", union(parts) if parts else ()) if starred else Tuple(tuple(parts))
    return (AwaitableOf((inner,)),)


def _create_task(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
    return (Instance("asyncio.Task"),)


def _offloaded(position: int) -> Callable[[Inference, LibraryName, Expr, Frame], Values]:
    def result(inference: Inference, callee: LibraryName, call: Expr, frame: Frame) -> Values:
        targets = inference.values(call[2][position], frame) if len(call[2]) > position else ()
        given = union([inference.provide(v, frame) for v in targets] or [()])
        return (AwaitableOf(given),)

    return result


CLOSING = {"contextlib.closing": "close", "contextlib.aclosing": "aclose"}
"""Context managers that call a method of what they are given when they are left."""

_SPECIAL: dict[str, Callable[[Inference, LibraryName, Expr, Frame], Values]] = {
    "builtins.list": _collect, "builtins.tuple": _collect, "builtins.set": _collect, "builtins.sorted": _collect,
    "builtins.frozenset": _collect, "builtins.reversed": _collect, "builtins.filter": _collect,
    "collections.deque": _collect, "builtins.dict": _dict, "collections.OrderedDict": _dict,
    "builtins.next": _next, "builtins.min": _next, "builtins.max": _next, "random.choice": _next,
    "builtins.open": _open, "importlib.import_module": _import_module, "sqlalchemy.orm.sessionmaker": _sessionmaker, "typing.cast": _cast, "builtins.iter": _same, "builtins.enumerate": _enumerate, "builtins.zip": _zip, "builtins.map": _map,
    "builtins.super": _super, "builtins.getattr": _getattr, "builtins.type": _type, "functools.partial": _partial, "functools.partialmethod": _same,
    "builtins.dict.get": _dict_get, "builtins.dict.setdefault": _dict_get, "builtins.dict.pop": _dict_get,
    "builtins.dict.values": _dict_values, "builtins.dict.items": _dict_items, "builtins.list.pop": _pop, "contextvars.ContextVar.get": _pop,
    "contextlib.closing": _closing, "contextlib.aclosing": _closing, "copy.copy": _same, "copy.deepcopy": _same,
    "contextlib.ExitStack.enter_context": _enter_context,
    "asyncio.gather": _gather, "asyncio.wait_for": _same, "asyncio.shield": _same,
    "asyncio.create_task": _create_task,
    "asyncio.to_thread": _offloaded(0), "fastapi.concurrency.run_in_threadpool": _offloaded(0),
    "anyio.to_thread.run_sync": _offloaded(0), "asyncio.AbstractEventLoop.run_in_executor": _offloaded(1),
}  # fmt: skip
