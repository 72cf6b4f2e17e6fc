"""Find what expressions evaluate to: demand-driven, across files, silent where nothing is known."""

from __future__ import annotations

import builtins

from fastlint.catalog.load import Catalog
from fastlint.catalog.model import Type
from fastlint.facts.model import Expr, Parameter
from fastlint.project import builtin_calls, evaluation, members
from fastlint.project.annotations import annotated_values
from fastlint.project.bindings import (
    call_argument,
    final_bindings,
    matched_arguments,
    merge_partial,
    surplus_arguments,
)
from fastlint.project.program import Frame, Function, Module, Program, ProjectClass
from fastlint.project.stores import CallIndex, StoreIndex
from fastlint.project.values import (
    DEEPEST_OBJECT,
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
    Value,
    Values,
    library_name,
    library_object,
    union,
)

BUILTINS = frozenset(dir(builtins))
DEEPEST = 120
MOST_CALL_SITES = 40
NARROWING = frozenset({"instance", "except"})
"""Bindings that say more about a name without assigning it."""


class Inference:
    """Answers what an expression can be in a frame; answers are remembered."""

    def __init__(self, program: Program, tracked: frozenset[str] = frozenset()) -> None:
        self.program = program
        self.catalog: Catalog = program.catalog
        self.tracked = tracked
        """Library classes whose objects are told apart by where they are made."""
        self.stores = StoreIndex(program)
        self.call_sites = CallIndex(program)
        self.implementing: dict[tuple[Function, bool], list[FunctionValue]] = {}
        """By abstract method, and whether it is called on an object, what may run in its place."""
        self._results: dict[Frame, Values] = {}
        self._open: dict[Function, frozenset[str]] = {}
        self._from_sites: dict[tuple[Function, str], Values] = {}
        self._decorated: dict[tuple[Function, Frame], Values] = {}
        self._mro: dict[ProjectClass, list[ProjectClass | str]] = {}
        self._busy: set[object] = set()
        self._depth = 0

    # Expressions

    def values(self, expr: Expr, frame: Frame) -> Values:
        """Return what an expression of the frame's function can evaluate to.

        Expressions live as long as the program, so their identity is a key. One that depends on itself
        is nothing while it is being worked out.
        """
        known = frame.values.get(id(expr))
        if known is not None:
            return known
        handler = evaluation.HANDLERS.get(expr[0])
        if handler is None or self._depth > DEEPEST:
            return ()
        frame.values[id(expr)] = ()
        self._depth += 1
        found = handler(self, expr, frame)
        self._depth -= 1
        frame.values[id(expr)] = found
        return found

    def awaited(self, value: Value) -> Values:
        """Return what awaiting a value gives."""
        if isinstance(value, AwaitableOf):
            return value.items
        if isinstance(value, Suspended) and value.kind == "coroutine":
            return self.returned(value.frame)
        if isinstance(value, Instance) and not isinstance(value.cls, str):
            method = members.class_attribute(self, value.cls, "__await__", value)
            return union([self.result(m, None, None) for m in method]) if method else ()
        return ()

    def library(self, name: str) -> Values:
        """Return a library name in its canonical spelling, as the only value."""
        return library_name(self.catalog.canonical(name))

    def iterated(self, values: Values, frame: Frame) -> Values:
        """Return what iterating the values yields."""
        found: list[Values] = []
        for value in values:
            if isinstance(value, Collection):
                found.append(value.items if value.kind != "dict" else ())
            elif isinstance(value, Tuple):
                found.append(union(list(value.items)))
            elif isinstance(value, Suspended):
                found.append(self.yielded(value.frame))
            elif isinstance(value, ClassValue):
                found.append((Instance(value.cls),))
            elif isinstance(value, AwaitableOf):
                found.append(self.iterated(value.items, frame))
            elif isinstance(value, Instance):
                iterator = self.dunder(value, "__iter__", frame) or self.dunder(value, "__aiter__", frame)
                iterator = tuple(v for v in iterator if v != value)
                found.append(
                    self.iterated(iterator, frame) if iterator else self.dunder(value, "__next__", frame)
                )
        return union(found) if found else ()

    # Names

    def lookup(self, frame: Frame, name: str, time: int, block: int) -> Values:
        """Return what a name can be at a point of the frame's function."""
        facts = frame.function.facts
        parameter = frame.function.parameters.get(name)
        bindings = facts.bindings.get(name)
        if bindings is not None and name not in facts.outer_names:
            reaching, dominated = frame.function.flow.reaching(name, time, block)
            if not dominated and parameter is None and all(v[0] in NARROWING for _, _, v in bindings):
                return self._outer(frame, name)  # only `isinstance` tests bind it here
            found = [self.values(value, frame) for value in reaching]
            if parameter is not None and not dominated:
                found.append(self.parameter(frame, parameter))
            return union(found)
        if parameter is not None:
            return self.parameter(frame, parameter)
        return self._outer(frame, name)

    def _outer(self, frame: Frame, name: str) -> Values:
        scope = frame.parent
        while scope is not None and scope.function.index > 0:
            facts = scope.function.facts
            if name in facts.bindings and name not in facts.outer_names:
                return union([self.values(value, scope) for value in final_bindings(facts.bindings[name])])
            parameter = scope.function.parameters.get(name)
            if parameter is not None:
                return self.parameter(scope, parameter)
            scope = scope.parent
        found = self.module_attribute(frame.function.module, name)
        if found is not None:
            return found
        return library_name(f"builtins.{name}") if name in BUILTINS else ()

    def module_attribute(self, module: Module, name: str) -> Values | None:
        """Return what a module's attribute can be, or None if it has none of that name."""
        bindings = module.facts.functions[0].bindings.get(name)
        if bindings is not None:
            return union([self.values(value, module.frame) for value in final_bindings(bindings)])
        for star, level in module.facts.stars:
            target = self.program.find_module(module, star, level)
            if target is not None and target is not module:
                key = ("star", module, name)
                if key in self._busy:
                    continue
                self._busy.add(key)
                found = self.module_attribute(target, name)
                self._busy.discard(key)
                if found is not None:
                    return found
        if module.is_package:
            inner = self.program.find_module(module, name, 1)
            if inner is not None:
                return (ModuleValue(inner),)
        return self._from_star_library(module, name) or self._from_module_getattr(module, name)

    def _from_module_getattr(self, module: Module, name: str) -> Values | None:
        """Return what a module's own `__getattr__` can give for a name."""
        for _, _, value in module.facts.functions[0].bindings.get("__getattr__", ()):
            if value[0] != "def" or name.startswith("__"):
                continue
            given = self.returned(self.program.generic_frame(module.functions[value[1]]))
            named = tuple(v for v in given if _own_name(v) == name)
            return named or (given if len(given) == 1 else ())
        return None

    def _from_star_library(self, module: Module, name: str) -> Values | None:
        for star, level in module.facts.stars:
            full = self.catalog.canonical(f"{star}.{name}")
            if not level and self.program.find_module(module, star, 0) is None and self._is_known(full):
                return library_name(full)
        return None

    def _is_known(self, name: str) -> bool:
        catalog = self.catalog
        return any(name in table for table in (catalog.effects, catalog.returns, catalog.classes))

    def defining_frame(self, function: Function) -> Frame:
        """Return the frame in which a function's decorators, defaults and annotations are evaluated."""
        parent = function.parent
        return self.program.generic_frame(parent) if parent is not None else function.module.frame

    def parameter(self, frame: Frame, parameter: Parameter) -> Values:
        """Return what a parameter can be in a frame."""
        for name, values in frame.bound:
            if name == parameter.name:
                return values
        function = frame.function
        if frame.receiver is not None and function.facts.parameters[0] is parameter:
            return frame.values.setdefault(id(parameter), (frame.receiver,))
        outer = frame.parent or self.defining_frame(function)
        declared: Values = ()
        if parameter.annotation is not None:
            declared = annotated_values(self, parameter.annotation, outer)
        if parameter.kind in ("args", "kwargs"):
            return (Collection("list" if parameter.kind == "args" else "dict", declared),)
        provided = self._provided(parameter, declared, outer)
        if provided and (not declared or self.is_vague(declared) or not _are_known(declared)):
            return self._narrowed(provided, declared)
        if declared and not self.is_open(declared) and not _are_empty(declared):
            return declared
        found = self.from_call_sites(function, parameter)
        if parameter.default is not None:
            found = union([found, self.values(parameter.default, outer)])
        return found or declared or provided

    def _narrowed(self, provided: Values, declared: Values) -> Values:
        """Return what is provided, or what is declared where that is a class derived from it."""
        classes = [v.cls for v in provided if isinstance(v, Instance)]
        for value in declared:
            own = value.cls if isinstance(value, Instance) else ""
            if isinstance(own, ProjectClass) and any(cls in self.mro(own)[1:] for cls in classes):
                return declared
        return provided

    def _provided(self, parameter: Parameter, declared: Values, outer: Frame) -> Values:
        """Return what a framework injects for the parameter, by the call that is its default."""
        default = parameter.default
        if default is None or default[0] != "call":
            return ()
        return self.provided_by_metadata((default,), outer) or (
            declared if self.is_provider(default, outer) else ()
        )

    def is_provider(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression is a call like `Depends(f)`, by the catalog."""
        if expr[0] != "call":
            return False
        return any(
            isinstance(callee, LibraryName) and self.catalog.returns.get(callee.name) == "call(0)"
            for callee in self.values(expr[1], frame)
        )

    def provided_by_metadata(self, metadata: tuple[Expr, ...], frame: Frame) -> Values:
        """Return what the first `Depends(f)` among the expressions provides."""
        for expr in metadata:
            if self.is_provider(expr, frame):
                argument = call_argument(expr, 0, "dependency")
                if argument is None:
                    return ()
                return union([self.provide(v, frame) for v in self.values(argument, frame)] or [()])
        return ()

    def provide(self, provider: Value, frame: Frame) -> Values:
        """Return what a provider gives to whoever depends on it: returned, awaited or yielded."""
        found: list[Values] = []
        for value in self.result(provider, None, frame):
            if isinstance(value, Suspended):
                values = (
                    self.returned(value.frame) if value.kind == "coroutine" else self.yielded(value.frame)
                )
                found.append(values)
            elif isinstance(value, AwaitableOf):
                found.append(value.items)
            else:
                found.append((value,))
        return union(found) if found else ()

    def from_call_sites(self, function: Function, parameter: Parameter) -> Values:
        """Return what callers anywhere in the program pass for a parameter."""
        key = (function, parameter.name)
        known = self._from_sites.get(key)
        if known is not None:
            return known
        if key in self._busy:
            return ()
        self._busy.add(key)
        found: list[Values] = []
        for caller, call in self.call_sites.named(function)[:MOST_CALL_SITES]:
            frame = self.program.generic_frame(caller)
            for callee in self.values(call[1], frame):
                argument = self.argument_for(callee, function, parameter, call)
                if argument is not None:
                    found.append(self.values(argument, frame))
        self._busy.discard(key)
        result = tuple(v for v in (union(found) if found else ()) if not isinstance(v, Text))
        self._from_sites[key] = result
        return result

    def argument_for(
        self, callee: Value, function: Function, parameter: Parameter, call: Expr
    ) -> Expr | None:
        """Return the argument that a call passes for the parameter, if it calls that function."""
        if isinstance(callee, ClassValue) and function.facts.name == "__init__":
            if isinstance(callee.cls, str) or function.owner not in self.mro(callee.cls):
                return None
            skip = 1
        elif isinstance(callee, FunctionValue) and callee.function is function:
            skip = int(callee.receiver is not None)
        else:
            return None
        position = function.facts.parameters.index(parameter) - skip
        return call_argument(call, position if parameter.kind == "positional" else None, parameter.name)

    # Definitions

    def decorated(self, function: Function, frame: Frame) -> Values:
        """Return what the name of a function is bound to, after its decorators."""
        key = (function, frame)
        known = self._decorated.get(key)
        if known is not None:
            return known
        closure = frame if frame.function.index > 0 else None
        values: Values = (FunctionValue(function, None, closure),)
        if not function.facts.decorators or key in self._busy:
            return values
        self._busy.add(key)
        for decorator in reversed(function.facts.decorators):
            values = members.apply_decorator(self, decorator, values, frame)
        self._busy.discard(key)
        self._decorated[key] = values
        return values

    def mro(self, cls: ProjectClass) -> list[ProjectClass | str]:
        """Return the class and its bases, nearest first; library bases by name."""
        known = self._mro.get(cls)
        if known is None:
            self._mro[cls] = [cls]
            known = self._mro[cls] = members.linearize(self, cls)
        return known

    def is_subclass(self, value: Value, base: str) -> bool:
        """Tell whether a class or object is, or derives from, a library class."""
        cls = getattr(value, "cls", None)
        if isinstance(cls, str):
            return self.catalog.is_subclass(cls, base)
        if isinstance(cls, ProjectClass):
            return any(isinstance(b, str) and self.catalog.is_subclass(b, base) for b in self.mro(cls))
        return False

    def is_open(self, values: Values) -> bool:
        """Tell whether values declared by an annotation may be something narrower in fact."""
        return any(
            isinstance(v, Instance) and isinstance(v.cls, ProjectClass) and members.is_extended(self, v.cls)
            for v in values
        )

    def is_vague(self, values: Values) -> bool:
        """Tell whether what a function really returns says more than these declared values."""
        if self.is_open(values):
            return True
        for value in values:
            if isinstance(value, Instance) and isinstance(value.cls, ProjectClass):
                init = members.initializer(self, value.cls)
                if init is not None and self.open_parameters(init):
                    return True
        return False

    def type_variable(self, expr: Expr, frame: Frame) -> Values:
        """Return the bound of a type variable."""
        for binding in frame.function.module.facts.functions[0].bindings.get(
            expr[2] if expr[0] == "attr" else expr[1], ()
        ):
            value = binding[2]
            if value[0] == "call":
                bound = call_argument(value, None, "bound")
                if bound is not None:
                    return annotated_values(self, bound, frame)
        return ()

    # Calls

    def result(self, callee: Value, call: Expr | None, frame: Frame | None) -> Values:
        """Return what a call gives; without a call expression, arguments are unknown."""
        match callee:
            case FunctionValue():
                return self._function_result(callee, call, frame)
            case ClassValue(cls=ProjectClass() as cls):
                return (Instance(cls, self._origin(cls, call, frame), self._made_with(cls, call, frame)),)
            case ClassValue(cls=str() as name):
                return library_object(name)
            case LibraryName():
                return builtin_calls.library_result(self, callee, call, frame)
            case Partial():
                merged = merge_partial(callee, call)
                return self.result(callee.target, merged, callee.frame)
            case Instance():
                return self.dunder(callee, "__call__", frame, call)
        return ()

    def _origin(self, cls: ProjectClass, call: Expr | None, frame: Frame | None) -> object:
        if call is None or frame is None or not self.tracked:
            return None
        if any(isinstance(b, str) and b in self.tracked for b in self.mro(cls)):
            return (frame.function.module.path, call[4])
        return None

    def _made_with(
        self, cls: ProjectClass, call: Expr | None, frame: Frame | None
    ) -> tuple[tuple[str, Values], ...]:
        """Return what the constructor is passed for parameters whose annotation leaves them open."""
        if call is None or frame is None or not (call[2] or call[3]):
            return ()
        init = members.initializer(self, cls)
        if init is None or not self.open_parameters(init):
            return ()
        bound = self._bound_arguments(init, init.facts.parameters[1:], call, frame)
        made = Instance(cls, None, tuple(bound))
        return made.made_with if made.depth <= DEEPEST_OBJECT else ()

    def _function_result(self, callee: FunctionValue, call: Expr | None, frame: Frame | None) -> Values:
        entered = self.enter(callee, call, frame)
        facts = callee.function.facts
        if "contextmanager" in callee.marks:
            return (Suspended("context", entered),)
        if facts.is_generator:
            return (Suspended("asyncgen" if facts.is_async else "generator", entered),)
        if facts.is_async:
            return (Suspended("coroutine", entered),)
        if "offloads" in callee.marks:
            return (AwaitableOf(self.returned(entered)),)
        return self.returned(entered)

    def enter(self, callee: FunctionValue, call: Expr | None, frame: Frame | None) -> Frame:
        """Return the frame of a call, telling apart what callables and open types it is passed."""
        function = callee.function
        parent = callee.frame
        if parent is None and function.parent is not None:
            parent = self.program.generic_frame(function.parent)
        bound: list[tuple[str, Values]] = []
        if call is not None and frame is not None and self.open_parameters(function) and (call[2] or call[3]):
            skip = int(callee.receiver is not None and "static" not in callee.marks)
            bound = self._bound_arguments(function, function.facts.parameters[skip:], call, frame)
        receiver = callee.receiver
        if receiver is None and call is not None and "static" not in callee.marks and _passes_all_on(call):
            receiver = self.program.generic_frame(function).receiver
        return self.program.frame(function, parent, receiver, bound)

    def _bound_arguments(
        self, function: Function, parameters: list[Parameter], call: Expr, frame: Frame
    ) -> list[tuple[str, Values]]:
        """Return the arguments of a call that tell more than the annotations of its parameters."""
        open_names = self.open_parameters(function)
        bound = []
        for parameter, argument in matched_arguments(parameters, call):
            if parameter.name in open_names:
                values = tuple(v for v in self.values(argument, frame) if _is_telling(v))
                if values:
                    bound.append((parameter.name, values))
        for parameter in parameters:
            if parameter.kind in ("args", "kwargs") and parameter.name in open_names:
                surplus = surplus_arguments(parameters, parameter.kind, call)
                values = union([self.values(argument, frame) for argument in surplus] or [()])
                callables = tuple(v for v in values if isinstance(v, (FunctionValue, Partial)))
                if callables:
                    kind = "list" if parameter.kind == "args" else "dict"
                    bound.append((parameter.name, (Collection(kind, callables),)))
        return bound

    def open_parameters(self, function: Function) -> frozenset[str]:
        """Return the parameters whose annotation does not settle what they are."""
        known = self._open.get(function)
        if known is None:
            self._open[function] = frozenset(p.name for p in function.facts.parameters)
            outer = self.defining_frame(function)
            names = []
            for parameter in function.facts.parameters:
                declared = annotated_values(self, parameter.annotation, outer) if parameter.annotation else ()
                if not declared or self.is_open(declared) or _are_empty(declared):
                    names.append(parameter.name)
            known = self._open[function] = frozenset(names)
        return known

    def returned(self, frame: Frame) -> Values:
        """Return what a function returns (for a coroutine function: what awaiting it gives)."""
        known = self._results.get(frame)
        if known is not None:
            return known
        key = ("returned", frame)
        if key in self._busy or self._depth > DEEPEST:
            return ()
        self._busy.add(key)
        self._depth += 1
        found = self._declared(frame)
        if not found or self.is_vague(found):
            facts = frame.function.facts
            found = union([self.values(value, frame) for value in facts.returns] or [()]) or found
        self._depth -= 1
        self._busy.discard(key)
        self._results[frame] = found
        return found

    def _declared(self, frame: Frame) -> Values:
        """Return what the annotation of a function says that it returns."""
        annotation = frame.function.facts.returns_annotation
        if annotation is None:
            return ()
        if "Self" in annotation[1:3] and isinstance(frame.receiver, (Instance, ClassValue)):
            return (Instance(frame.receiver.cls),)
        return annotated_values(self, annotation, frame.parent or self.defining_frame(frame.function))

    def yielded(self, frame: Frame) -> Values:
        """Return what a generator yields."""
        key = ("yielded", frame)
        if key in self._busy or self._depth > DEEPEST:
            return ()
        self._busy.add(key)
        self._depth += 1
        found = union([self.values(value, frame) for value in frame.function.facts.yields] or [()])
        if not found:
            found = union([v.items for v in self._declared(frame) if isinstance(v, Collection)] or [()])
        self._depth -= 1
        self._busy.discard(key)
        return found

    def dunder(self, value: Value, name: str, frame: Frame | None, call: Expr | None = None) -> Values:
        """Return what calling a special method of a value gives."""
        if not isinstance(value, (Instance, Super)):
            return ()
        methods = members.special_method(self, value, name)
        return union([self.result(m, call, frame) for m in methods]) if methods else ()

    def of_type(self, parsed: Type, receiver: Value | None, call: Expr | None, frame: Frame | None) -> Values:
        """Return the values of a type of the catalog, for a call of a method of the receiver."""
        return builtin_calls.of_type(self, parsed, receiver, call, frame)


def _is_telling(value: Value) -> bool:
    """Tell whether an argument is worth a frame of its own."""
    if isinstance(value, Instance):
        return not (isinstance(value.cls, str) and value.cls.startswith("builtins."))
    kinds = (FunctionValue, ClassValue, LibraryName, Partial, Suspended, Collection, Tuple)
    return isinstance(value, kinds)


def _own_name(value: Value) -> str:
    """Return the name that a class or function was defined with."""
    if isinstance(value, ClassValue) and isinstance(value.cls, ProjectClass):
        return value.cls.facts.name
    return value.function.facts.name if isinstance(value, FunctionValue) else ""


def _passes_all_on(call: Expr) -> bool:
    """Tell whether a call hands on whatever its function was given, as wrappers do: `func(*args, **kwargs)`."""
    return bool(call[2]) and bool(call[2][0][0] == "star")


def _are_empty(values: Values) -> bool:
    """Tell whether values are containers about whose items nothing is known."""
    return any(isinstance(v, Collection) and not v.items for v in values)


def _are_known(values: Values) -> bool:
    return any(isinstance(v, (Instance, Collection, ClassValue)) for v in values)
