"""Whether a value is the same for every request: constants, settings, and what is made of them alone."""

from __future__ import annotations

from fastlint.application.contexts import Application
from fastlint.application.dependencies import Need, parameter_needs
from fastlint.facts.model import Expr, Parameter
from fastlint.facts.structure import children
from fastlint.project.bindings import matched_arguments
from fastlint.project.calls import Site
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue, LibraryName

DEEPEST = 6
MOST_CALLERS = 12
SETTINGS = ("pydantic_settings.BaseSettings", "pydantic.BaseSettings", "starlette.config.Config")
PER_REQUEST = frozenset({"contextvars.ContextVar.get"})
"""Library calls whose answer belongs to the request."""


class Origins:
    """Follows values back to where they come from: through names, parameters, callers and attributes.

    What is awaited is data that can change, and what cannot be followed to its end counts as different for each request.
    """

    def __init__(self, application: Application) -> None:
        self.application = application
        self.inference = application.inference
        self._parameters: dict[tuple[Frame, str], bool] = {}
        self._attributes: dict[tuple[object, str], bool] = {}
        self._endpoints = {entry.frame.function for entry in application.entries if entry.kind != "lifespan"}

    def is_same(self, expr: Expr, frame: Frame, depth: int = 0) -> bool:
        """Tell whether an expression gives every request the same."""
        tag = expr[0]
        if depth > DEEPEST or tag in ("unknown", "elem", "aelem", "await"):
            return False
        if tag == "name":
            return self._is_same_name(str(expr[1]), frame, depth)
        if tag == "attr":
            return self._is_same_attribute(expr, frame, depth)
        if tag == "call" and any(
            isinstance(callee, LibraryName) and callee.name in PER_REQUEST
            for callee in self.inference.values(expr[1], frame)
        ):
            return False
        return all(self.is_same(part, frame, depth) for part in children(expr))

    def _is_same_name(self, name: str, frame: Frame, depth: int) -> bool:
        function = frame.function
        if function.index == 0 or name in function.facts.outer_names:
            return True
        parameter = function.parameters.get(name)
        bindings = function.facts.bindings.get(name, [])
        values = [value for _, _, value in bindings if value != ("name", name)]
        if parameter is None and not values:
            if function.parent is None:
                return True
            return self._is_same_name(name, frame.parent or self._generic(function.parent), depth)
        return all(self.is_same(value, frame, depth + 1) for value in values) and (
            parameter is None or self._is_same_parameter(function, parameter, frame, depth)
        )

    def _is_same_attribute(self, expr: Expr, frame: Frame, depth: int) -> bool:
        base, name = expr[1], str(expr[2])
        if name in ("app", "state") and base[0] in ("attr", "name"):
            return name == "app" or self.is_same(base, frame, depth)
        owner = frame.function.owner
        first = frame.function.facts.parameters[0].name if frame.function.facts.parameters else ""
        if owner is None or base[0] != "name" or base[1] != first:
            return self.is_same(base, frame, depth)
        key = (owner, name)
        if key not in self._attributes:
            self._attributes[key] = False  # what depends on itself
            self._attributes[key] = self._is_same_member(owner, name, depth)
        return self._attributes[key]

    def _is_same_member(self, owner: ProjectClass, name: str, depth: int) -> bool:
        """Tell whether all that an attribute is set to, or its property returns, is the same for every request."""
        is_found = False
        for base in self.inference.mro(owner):
            if not isinstance(base, ProjectClass):
                is_found = is_found or base in SETTINGS
                continue
            for method, value in self.inference.stores.of_class(base, name):
                is_found = True
                if not self.is_same(value, self._generic(method), depth + 1):
                    return False
            scope = self._generic(base.module.functions[base.facts.parent])
            for _, _, value in base.own(name):
                given = value[2] if value[0] == "typed" else value
                if given is None:
                    continue  # a field, to be set by whoever makes the object
                is_found = True
                if given[0] == "def":
                    getter = base.module.functions[given[1]]
                    parts = [(part, self._generic(getter)) for part in getter.facts.returns]
                else:
                    parts = [(given, scope)]
                if not all(self.is_same(part, frame, depth + 1) for part, frame in parts):
                    return False
        return is_found

    def _is_same_parameter(self, function: Function, parameter: Parameter, frame: Frame, depth: int) -> bool:
        key = (frame, parameter.name)
        if key not in self._parameters:
            self._parameters[key] = False
            self._parameters[key] = self._follow(function, parameter, frame, depth)
        return self._parameters[key]

    def _follow(self, function: Function, parameter: Parameter, frame: Frame, depth: int) -> bool:
        """Follow a parameter to what FastAPI injects, or to what the callers pass."""
        if function.owner is not None and function.facts.parameters[0] is parameter:
            return True
        needs = [n for n in parameter_needs(self.inference, function, frame) if n.parameter == parameter.name]
        if needs:
            return all(self._is_same_need(need, depth) for need in needs)
        if function in self._endpoints:
            return False
        sites = self.application.calls_of(frame)
        if sites:
            return all(self._passes_same(site, frame, parameter, depth) for site in sites)
        found = 0
        for caller, call in self.inference.call_sites.named(function)[:MOST_CALLERS]:
            outer = self._generic(caller)
            for callee in self.inference.values(call[1], outer):
                if not self._calls(callee, function):
                    continue
                found += 1
                argument = self.inference.argument_for(callee, function, parameter, call) or parameter.default
                if argument is None or not self.is_same(argument, outer, depth + 1):
                    return False
        return found > 0

    def _passes_same(self, site: Site, frame: Frame, parameter: Parameter, depth: int) -> bool:
        """Tell whether a call of the request path passes the same each time, or leaves it to the default."""
        call, parameters = site.event[1], frame.function.facts.parameters
        if site.event[0] not in ("call", "drop") or any(argument[0] == "star" for argument in call[2]):
            return False
        if any(name is None for name, _ in call[3]):
            return False
        for found, argument in matched_arguments(parameters[int(frame.receiver is not None) :], call):
            if found is parameter:
                return self.is_same(argument, site.frame, depth + 1)
        return parameter.default is not None and self.is_same(parameter.default, site.frame, depth + 1)

    def _calls(self, callee: object, function: Function) -> bool:
        if isinstance(callee, ClassValue):
            is_owner = not isinstance(callee.cls, str) and function.owner in self.inference.mro(callee.cls)
            return function.facts.name == "__init__" and is_owner
        return isinstance(callee, FunctionValue) and callee.function is function

    def _is_same_need(self, need: Need, depth: int) -> bool:
        """Tell whether a dependency provides the same to every request: settings, or what is made of them."""
        provider = need.provider
        if isinstance(provider, ClassValue):
            return any(self.inference.is_subclass(provider, base) for base in SETTINGS)
        if not isinstance(provider, FunctionValue):
            return False
        if "memoises" in provider.marks:
            return True
        frame = self._generic(provider.function)
        return all(
            self._is_same_parameter(provider.function, parameter, frame, depth + 1)
            for parameter in provider.function.facts.parameters
        )

    def _generic(self, function: Function) -> Frame:
        return self.inference.program.generic_frame(function)


def arguments(call: Expr) -> list[tuple[str, Expr]]:
    """Return the arguments of a call with their names; those given by position have none."""
    given = [("", argument) for argument in call[2]]
    return given + [(name or "**", value) for name, value in call[3]]
