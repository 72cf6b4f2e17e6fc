"""Find what the server runs: routes, dependencies, middleware, handlers, validators, tasks, events."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from fastlint.application.dependencies import DependencyGraph, Need, listed_needs, parameter_needs
from fastlint.application.model import LOOP, STARTUP, THREAD, Entry
from fastlint.application.routes import Route, RouteTable, callables, find_routes, identity, is_router
from fastlint.application.validators import ModelReader
from fastlint.facts.model import UNKNOWN, Expr
from fastlint.project.annotations import annotated_values
from fastlint.project.bindings import call_argument
from fastlint.project.calls import RESPONSE, CallResolver
from fastlint.project.infer import Inference
from fastlint.project.members import special_method
from fastlint.project.program import Frame, Function, ProjectClass
from fastlint.project.values import ClassValue, Collection, FunctionValue, Instance, Suspended, Values

MIDDLEWARE = "starlette.middleware.base.BaseHTTPMiddleware"
ROUTE_CLASSES = ("fastapi.routing.APIRoute", "starlette.routing.Route")
RESOLVERS = frozenset({
    "strawberry.field", "strawberry.mutation", "strawberry.subscription", "strawberry.type.field",
})  # fmt: skip
BACKGROUND = frozenset({
    "fastapi.BackgroundTasks", "starlette.background.BackgroundTasks", "starlette.background.BackgroundTask",
})  # fmt: skip
STARTUP_KEYWORDS = ("lifespan", "on_startup", "on_shutdown")
KEYWORDS = frozenset({*STARTUP_KEYWORDS, "dependencies", "default_response_class", "resolver"})


class EntryFinder:
    """Collects the entry points of a program, each once."""

    def __init__(self, inference: Inference, resolver: CallResolver) -> None:
        self.inference = inference
        self.models = ModelReader(inference, resolver)
        self.resolver = resolver
        self.table: RouteTable = find_routes(inference)
        self.entries: dict[tuple[Frame, str, str], Entry] = {}
        self.dependencies = DependencyGraph()
        self.endpoints: dict[Route, list[Frame]] = {}
        """The calls that serve each route."""
        self._injected: set[Frame] = set()

    def find(self) -> list[Entry]:
        """Return every entry point."""
        for route in self.table.routes:
            self._add_route(route)
        registering = set(self.inference.program.functions_naming(REGISTERING))
        for function in self.inference.program.functions():
            self._scan_decorators(function)
            if function in registering:
                self._scan_calls(function)
                self._scan_overrides(function)
        for cls in self.inference.program.classes():
            self._scan_class(cls)
        return list(self.entries.values())

    def _add(
        self, kind: str, label: str, frame: Frame, *, phase: str = "request", sync_on_loop: bool = False
    ) -> None:
        on_loop = sync_on_loop or frame.function.facts.is_async or self._wraps_coroutine(frame)
        entry = Entry(kind, label, frame, LOOP if on_loop else THREAD, phase)
        self.entries.setdefault((frame, kind, entry.runs_on), entry)

    def _wraps_coroutine(self, frame: Frame) -> bool:
        """Tell whether `functools.wraps` makes a plain function pass for the coroutine function in it.

        FastAPI 0.165: fastapi/dependencies/models.py, Dependant.is_coroutine_callable.
        """
        outer = frame.parent or self.inference.defining_frame(frame.function)
        for decorator in frame.function.facts.decorators:
            if decorator[0] == "call" and decorator[2]:
                names = {getattr(v, "name", "") for v in self.inference.values(decorator[1], outer)}
                if "functools.wraps" in names:
                    wrapped = self.inference.values(decorator[2][0], outer)
                    return any(isinstance(v, FunctionValue) and v.function.facts.is_async for v in wrapped)
        return False

    def _frame(self, value: FunctionValue) -> Frame:
        return self.inference.enter(value, None, None)

    # Routes and what they bring with them

    def _add_route(self, route: Route) -> None:
        label = self.table.label(route)
        kind = "websocket" if route.is_websocket else "route"
        for function in callables(self.inference, (route.endpoint,)):
            frame = self._frame(function)
            self._add(kind, label, frame)
            self._add_wrapper(route, function, label)
            self.endpoints.setdefault(route, []).append(frame)
            self._add_injected(function.function, frame, label)
            self._add_models(route, function, frame, label)
        for need in listed_needs(self.inference, route.call, route.frame):
            self._add_provider(need, route, label)
        if isinstance(route.endpoint, ClassValue) and isinstance(route.endpoint.cls, ProjectClass):
            for method in route.endpoint.cls.methods():
                self._add(kind, label, self.inference.program.generic_frame(method))

    def _add_wrapper(self, route: Route, function: FunctionValue, label: str) -> None:
        """A plain wrapper around an `async def` route runs on the event loop: FastAPI looks through it.

        What returns a function is a decorator that waits for its function. FastAPI 0.165:
        fastapi/dependencies/models.py, Dependant.is_coroutine_callable.
        """
        frame = self.inference.defining_frame(function.function)
        is_async = function.function.facts.is_async
        for value in self.inference.decorated(function.function, frame):
            if isinstance(value, FunctionValue) and value.function is not function.function:
                wrapper = self._frame(value)
                if not any(isinstance(v, FunctionValue) for v in self.inference.returned(wrapper)):
                    self._add("route", label, wrapper, sync_on_loop=is_async)

    def _add_response_class(self, call: Expr, frame: Frame, label: str) -> None:
        """The class that renders a response does so on the event loop, for `def` routes as well.

        FastAPI 0.165: fastapi/routing.py, get_request_handler.
        """
        for keyword in ("response_class", "default_response_class"):
            given = call_argument(call, None, keyword)
            for value in self.inference.values(given, frame) if given is not None else ():
                if isinstance(value, ClassValue) and isinstance(value.cls, ProjectClass):
                    self._add_methods(value.cls, ("render", "__init__"), "response class", label)

    def _add_models(self, route: Route, function: FunctionValue, frame: Frame, label: str) -> None:
        for validator in self.models.request(function.function, frame):
            self._add(
                "validator", f"{validator.function.facts.name} of {label}", validator, sync_on_loop=True
            )
        if not self._makes_response(frame):
            self._add_response_class(route.call, route.frame, label)
        response = call_argument(route.call, None, "response_model")
        annotation, scope = response, route.frame
        if annotation is None:
            annotation = function.function.facts.returns_annotation
            scope = frame.parent or self.inference.defining_frame(function.function)
        is_typed = annotation is not None and annotation != ("const", None)
        if annotation is not None and is_typed:
            models = annotated_values(self.inference, annotation, scope)
        else:
            models = self.inference.returned(frame)
        on_loop = function.function.facts.is_async
        is_valid = self._returns_only(models, frame)
        for validator in self.models.validators(models, is_valid=is_valid) if is_typed else ():
            self._add(
                "validator", f"{validator.function.facts.name} of {label}", validator, sync_on_loop=on_loop
            )
        streams = function.function.facts.is_generator and not on_loop
        for serializer in () if streams else self.models.serializers(models):
            self._add(
                "serializer", f"{serializer.function.facts.name} of {label}", serializer, sync_on_loop=True
            )

    def _returns_only(self, models: Values, frame: Frame) -> bool:
        """Tell whether a route returns objects of its response model, and nothing that becomes one."""
        returned = [self.inference.values(value, frame) for value in frame.function.facts.returns]
        return bool(returned) and all(values and all(v in models for v in values) for values in returned)

    def _makes_response(self, frame: Frame) -> bool:
        """Tell whether a route returns a response object itself, so that no class is asked to render."""
        returned = [self.inference.values(value, frame) for value in frame.function.facts.returns]
        return bool(returned) and all(
            values and all(self.inference.is_subclass(v, RESPONSE) for v in values) for values in returned
        )

    def _add_injected(self, function: Function, frame: Frame, label: str) -> None:
        if frame in self._injected:
            return
        self._injected.add(frame)
        for need in parameter_needs(self.inference, function, frame):
            self._add_provider(need, frame, label)

    def _add_provider(self, need: Need, user: Hashable, label: str) -> None:
        """Add a dependency of the user (a route, router or dependency), and what it depends on in turn."""
        provider = need.provider
        frames: list[Frame] = []
        if isinstance(provider, ClassValue) and isinstance(provider.cls, ProjectClass):
            for frame in self.resolver.construction(provider.cls):
                self._add("dependency", provider.cls.facts.name, frame)
                frames.append(frame)
                if frame.function.facts.name == "__init__":
                    self._add_injected(frame.function, frame, label)
        else:
            for function in callables(self.inference, (provider,)):
                frame = self._frame(function)
                self._add("dependency", function.function.facts.name, frame)
                frames.append(frame)
                self._add_injected(function.function, frame, label)
                for validator in self.models.request(function.function, frame):
                    self._add(
                        "validator",
                        f"{validator.function.facts.name} of {label}",
                        validator,
                        sync_on_loop=True,
                    )
        for found in frames or (None,):
            self.dependencies.add(user, need, found)

    # Decorators: handlers, middleware, events

    def _scan_decorators(self, function: Function) -> None:
        if RESOLVERS.intersection(self.resolver.decorator_names(function)):
            frame = self.inference.program.generic_frame(function)
            self._add("resolver", function.facts.name, frame, sync_on_loop=True)
        for decorator in function.facts.decorators:
            if decorator[0] != "call" or decorator[1][0] != "attr":
                continue
            name = decorator[1][2]
            if name not in ("exception_handler", "middleware", "on_event"):
                continue
            scope = self.inference.defining_frame(function)
            owners = self.inference.values(decorator[1][1], scope)
            if owners and not any(is_router(self.inference, v) for v in owners):
                continue
            self._add_hook(name, decorator, self.inference.program.generic_frame(function))

    def _add_hook(self, name: str, call: Expr, frame: Frame) -> None:
        label = frame.function.facts.name
        if name == "exception_handler":
            self._add("exception handler", label, frame)
        elif name == "middleware":
            self._add("middleware", label, frame)
        else:
            self._add("startup handler", label, frame, phase=STARTUP, sync_on_loop=True)

    # Calls: registration, background tasks, applications

    def _scan_calls(self, function: Function) -> None:
        frame: Frame | None = None
        for kind, expr, *_ in function.facts.events:
            if kind not in ("call", "drop"):
                continue
            base = expr[1]
            name = base[2] if base[0] == "attr" else base[1] if base[0] == "name" else ""
            if (
                base[0] == "call"
                and base[1][0] == "attr"
                and base[1][2] in ("middleware", "exception_handler")
            ):
                frame = frame or self.inference.program.generic_frame(function)
                self._each(expr, 0, "func", frame, base[1][2].replace("_", " "))
            handler = _CALLS.get(name)
            if handler is not None or any(key in KEYWORDS for key, _ in expr[3]):
                frame = frame or self.inference.program.generic_frame(function)
                if handler is not None:
                    handler(self, expr, frame)
                self._scan_keywords(expr, frame)

    def _scan_overrides(self, function: Function) -> None:
        """`app.dependency_overrides[get_user] = get_test_user`."""
        for base, name, value in function.facts.stores:
            if name == "[]" and base[0] == "attr" and base[2] == "dependency_overrides":
                frame = self.inference.program.generic_frame(function)
                for provider in self.inference.values(value, frame):
                    self._add_provider(Need(provider, UNKNOWN, frame), None, "an override")

    def _on_update(self, call: Expr, frame: Frame) -> None:
        """`app.dependency_overrides.update({get_user: get_test_user})`."""
        base = call[1]
        if base[0] == "attr" and base[1][0] == "attr" and base[1][2] == "dependency_overrides" and call[2]:
            for table in self.inference.values(call[2][0], frame):
                for provider in table.items if isinstance(table, Collection) else ():
                    self._add_provider(Need(provider, UNKNOWN, frame), None, "an override")

    def _scan_keywords(self, call: Expr, frame: Frame) -> None:
        """`FastAPI(lifespan=..., dependencies=[...])`, `include_router(..., dependencies=[...])`."""
        for need in listed_needs(self.inference, call, frame):
            for router in self._routers_of(call, frame) or (None,):
                self._add_provider(need, router, "every route of the router")
        self._add_response_class(call, frame, "every route of the application")
        if any(getattr(v, "name", "") in RESOLVERS for v in self.inference.values(call[1], frame)):
            self._each(call, None, "resolver", frame, "resolver", sync_on_loop=True)
        for keyword in STARTUP_KEYWORDS:
            given = call_argument(call, None, keyword)
            if given is None:
                continue
            values = self.inference.values(given, frame)
            if given[0] in ("list", "tuple"):
                values = self.inference.iterated(values, frame)
            for value in callables(self.inference, values):
                entered = self._frame(value)
                self._add(
                    keyword.replace("_", " "),
                    entered.function.facts.name,
                    entered,
                    phase=STARTUP,
                    sync_on_loop=True,
                )

    def _routers_of(self, call: Expr, frame: Frame) -> list[object]:
        """Return what identifies the routers that a call makes, or that `include_router` is given."""
        if call[1][0] == "attr" and call[1][2] == "include_router":
            given = call_argument(call, 0, "router")
            values = self.inference.values(given, frame) if given is not None else ()
        else:
            values = self.inference.values(call, frame)
        return [identity(v) for v in values if is_router(self.inference, v) and identity(v) is not None]

    def _on_event_handler(self, call: Expr, frame: Frame) -> None:
        self._each(call, 1, "func", frame, "startup handler", phase=STARTUP, sync_on_loop=True)

    def _on_exception_handler(self, call: Expr, frame: Frame) -> None:
        self._each(call, 1, "handler", frame, "exception handler")

    def _on_middleware_call(self, call: Expr, frame: Frame) -> None:
        """`app.add_middleware(BaseHTTPMiddleware, dispatch=f)` and `app.middleware("http")(f)`."""
        self._each(call, None, "dispatch", frame, "middleware")
        given = call_argument(call, 0, "middleware_class")
        for value in self.inference.values(given, frame) if given is not None else ():
            if isinstance(value, ClassValue) and isinstance(value.cls, ProjectClass):
                for made in self.resolver.construction(value.cls):
                    self._add("middleware", value.cls.facts.name, made, phase=STARTUP, sync_on_loop=True)

    def _on_stream(self, call: Expr, frame: Frame) -> None:
        """A plain iterator is asked for its items in the thread pool, one by one.

        Starlette 1.10: starlette/responses.py, StreamingResponse.__init__; starlette/concurrency.py,
        iterate_in_threadpool.
        """
        given = call_argument(call, 0, "content")
        for value in self.inference.values(given, frame) if given is not None else ():
            if isinstance(value, Suspended) and not value.frame.function.facts.is_async:
                self._add("stream", value.frame.function.facts.name, value.frame)
            elif isinstance(value, Instance):
                for name in ("__iter__", "__next__"):
                    for method in special_method(self.inference, value, name):
                        if isinstance(method, FunctionValue):
                            on_loop = name == "__iter__" and not method.function.facts.is_generator
                            self._add(
                                "stream", method.function.label, self._frame(method), sync_on_loop=on_loop
                            )

    def _on_background(self, call: Expr, frame: Frame) -> None:
        base = call[1]
        owners = self.inference.values(base[1] if base[0] == "attr" else base, frame)
        known = [v.cls if isinstance(v, Instance) else getattr(v, "name", "") for v in owners]
        if any(name in BACKGROUND for name in known) or (not owners and base[0] == "attr"):
            self._each(call, 0, "func", frame, "background task")

    def _each(
        self,
        call: Expr,
        position: int | None,
        keyword: str,
        frame: Frame,
        kind: str,
        *,
        phase: str = "request",
        sync_on_loop: bool = False,
    ) -> None:
        given = call_argument(call, position, keyword)
        for value in (
            callables(self.inference, self.inference.values(given, frame)) if given is not None else ()
        ):
            entered = self._frame(value)
            self._add(kind, entered.function.facts.name, entered, phase=phase, sync_on_loop=sync_on_loop)

    # Classes that the framework calls into

    def _scan_class(self, cls: ProjectClass) -> None:
        value = Instance(cls)
        if self.inference.is_subclass(value, MIDDLEWARE):
            self._add_methods(cls, ("dispatch",), "middleware")
        elif any(self.inference.is_subclass(value, name) for name in ROUTE_CLASSES):
            self._add_methods(cls, ("get_route_handler",), "route class")
        elif _is_asgi(cls):
            self._add_methods(cls, ("__call__",), "middleware")

    def _add_methods(self, cls: ProjectClass, names: tuple[str, ...], kind: str, label: str = "") -> None:
        for method in cls.methods():
            if method.facts.name in names:
                frame = self.inference.program.generic_frame(method)
                self._add(kind, label or cls.facts.name, frame, sync_on_loop=True)


def _is_asgi(cls: ProjectClass) -> bool:
    """Tell whether a class looks like ASGI middleware: `async def __call__(self, scope, receive, send)`."""
    return any(
        m.facts.name == "__call__"
        and [p.name for p in m.facts.parameters[1:]] == ["scope", "receive", "send"]
        for m in cls.methods()
    )


_CALLS: dict[str, Callable[[EntryFinder, Expr, Frame], None]] = {
    "update": EntryFinder._on_update,
    "add_event_handler": EntryFinder._on_event_handler,
    "add_exception_handler": EntryFinder._on_exception_handler,
    "add_middleware": EntryFinder._on_middleware_call,
    "add_task": EntryFinder._on_background,
    "BackgroundTask": EntryFinder._on_background,
    "StreamingResponse": EntryFinder._on_stream,
    "EventSourceResponse": EntryFinder._on_stream,
    "iterate_in_threadpool": EntryFinder._on_stream,
    "contextmanager_in_threadpool": EntryFinder._on_stream,
}
REGISTERING = frozenset({*_CALLS, *KEYWORDS, "middleware", "exception_handler", "dependency_overrides"})
"""Names, one of which everything has that `EntryFinder` looks for in bodies."""
