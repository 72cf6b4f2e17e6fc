"""Attributes of modules, classes and objects; inheritance; what decorators make of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastlint.facts.model import Expr
from fastlint.project.program import Frame, Function, ProjectClass
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
    Suspended,
    Text,
    Tuple,
    TypeForm,
    Value,
    Values,
    library_name,
    union,
)

if TYPE_CHECKING:
    from fastlint.project.infer import Inference

OPERATORS = {
    "Add": "__add__", "Sub": "__sub__", "Mult": "__mul__", "Div": "__truediv__", "FloorDiv": "__floordiv__",
    "Mod": "__mod__", "Pow": "__pow__", "MatMult": "__matmul__", "BitAnd": "__and__", "BitOr": "__or__",
    "BitXor": "__xor__", "LShift": "__lshift__", "RShift": "__rshift__", "Eq": "__eq__", "NotEq": "__ne__",
    "Lt": "__lt__", "LtE": "__le__", "Gt": "__gt__", "GtE": "__ge__", "In": "__contains__",
    "NotIn": "__contains__",
}  # fmt: skip

MARKS = {
    "contextlib.contextmanager": "contextmanager",
    "contextlib.asynccontextmanager": "contextmanager",
    "builtins.property": "property",
    "functools.cached_property": "property",
    "builtins.staticmethod": "static",
    "builtins.classmethod": "class",
    "abc.abstractproperty": "property",
}
PROPERTIES = frozenset({"hybrid_property", "cached_property", "async_property", "computed_field"})
ABSTRACT_BASES = frozenset({"abc.ABC", "typing.Protocol", "typing_extensions.Protocol"})


def attribute(inference: Inference, value: Value, name: str, frame: Frame | None) -> Values:
    """Return what an attribute of a value can be."""
    match value:
        case Instance(cls=ProjectClass() as cls):
            return instance_attribute(inference, cls, name, value, frame)
        case Instance(cls=str() as library):
            return library_attribute(inference, library, name, value)
        case ClassValue(cls=ProjectClass() as cls):
            return class_value_attribute(inference, cls, name, value)
        case ClassValue(cls=str() as library):
            return _library_name_attribute(inference, LibraryName(library), name, frame)
        case ModuleValue(module=module):
            return inference.module_attribute(module, name) or _submodule(inference, value, name)
        case LibraryName(receiver=None):
            return _library_name_attribute(inference, value, name, frame)
        case Super(cls=cls, receiver=receiver):
            return _super_attribute(inference, cls, name, receiver)
        case Collection(kind="contextvar"):
            return (LibraryName(f"contextvars.ContextVar.{name}", value),)
        case Collection(kind=kind) if kind != "generator":
            return (LibraryName(f"builtins.{kind}.{name}", value),)
        case Tuple():
            return (LibraryName(f"builtins.tuple.{name}", value),)
        case Text():
            return (LibraryName(f"builtins.str.{name}", value),)
        case FunctionValue() if name in ("__wrapped__", "__func__", "func"):
            return (value,)
        case FunctionValue() | Partial() | Suspended() | AwaitableOf() | TypeForm():
            return ()
    return ()


def _submodule(inference: Inference, value: ModuleValue, name: str) -> Values:
    if not value.module.is_package:
        return ()
    inner = inference.program.find_module(value.module, name, 1)
    return (ModuleValue(inner),) if inner is not None else ()


def _library_name_attribute(
    inference: Inference, value: LibraryName, name: str, frame: Frame | None
) -> Values:
    catalog = inference.catalog
    full = catalog.canonical(f"{value.name}.{name}")
    if frame is not None:
        module = inference.program.find_module(frame.function.module, f"{value.name}.{name}", 0)
        if module is not None:
            return (ModuleValue(module),)
    if catalog.is_class(value.name):
        full = catalog.member(value.name, name)
    parsed = catalog.attribute_type(full)
    if parsed is not None:
        return inference.of_type(parsed, value, None, frame)
    return library_name(full)


def library_attribute(inference: Inference, cls: str, name: str, receiver: Value) -> Values:
    """Return an attribute of an object of a library class."""
    catalog = inference.catalog
    member = catalog.member(cls, name)
    parsed = catalog.attribute_type(member)
    if parsed is not None:
        return inference.of_type(parsed, receiver, None, None)
    if member not in catalog.returns and catalog.effect(member) is None and not name.startswith("__"):
        dynamic = catalog.return_type(catalog.member(cls, "__getattr__"))
        if dynamic is not None:
            return inference.of_type(dynamic, receiver, None, None)
    return (LibraryName(member, receiver),)


def instance_attribute(
    inference: Inference, cls: ProjectClass, name: str, receiver: Value, frame: Frame | None
) -> Values:
    """Return an attribute of an object of a project class: set on it, on its class, or on a base."""
    found = class_attribute(inference, cls, name, receiver)
    if found is not None:
        return found
    getter = class_attribute(inference, cls, "__getattr__", receiver) if not name.startswith("__") else None
    if getter:
        return union([inference.result(g, None, frame) for g in getter])
    return ()


def class_attribute(
    inference: Inference, cls: ProjectClass, name: str, receiver: Value, after: ProjectClass | None = None
) -> Values | None:
    """Return a member looked up along the bases, bound to the receiver; None if no class has it.

    With `after`, the search starts behind that class, as `super()` does.
    """
    bases = inference.mro(cls)
    if after is not None and after in bases:
        bases = bases[bases.index(after) + 1 :]
    for base in bases:
        if isinstance(base, str):
            if _library_has(inference, base, name):
                return library_attribute(inference, base, name, receiver)
            continue
        found = _own_attribute(inference, base, name, receiver)
        if found is not None:
            return found
    return None


def _library_has(inference: Inference, cls: str, name: str) -> bool:
    catalog = inference.catalog
    member = catalog.member(cls, name)
    known = member in catalog.returns or member in catalog.attributes or member in catalog.effects
    return known or catalog.effect(member) is not None


def _own_attribute(inference: Inference, cls: ProjectClass, name: str, receiver: Value) -> Values | None:
    bindings = cls.own(name)
    stored = inference.stores.of_class(cls, name)
    if not bindings and not stored:
        return None
    found: list[Values] = []
    if bindings:
        scope = inference.program.frame_around(cls)
        for _, _, value in bindings[-1:] if bindings[-1][2][0] == "def" else bindings:
            found += [_bind(inference, v, receiver) for v in inference.values(value, scope)]
    for function, value in stored:
        parent = function.parent
        outer = inference.program.generic_frame(parent) if parent is not None else None
        bound = (
            receiver.made_with if isinstance(receiver, Instance) and function.facts.name == "__init__" else ()
        )
        names = {parameter.name for parameter in function.facts.parameters}
        bound = tuple(pair for pair in bound if pair[0] in names)
        found.append(inference.values(value, inference.program.frame(function, outer, receiver, bound)))
    return union(found) if found else ()


def _bind(inference: Inference, value: Value, receiver: Value) -> Values:
    """Bind a member found on a class to the object or class it was looked up on."""
    if not isinstance(value, FunctionValue) or value.function.owner is None or value.receiver is not None:
        return (value,)
    if value.frame is not None and value.function.parent is not None and value.function.owner is None:
        return (value,)
    if "static" in value.marks:
        return (value,)
    if "class" in value.marks or value.function.facts.name in (
        "__new__",
        "__init_subclass__",
        "__class_getitem__",
    ):
        cls = receiver.cls if isinstance(receiver, (Instance, ClassValue)) else None
        target: Value = ClassValue(cls) if cls is not None else receiver
        return (FunctionValue(value.function, target, value.frame, value.marks, value.blocks),)
    if isinstance(receiver, ClassValue):
        return (value,)
    bound = FunctionValue(value.function, receiver, value.frame, value.marks, value.blocks)
    if "property" in value.marks:
        return inference.result(bound, None, None)
    return (bound,)


def initializer(inference: Inference, cls: ProjectClass) -> Function | None:
    """Return the `__init__` of the project that constructing a class runs, or None."""
    for base in inference.mro(cls):
        if isinstance(base, ProjectClass) and base.own("__init__"):
            return next((f for f in base.methods() if f.facts.name == "__init__"), None)
    return None


def class_value_attribute(inference: Inference, cls: ProjectClass, name: str, receiver: ClassValue) -> Values:
    """Return an attribute of a project class itself."""
    if name == "__init__":
        return ()
    found = class_attribute(inference, cls, name, receiver)
    if found is None:
        return ()
    if inference.is_subclass(receiver, "enum.Enum"):
        return tuple(Instance(cls) if isinstance(v, (Text, Instance)) else v for v in found)
    return found


def _super_attribute(inference: Inference, cls: ProjectClass, name: str, receiver: Value) -> Values:
    own = getattr(receiver, "cls", cls)
    if not isinstance(own, ProjectClass):
        return ()
    return class_attribute(inference, own, name, receiver, after=cls) or ()


def special_method(inference: Inference, value: Value, name: str) -> Values:
    """Return a special method of an object, looked up on its class."""
    if isinstance(value, Super):
        return _super_attribute(inference, value.cls, name, value.receiver)
    if not isinstance(value, Instance):
        return ()
    if isinstance(value.cls, ProjectClass):
        return class_attribute(inference, value.cls, name, value) or ()
    member = inference.catalog.member(value.cls, name)
    catalog = inference.catalog
    known = member in catalog.returns or member in catalog.effects or member in catalog.acts
    return (LibraryName(member, value),) if known else ()


def property_getter(inference: Inference, value: Value, name: str) -> FunctionValue | None:
    """Return the property function that reading an attribute of a value calls, if there is one."""
    receiver: Value = value
    after = None
    if isinstance(value, Super):
        after, receiver = value.cls, value.receiver
    if not isinstance(receiver, Instance) or not isinstance(receiver.cls, ProjectClass):
        return None
    bases = inference.mro(receiver.cls)
    if after is not None and after in bases:
        bases = bases[bases.index(after) + 1 :]
    for base in bases:
        if isinstance(base, str):
            continue
        bindings = base.own(name)
        if not bindings:
            continue
        scope = inference.program.frame_around(base)
        for _, _, binding in bindings:
            for found in inference.values(binding, scope):
                if isinstance(found, FunctionValue) and "property" in found.marks:
                    return FunctionValue(found.function, receiver, found.frame, found.marks, found.blocks)
        return None
    return None


def linearize(inference: Inference, cls: ProjectClass) -> list[ProjectClass | str]:
    """Return a class and all its bases in method resolution order (depth first, last one kept)."""
    scope = inference.program.frame_around(cls)
    order: list[ProjectClass | str] = [cls]
    for expr in cls.facts.bases:
        for base in _base_classes(inference, expr, scope):
            if isinstance(base, ProjectClass):
                order += [b for b in inference.mro(base) if b is not cls]
            else:
                order.append(base)
    kept: list[ProjectClass | str] = []
    for position, base in enumerate(order):
        if base not in order[position + 1 :]:
            kept.append(base)
    return kept


def _base_classes(inference: Inference, expr: Expr, scope: Frame) -> list[ProjectClass | str]:
    if expr[0] == "sub":
        return _base_classes(inference, expr[1], scope)
    found: list[ProjectClass | str] = []
    for value in inference.values(expr, scope):
        if isinstance(value, ClassValue):
            found.append(value.cls)
        elif isinstance(value, LibraryName):
            found.append(value.name)
        elif isinstance(value, Instance) and isinstance(value.cls, str):
            found.append(value.cls)
    return found


def is_abstract(inference: Inference, cls: ProjectClass) -> bool:
    """Tell whether a class is a protocol or declares itself abstract."""
    scope = inference.program.frame_around(cls)
    for expr in cls.facts.bases:
        if any(base in ABSTRACT_BASES for base in _base_classes(inference, expr, scope)):
            return True
    return any(name == "metaclass" for name, _ in cls.facts.keywords)


def is_extended(inference: Inference, cls: ProjectClass) -> bool:
    """Tell whether other classes of the program stand in for this one: subclasses, or it is a protocol."""
    return bool(subclasses(inference, cls)) or is_abstract(inference, cls)


def subclasses(inference: Inference, cls: ProjectClass) -> list[ProjectClass]:
    """Return the classes outside tests that derive from a class, directly or not."""
    return inference.stores.subclasses(inference).get(cls, [])


def apply_decorator(inference: Inference, decorator: Expr, values: Values, frame: Frame) -> Values:
    """Return what a decorator makes of a function; one that says nothing leaves it as it is."""
    found: list[Values] = []
    for applied in inference.values(decorator, frame) or _called(inference, decorator, frame):
        if isinstance(applied, LibraryName):
            marked = _mark(inference, applied.name, values)
            parsed = inference.catalog.return_type(applied.name) if decorator[0] != "call" else None
            made = inference.of_type(parsed, applied, None, frame) if parsed is not None else ()
            found.append((*(v for v in made if isinstance(v, Instance)), *marked))
        elif isinstance(applied, (FunctionValue, Partial)):
            found.append(_wrap(inference, applied, values, frame))
        elif isinstance(applied, ClassValue) and isinstance(applied.cls, ProjectClass):
            decorating = Instance(applied.cls)
            found.append((decorating, *values) if special_method(inference, decorating, "__call__") else ())
        elif isinstance(applied, Instance) and isinstance(applied.cls, str):
            found.append((applied, *values))
        elif isinstance(applied, Instance) and isinstance(applied.cls, ProjectClass):
            for method in special_method(inference, applied, "__call__"):
                found.append(_wrap(inference, method, values, frame))
    result = union(found) if found else ()
    if not result and decorator[0] == "attr" and decorator[2] in ("setter", "deleter", "getter"):
        return tuple(_with_mark(v, decorator[2]) for v in values)
    return result or values


def _called(inference: Inference, decorator: Expr, frame: Frame) -> Values:
    """Return the callee of `@name(...)` where the call itself gives nothing known."""
    return inference.values(decorator[1], frame) if decorator[0] == "call" else ()


def _wrap(inference: Inference, applied: Value, values: Values, frame: Frame) -> Values:
    """Call a decorator of the project with the function and return what comes back."""
    if not isinstance(applied, FunctionValue):
        return ()
    parameters = applied.function.facts.parameters[int(applied.receiver is not None) :]
    if not parameters:
        return ()
    parent = applied.frame
    if parent is None and applied.function.parent is not None:
        parent = inference.program.generic_frame(applied.function.parent)
    entered = inference.program.frame(
        applied.function, parent, applied.receiver, [(parameters[0].name, values)]
    )
    returned = inference.returned(entered)
    marks = frozenset().union(*(v.marks for v in values if isinstance(v, FunctionValue)))
    kept = marks & {"property", "static", "class"}
    callables: Values = tuple(
        v for v in returned if isinstance(v, (FunctionValue, LibraryName, Partial, Instance))
    )
    callables = _of_the_same_kind(callables, values)
    return tuple(_with_marks(v, kept) for v in callables) if kept else callables


def _of_the_same_kind(wrappers: Values, values: Values) -> Values:
    """Keep the wrappers that stand for a coroutine function, or for a plain one, as the decorated one is.

    A decorator with a wrapper for each asks `iscoroutinefunction(func)` which of them to return.
    """
    decorated = {_kind(v.function) for v in values if isinstance(v, FunctionValue)}
    kinds = {_kind(v.function) for v in wrappers if isinstance(v, FunctionValue)}
    if len(decorated) != 1 or len(kinds) < 2 or not kinds & decorated:
        return wrappers
    return tuple(v for v in wrappers if not isinstance(v, FunctionValue) or _kind(v.function) in decorated)


def _kind(function: Function) -> tuple[bool, bool]:
    return function.facts.is_async, function.facts.is_generator


def _mark(inference: Inference, name: str, values: Values) -> Values:
    catalog = inference.catalog
    name = catalog.canonical(name)
    mark = MARKS.get(name)
    decorator = catalog.decorators.get(name)
    if mark is None and name.rpartition(".")[2] in PROPERTIES:
        mark = "property"
    if mark is not None:
        values = tuple(_with_mark(v, mark) for v in values)
    if decorator is None:
        return values
    if decorator.effect in ("memoises", "offloads"):
        return tuple(_with_mark(v, decorator.effect) for v in values)
    if decorator.effect == "blocks" and decorator.blocks is not None:
        blocks = (name, decorator.blocks)
        return tuple(
            FunctionValue(v.function, v.receiver, v.frame, v.marks, blocks)
            if isinstance(v, FunctionValue) and not v.function.facts.is_async
            else v
            for v in values
        )
    return values


def _with_mark(value: Value, mark: str) -> Value:
    return _with_marks(value, frozenset({mark}))


def _with_marks(value: Value, marks: frozenset[str]) -> Value:
    if not isinstance(value, FunctionValue):
        return value
    return FunctionValue(value.function, value.receiver, value.frame, value.marks | marks, value.blocks)


def implementations(inference: Inference, method: FunctionValue) -> list[FunctionValue]:
    """Return what calling a method of an abstract class or protocol can run in its place."""
    function = method.function
    owner = function.owner
    if owner is None:
        return [method]
    stub = function.facts.is_stub or _is_abstract_method(function)
    if not stub:
        return [method]
    by_object = isinstance(method.receiver, Instance)
    known = inference.implementing.get((function, by_object))
    if known is None:
        found: dict[Function, FunctionValue] = {}
        for cls in subclasses(inference, owner) or inference.stores.conforming(inference, owner):
            receiver = Instance(cls) if by_object else ClassValue(cls)
            for value in class_attribute(inference, cls, function.facts.name, receiver) or ():
                if isinstance(value, FunctionValue) and not value.function.facts.is_stub:
                    found.setdefault(value.function, value)
        known = inference.implementing[function, by_object] = list(found.values())
    return list(known) or [method]


def _is_abstract_method(function: Function) -> bool:
    return any("abstractmethod" in d[1:3] for d in function.facts.decorators if d[0] in ("name", "attr"))
