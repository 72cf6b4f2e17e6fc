"""What each form of expression evaluates to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastlint.facts.model import Expr
from fastlint.project import members
from fastlint.project.annotations import annotated_values
from fastlint.project.bindings import final_bindings
from fastlint.project.builtin_calls import closes_only
from fastlint.project.program import Frame, Module
from fastlint.project.values import (
    AwaitableOf,
    ClassValue,
    Collection,
    Instance,
    LibraryName,
    ModuleValue,
    Suspended,
    Text,
    Tuple,
    TypeForm,
    Value,
    Values,
    known_text,
    library_object,
    union,
)

if TYPE_CHECKING:
    from fastlint.project.infer import Inference

UNTYPED = frozenset({"TypeAlias", "Final", "ClassVar"})
"""Annotations that leave it to the value what something is, if they stand alone."""
READS = frozenset({"get", "items", "pop", "popleft", "setdefault", "values"})
"""Methods that read from a container."""


def _name(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return inference.lookup(frame, expr[1], expr[2], expr[3])


def _attribute(inference: Inference, expr: Expr, frame: Frame) -> Values:
    base = inference.values(expr[1], frame)
    found = [members.attribute(inference, value, expr[2], frame) for value in base]
    result = union(found) if found else ()
    return result or inference.stores.elsewhere(inference, expr, base, frame)


def _call(inference: Inference, expr: Expr, frame: Frame) -> Values:
    found = [inference.result(callee, expr, frame) for callee in inference.values(expr[1], frame)]
    found += _stored_items(inference, expr, frame)
    return union(found) if found else ()


def _stored_items(inference: Inference, expr: Expr, frame: Frame) -> list[Values]:
    """Return what reading a container gives that was put into it elsewhere: `clients.get(name)`."""
    if expr[1][0] != "attr" or expr[1][2] not in READS:
        return []
    items = inference.stores.items(inference, expr[1][1], frame)
    if not items:
        return []
    if expr[1][2] == "items":
        return [(Collection("list", (Tuple(((), items)),)),)]
    return [(Collection("list", items),)] if expr[1][2] == "values" else [items]


def _constant(inference: Inference, expr: Expr, frame: Frame) -> Values:
    value = expr[1]
    if isinstance(value, str):
        return known_text(value)
    return () if value is None else library_object(f"builtins.{type(value).__name__}")


def _text(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return library_object("builtins.str")


def _comparison(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return library_object("builtins.bool")


def _literal(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return library_object(f"builtins.{expr[1]}")


def _await(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return union([inference.awaited(value) for value in inference.values(expr[1], frame)] or [()])


def _collection(inference: Inference, expr: Expr, frame: Frame) -> Values:
    items = [_element(inference, e, frame) for e in expr[1]]
    if expr[0] == "tuple" and len(items) <= 8 and not any(e[0] == "star" for e in expr[1]):
        return (Tuple(tuple(items)),)
    return (Collection(expr[0], union(items) if items else ()),)


def _element(inference: Inference, expr: Expr, frame: Frame) -> Values:
    if expr[0] == "star":
        return inference.iterated(inference.values(expr[1], frame), frame)
    return inference.values(expr, frame)


def _dict(inference: Inference, expr: Expr, frame: Frame) -> Values:
    parts = []
    for key, value in zip(expr[1], expr[2], strict=False):
        found = inference.values(value, frame)
        if key[0] == "unknown":  # **mapping
            found = union([v.items for v in found if isinstance(v, Collection)] or [()])
        parts.append(found)
    return (Collection("dict", union(parts) if parts else ()),)


def _generator(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return (Collection("generator", inference.values(expr[1], frame)),)


def _subscript(inference: Inference, expr: Expr, frame: Frame) -> Values:
    base = inference.values(expr[1], frame)
    found: list[Values] = []
    for value in base:
        if isinstance(value, Tuple):
            index = expr[2][1] if expr[2][0] == "const" else None
            known = isinstance(index, int) and -len(value.items) <= index < len(value.items)
            found.append(value.items[index] if known else union(list(value.items)))  # type: ignore[index]
        elif isinstance(value, Collection):
            found.append(value.items)
        elif isinstance(value, (LibraryName, TypeForm)):
            found.append((TypeForm(expr, frame),) if _is_typing(value) else (value,))
        elif isinstance(value, ClassValue):
            is_enum = inference.is_subclass(value, "enum.Enum")
            found.append((Instance(value.cls) if is_enum else value,))
        else:
            found.append(inference.dunder(value, "__getitem__", frame))
    found.append(inference.stores.items(inference, expr[1], frame))
    return union(found)


def _any(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return union([inference.values(part, frame) for part in expr[1]])


def _binary(inference: Inference, expr: Expr, frame: Frame) -> Values:
    left = inference.values(expr[2], frame)
    if expr[1] == "BitOr" and any(isinstance(v, (ClassValue, LibraryName, TypeForm)) for v in left):
        return (TypeForm(expr, frame),)
    method = members.OPERATORS.get(expr[1])
    found = []
    for value in left:
        if isinstance(value, Instance) and method:
            found.append(inference.dunder(value, method, frame))
        elif isinstance(value, (Collection, Text)):
            found.append((value,))
    if not found or not any(found):
        found += [
            inference.dunder(v, f"__r{(method or '__')[2:]}", frame) for v in inference.values(expr[3], frame)
        ]
    return union(found) if found else ()


def _function(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return inference.decorated(frame.function.module.functions[expr[1]], frame)


def _class(inference: Inference, expr: Expr, frame: Frame) -> Values:
    return (ClassValue(frame.function.module.classes[expr[1]]),)


def _import(inference: Inference, expr: Expr, frame: Frame) -> Values:
    _, name, level, attribute, _ = expr
    module = frame.function.module
    if attribute is None:
        return _module_or_library(inference, module, name, level)
    if attribute == "":
        return _module_or_library(inference, module, name.partition(".")[0], 0)
    target = inference.program.find_module(module, name, level)
    if target is not None:
        found = inference.module_attribute(target, attribute)
        if found is not None:
            return found
    submodule = f"{name}.{attribute}" if name else attribute
    inner = inference.program.find_module(module, submodule, level)
    if inner is not None:
        return (ModuleValue(inner),)
    return () if level or target is not None else _library_value(inference, f"{name}.{attribute}", frame)


def _library_value(inference: Inference, name: str, frame: Frame) -> Values:
    """Return a name imported from a library: an object if the catalog gives its type."""
    found = inference.library(name)
    parsed = inference.catalog.attribute_type(inference.catalog.canonical(name))
    return inference.of_type(parsed, found[0], None, frame) if parsed is not None else found


def _module_or_library(inference: Inference, importer: Module, name: str, level: int) -> Values:
    target = inference.program.find_module(importer, name, level)
    return (ModuleValue(target),) if target is not None else inference.library(name)


def _iterated(inference: Inference, expr: Expr, frame: Frame) -> Values:
    found = inference.iterated(inference.values(expr[1], frame), frame)
    return union([found, inference.stores.items(inference, expr[1], frame)])


def entered(inference: Inference, expr: Expr, frame: Frame) -> Values:
    """Return what `with` or `async with` binds."""
    method = "__enter__" if expr[0] == "enter" else "__aenter__"
    if closes_only(inference, expr[1], frame):
        return inference.values(expr[1], frame)
    found: list[Values] = []
    for value in inference.values(expr[1], frame):
        if isinstance(value, Suspended):
            found.append(inference.yielded(value.frame))
        elif isinstance(value, AwaitableOf):
            found.append(value.items)
        elif isinstance(value, Instance):
            entered = inference.dunder(value, method, frame)
            if method == "__aenter__":
                entered = union([inference.awaited(v) or (v,) for v in entered] or [()])
            found.append(entered or (value,))
        elif isinstance(value, (Collection, LibraryName)):
            found.append((value,))
    return union(found) if found else ()


def _item(inference: Inference, expr: Expr, frame: Frame) -> Values:
    found = []
    for value in inference.values(expr[1], frame):
        if isinstance(value, Tuple):
            found.append(value.items[expr[2]] if expr[2] < len(value.items) else ())
        else:
            found.append(inference.iterated((value,), frame))
    return union(found) if found else ()


def _instance_of(inference: Inference, expr: Expr, frame: Frame) -> Values:
    kind = expr[1]
    if kind[0] == "tuple":
        return union([_instance_of(inference, ("instance", k), frame) for k in kind[1]] or [()])
    return annotated_values(inference, kind, frame)


def _except(inference: Inference, expr: Expr, frame: Frame) -> Values:
    excluded = {getattr(v, "cls", None) for v in _instance_of(inference, ("instance", expr[2]), frame)}
    return tuple(v for v in inference.values(expr[1], frame) if getattr(v, "cls", v) not in excluded)


def _typed(inference: Inference, expr: Expr, frame: Frame) -> Values:
    if expr[2] is not None and expr[1][0] in ("name", "attr") and _last(expr[1]) in UNTYPED:
        return inference.values(expr[2], frame)
    declared = annotated_values(inference, expr[1], frame)
    if expr[2] is None or (declared and not inference.is_open(declared)):
        return declared
    return inference.values(expr[2], frame) or declared


def _member(inference: Inference, expr: Expr, frame: Frame) -> Values:
    cls = frame.function.module.classes[expr[1]]
    return union([inference.values(value, frame) for value in final_bindings(cls.own(expr[2]))])


def _within(inference: Inference, expr: Expr, frame: Frame) -> Values:
    function = frame.function.module.functions[expr[1]]
    return inference.values(expr[2], inference.program.generic_frame(function))


def _last(name: Expr) -> str:
    return str(name[2] if name[0] == "attr" else name[1])


def _is_typing(value: Value) -> bool:
    if isinstance(value, TypeForm):
        return True
    return isinstance(value, LibraryName) and value.name.partition(".")[0] in (
        "typing", "typing_extensions", "collections", "builtins", "types",
    )  # fmt: skip


HANDLERS: dict[str, Callable[[Inference, Expr, Frame], Values]] = {
    "name": _name,
    "attr": _attribute,
    "call": _call,
    "const": _constant,
    "lit": _literal,
    "text": _text,
    "compare": _comparison,
    "await": _await,
    "list": _collection,
    "tuple": _collection,
    "set": _collection,
    "dict": _dict,
    "generator": _generator,
    "sub": _subscript,
    "any": _any,
    "binop": _binary,
    "lambda": _function,
    "def": _function,
    "class": _class,
    "import": _import,
    "elem": _iterated,
    "aelem": _iterated,
    "enter": entered,
    "aenter": entered,
    "item": _item,
    "instance": _instance_of,
    "except": _except,
    "typed": _typed,
    "star": _iterated,
    "within": _within,
    "member": _member,
}
