"""What an annotation says a value is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastlint.facts.model import Expr
from fastlint.project.program import Frame, annotation_parts
from fastlint.project.values import (
    AwaitableOf,
    ClassValue,
    Collection,
    Instance,
    LibraryName,
    Tuple,
    TypeForm,
    Values,
    library_object,
    union,
)

if TYPE_CHECKING:
    from fastlint.project.infer import Inference

SINGLE = frozenset(
    {"Optional", "ClassVar", "Final", "Required", "NotRequired", "Mapped", "InitVar", "ReadOnly"}
)
LISTS = frozenset({
    "list", "List", "set", "Set", "frozenset", "FrozenSet", "Sequence", "MutableSequence", "Collection",
    "Iterable", "Iterator", "AsyncIterable", "AsyncIterator", "Generator", "AsyncGenerator", "deque", "Deque",
    "AbstractSet", "KeysView", "ValuesView",
})  # fmt: skip
MAPS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "DefaultDict", "OrderedDict"})
AWAITABLES = frozenset({"Awaitable", "Coroutine", "Future", "Task"})
TYPING = frozenset(
    {"builtins", "typing", "typing_extensions", "collections", "types", "contextvars", "asyncio"}
)
"""Modules whose names mean to annotations what the sets here say."""
LIBRARIES = TYPING | {"sqlalchemy", "dataclasses", "pydantic"}
OPAQUE = frozenset(
    {"Any", "object", "Literal", "Callable", "TypeVar", "ParamSpec", "NoReturn", "Never", "Self"}
)


def annotated_values(inference: Inference, expr: Expr, frame: Frame, depth: int = 0) -> Values:
    """Return what an annotation, evaluated in a frame, says the value is; nothing if it says nothing."""
    if depth > 8:
        return ()
    if expr[0] == "any" or (expr[0] == "binop" and expr[1] == "BitOr"):
        parts = expr[1] if expr[0] == "any" else expr[2:4]
        return union([annotated_values(inference, part, frame, depth + 1) for part in parts])
    if expr[0] == "const":
        return _named_type(inference, expr[1], frame, depth) if isinstance(expr[1], str) else ()
    base, arguments = annotation_parts(expr)
    if arguments:
        special = _special(inference, base, arguments, frame, depth)
        if special is not None:
            return special
    found: list[Values] = []
    for value in inference.values(base, frame):
        if isinstance(value, ClassValue):
            found.append((Instance(value.cls),))
        elif isinstance(value, TypeForm):
            found.append(annotated_values(inference, value.expr, value.frame, depth + 1))
        elif isinstance(value, LibraryName):
            found.append(_library_type(inference, value.name))
        elif isinstance(value, Instance) and value.cls in ("typing.TypeVar", "typing_extensions.TypeVar"):
            found.append(inference.type_variable(base, frame))
    return union(found) if found else ()


def _named_type(inference: Inference, text: str, frame: Frame, depth: int) -> Values:
    """Return the instances of a class that is named in text: `cast("requests.Session", x)`."""
    from fastlint.project import members

    first, *rest = text.split(".")
    values = inference.lookup(frame, first, 0, 0)
    for part in rest:
        values = union([members.attribute(inference, v, part, frame) for v in values] or [()])
    found: list[Values] = []
    for value in values:
        if isinstance(value, ClassValue):
            found.append((Instance(value.cls),))
        elif isinstance(value, LibraryName):
            found.append(_library_type(inference, value.name))
        elif isinstance(value, TypeForm):
            found.append(annotated_values(inference, value.expr, value.frame, depth + 1))
    return union(found) if found else ()


def _library_type(inference: Inference, name: str) -> Values:
    last = name.rpartition(".")[2]
    if name.partition(".")[0] in TYPING:
        if last in OPAQUE:
            return ()
        if last in LISTS:
            return (Collection("list", ()),)
        if last in MAPS:
            return (Collection("dict", ()),)
    name = inference.catalog.canonical(name)
    return library_object(name) if inference.catalog.is_class(name) or name.startswith("builtins.") else ()


def _special(
    inference: Inference, base: Expr, arguments: tuple[Expr, ...], frame: Frame, depth: int
) -> Values | None:
    """Return the values for a subscripted typing form, or None if the base is an ordinary class."""
    name = base[1] if base[0] == "name" else base[2] if base[0] == "attr" else ""
    known = inference.values(base, frame)
    if known:
        meant = [
            v.name for v in known if isinstance(v, LibraryName) and v.name.partition(".")[0] in LIBRARIES
        ]
        if not meant:
            return None
        name = meant[0].rpartition(".")[2]

    def inner(index: int) -> Values:
        return annotated_values(inference, arguments[index], frame, depth + 1)

    if name == "Union":
        return union([inner(i) for i in range(len(arguments))])
    if name == "Annotated":
        provided = inference.provided_by_metadata(arguments[1:], frame)
        return provided or inner(0)
    if name in SINGLE:
        return inner(0)
    if name in ("type", "Type"):
        return tuple(ClassValue(v.cls) for v in inner(0) if isinstance(v, Instance))
    if name in ("tuple", "Tuple"):
        if len(arguments) == 2 and arguments[1] == ("lit", "object"):
            return (Collection("list", inner(0)),)
        return (Tuple(tuple(inner(i) for i in range(len(arguments)))),)
    if name in LISTS:
        return (Collection("list", inner(0)),)
    if name in MAPS:
        return (Collection("dict", inner(len(arguments) - 1)),)
    if name == "ContextVar":
        return (Collection("contextvar", inner(0)),)
    if name in AWAITABLES:
        return (AwaitableOf(inner(len(arguments) - 1)),)
    if name in OPAQUE:
        return ()
    return None
