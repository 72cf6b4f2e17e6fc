"""What is known of a program before any call is resolved: names of properties, operators, registrations."""

from __future__ import annotations

from fastlint.catalog.load import Catalog
from fastlint.facts.model import Block, Expr
from fastlint.project.infer import Inference
from fastlint.project.program import Function
from fastlint.project.values import FunctionValue


def sets(function: Function, names: set[str]) -> bool:
    """Tell whether a function sets an attribute, a global or a container of one of the names."""
    facts = function.facts
    for base, attribute, _ in facts.stores:
        holder = base[2] if base[0] == "attr" else base[1] if base[0] == "name" else ""
        if attribute in names or (attribute in ("[]", "[+]") and holder in names):
            return True
    return bool(names.intersection(facts.outer_names))


def guarding_kinds(blocks: list[Block]) -> list[frozenset[str]]:
    """Return, by block, the kinds of it and of those around it; nothing if all are branches and `for` loops."""
    if all(kind in ("", "loop") for _, kind, _ in blocks):
        return []
    found: list[frozenset[str]] = []
    for parent, kind, _ in blocks:
        found.append(found[parent] | {kind} if parent >= 0 else frozenset({kind}))
    return found


def asks_for_types(function: Function) -> bool:
    """Tell whether a function narrows a parameter by `isinstance`: what it does then depends on the caller."""
    names = {parameter.name for parameter in function.facts.parameters}
    return any(
        value[0] == "instance" for name in names for _, _, value in function.facts.bindings.get(name, ())
    )


HANDING_OVER = frozenset({
    "run", "run_until_complete", "run_forever", "create_task", "run_coroutine_threadsafe",
})  # fmt: skip
"""Names of functions that may hand a coroutine to another event loop."""


def hands_over(call: Expr) -> bool:
    """Tell cheaply whether a call may hand a coroutine to another event loop."""
    parts = (call[1], *call[2], *(value for _, value in call[3]))
    names = {part[2] if part[0] == "attr" else part[1] for part in parts if part[0] in ("attr", "name")}
    return not names.isdisjoint(HANDING_OVER)


def blocking_attributes(catalog: Catalog) -> frozenset[str]:
    """Return the names of attributes of library classes that block when they are read."""
    return frozenset(name.rpartition(".")[2] for name in catalog.attributes if name in catalog.effects)


def property_names(inference: Inference) -> frozenset[str]:
    """Return the names of decorated functions that reading or setting an attribute may run."""
    names = set()
    for function in inference.program.functions():
        if function.owner is None:
            continue
        for decorator in function.facts.decorators:
            target = decorator[1] if decorator[0] == "call" else decorator
            word = {"name": target[1:2], "attr": target[2:3]}.get(target[0], ("",))[0]
            if "property" in word or word in ("setter", "computed_field"):
                names.add(function.facts.name)
    return frozenset(names)


def registered_implementations(inference: Inference) -> dict[Function, list[Function]]:
    """Return, for each generic function of `functools.singledispatch`, what is registered with it."""
    found: dict[Function, list[Function]] = {}
    for function in inference.program.functions():
        for decorator in function.facts.decorators:
            target = decorator[1] if decorator[0] == "call" else decorator
            if target[0] != "attr" or target[2] != "register":
                continue
            scope = inference.defining_frame(function)
            generic = inference.values(target[1], scope)
            if not generic and function.owner is not None and target[1][0] == "name":
                bindings = function.owner.own(target[1][1])
                generic = tuple(v for _, _, value in bindings for v in inference.values(value, scope))
            for value in generic:
                if isinstance(value, FunctionValue):
                    found.setdefault(value.function, []).append(function)
    return found


def special_method_names(inference: Inference) -> frozenset[str]:
    """Return the operator methods that some class of the project or the catalog gives a body."""
    names = {
        f.facts.name
        for f in inference.program.functions()
        if f.owner is not None and f.facts.name.startswith("__")
    }
    names.update(name.rpartition(".")[2] for name in inference.catalog.effects if name.endswith("__"))
    return frozenset(names)


def class_attribute_names(inference: Inference) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that class bodies bind, and those that they bind to what a call gives."""
    bound: set[str] = set()
    made: set[str] = set()
    for cls in inference.program.classes():
        for name, bindings in cls.facts.bindings.items():
            bound.add(name)
            if any(value[0] == "call" for _, _, value in bindings):
                made.add(name)
    return frozenset(bound), frozenset(made)
