"""FL317: A dependency pays for a thread that it does not need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastlint.application.dependencies import Injection, parameter_needs, runs_in_thread
from fastlint.application.model import Entry
from fastlint.application.overrides import overridden
from fastlint.application.routes import Route
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue, Instance
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.on_loop import getter_on_loop, on_loop
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading

MODELS = frozenset({"Query", "Header", "Cookie", "Form"})
MODELS_SINCE = "0.115"
"""The FastAPI that reads these parameters into a Pydantic model."""


@dataclass(slots=True)
class Use:
    """A provider, the edges that lead to it, and the routes that need it."""

    injection: Injection
    routes: dict[Route, None] = field(default_factory=dict)


class TrivialSyncDependency(ModelRule):
    """A dependency pays for a thread that it does not need."""

    code = "FL317"

    def find(self) -> Iterator[Finding]:
        """Look at every dependency of a route that FastAPI runs in the thread pool."""
        replaced = overridden(self.application.inference)
        for key, use in self._providers().items():
            if key in replaced or key.module.is_offline:
                continue
            if isinstance(key, ProjectClass):
                if self.application.computing.construction_only_computes(key):
                    yield self._about_class(key, use)
            elif use.injection.frame is not None and self._is_trivial(use.injection):
                yield self._about_function(key, use.injection.frame, use)

    def _providers(self) -> dict[Function | ProjectClass, Use]:
        found: dict[Function | ProjectClass, Use] = {}
        for route in self.application.routes:
            for injection in self.application.needs(route):
                key = _key(injection)
                if key is not None:
                    found.setdefault(key, Use(injection)).routes[route] = None
        return found

    def _is_trivial(self, injection: Injection) -> bool:
        frame, computing = injection.frame, self.application.computing
        if frame is None or self.application.context_variables.sets(frame):
            return False
        if computing.only_computes(frame):
            return True
        return _is_memoised(injection) and computing.reads_settings_once(frame)

    # What to say

    def _about_function(self, function: Function, frame: Frame, use: Use) -> Finding:
        facts = function.facts
        is_object = facts.name == "__call__" and function.owner is not None
        if facts.name == "<lambda>" or not facts.name:
            what, span = "A lambda", facts.span
            advice = "Name it and make it `async def`"
        elif is_object and function.owner is not None:
            what, span = f"`{function.owner.facts.name}.__call__`", heading(function)
            advice = "Write `async def __call__`"
        else:
            what, span = f"`{facts.name}`", heading(function)
            advice = f"Write `async def {facts.name}`"
            if _is_memoised(use.injection):
                advice = (
                    f"Depend on `async def {facts.name.removeprefix('get_')}_dependency(): "
                    f"return {facts.name}()`: under `lru_cache`, `async def` would keep a coroutine"
                )
            elif self._is_called(function):
                advice = (
                    f"`{facts.name}` is called elsewhere as well: depend on an `async def` that "
                    "returns what it returns"
                )
        hops = "twice (to enter and to leave)" if facts.is_generator else "once"
        return self.finding(
            frame,
            span,
            f"{what} only computes, but FastAPI hands it to the thread pool {hops} "
            f"for each request{self._served(use)}; the way there and back costs more than the work",
            advice,
            entries=self._entries(use),
            fix=self._fix(frame, use),
        )

    def _fix(self, frame: Frame, use: Use) -> FixMaker:
        if _is_memoised(use.injection):
            return getter_on_loop(self.application, frame)
        return on_loop(self.application, frame, Applicability.SAFE)

    def _about_class(self, cls: ProjectClass, use: Use) -> Finding:
        name = cls.facts.name
        row, column = cls.facts.span[:2]
        span = (row, column, row, column + len(f"class {name}".encode()))
        return self.finding(
            cls.module.functions[cls.facts.parent],
            span,
            f"FastAPI makes a `{name}` in the thread pool for each request{self._served(use)}; "
            "the way there and back costs more than the constructor",
            self._advice_for(cls, use),
            entries=self._entries(use),
            fix=_no_fix_of_class,
        )

    def _advice_for(self, cls: ProjectClass, use: Use) -> str:
        name, inference = cls.facts.name, self.application.inference
        factory = f"Depend on an `async def` that returns `{name}(...)`"
        frame = use.injection.frame
        is_model = inference.is_subclass(Instance(cls), "pydantic.BaseModel")
        if frame is not None and frame.function.facts.name == "__init__":
            if any(True for _ in parameter_needs(inference, frame.function, frame)):
                return factory
            sources = {_source(p.default) for p in frame.function.facts.parameters[1:]} - {""}
            if not frame.function.facts.parameters[1:] or len(sources) > 1:
                return factory
            source = (sources or {"Query"}).pop()
        elif is_model:
            source = "Query"
        else:
            return factory
        if source not in MODELS or not self.application.versions.is_at_least("fastapi", MODELS_SINCE):
            return factory
        first = "" if is_model else "make it a Pydantic model and "
        advice = f"{first}ask for `Annotated[{name}, {source}()]` without `Depends`"
        return advice[0].upper() + advice[1:]

    def _is_called(self, function: Function) -> bool:
        """Tell whether the program calls a dependency itself, so that it must stay as it is."""
        inference = self.application.inference
        for caller, call in inference.call_sites.named(function):
            scope = inference.program.generic_frame(caller)
            if any(
                isinstance(v, FunctionValue) and v.function is function
                for v in inference.values(call[1], scope)
            ):
                return True
        return False

    def _served(self, use: Use) -> str:
        routes = list(use.routes)
        more = f" and {len(routes) - 1} other routes" if len(routes) > 2 else ""
        more = " and one other route" if len(routes) == 2 else more
        return f" of {self.application.label(routes[0])}{more}"

    def _entries(self, use: Use) -> tuple[Entry, ...]:
        frames = [frame for route in use.routes for frame in self.application.endpoints.get(route, ())[:1]]
        found = [entry for frame in frames[:5] for entry in self.application.entries_of(frame)]
        return tuple(dict.fromkeys(e for e in found if e.kind in ("route", "websocket")))


def _no_fix_of_class(_: Files) -> Fix:
    raise NoFix(
        "the class needs a function that makes it, or has to become a model, and each `Depends` has to say so"
    )


def _key(injection: Injection) -> Function | ProjectClass | None:
    """Return what runs in the thread pool for an edge: a function of the program, or a class."""
    provider, frame = injection.need.provider, injection.frame
    if isinstance(provider, ClassValue):
        return provider.cls if isinstance(provider.cls, ProjectClass) else None
    if frame is None or frame.function.facts.is_async:
        return None
    return frame.function if isinstance(provider, Instance) or runs_in_thread(provider) else None


def _is_memoised(injection: Injection) -> bool:
    provider = injection.need.provider
    return isinstance(provider, FunctionValue) and "memoises" in provider.marks


def _source(default: Expr | None) -> str:
    """Return where a parameter is read from: "Form" for `Form(...)`, nothing if it does not say so."""
    if default is None or default[0] != "call":
        return ""
    callee = default[1]
    return str(callee[1]) if callee[0] == "name" else str(callee[2]) if callee[0] == "attr" else "?"
