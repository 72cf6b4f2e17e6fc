"""Apps, routers and the routes on them, with the paths that clients see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from fastlint.facts.model import UNKNOWN, Expr
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function
from fastlint.project.values import FunctionValue, Instance, LibraryName, Partial, Text, Value, Values

ROUTERS = frozenset({
    "fastapi.FastAPI", "fastapi.APIRouter", "starlette.applications.Starlette", "starlette.routing.Router",
})  # fmt: skip
METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
BY_DECORATOR = METHODS | {"api_route", "route", "websocket", "websocket_route"}
BY_CALL = frozenset({"add_api_route", "add_route", "add_websocket_route", "add_api_websocket_route"})
REGISTERING = BY_DECORATOR | BY_CALL | {"include_router", "mount", "Route", "WebSocketRoute"}
ENDPOINT = {"add_api_route": 1, "add_route": 1, "add_websocket_route": 1, "add_api_websocket_route": 1}

NO_ROUTER: tuple[Value | None, ...] = (None,)
OF_CALLBACKS = "{$"
"""How the paths of `callbacks=` begin, which describe what the application calls and serve nothing."""


@dataclass(eq=False, slots=True)
class Route:
    """A path operation: methods, path on its router, and the function (or callable object) that serves it."""

    methods: tuple[str, ...]
    path: str
    endpoint: Value
    router: object
    """What identifies the router: where it is made; None if that is unknown."""
    call: Expr
    """The registering call: `router.get("/x", dependencies=...)`."""
    frame: Frame
    """Where the registering call is evaluated."""

    @property
    def is_websocket(self) -> bool:
        """Whether it serves a WebSocket."""
        return self.methods == ("WEBSOCKET",)


@dataclass(eq=False, slots=True)
class RouteTable:
    """All routes, and how routers are put into each other."""

    routes: list[Route] = field(default_factory=list)
    parents: dict[object, list[tuple[object, str]]] = field(default_factory=lambda: defaultdict(list))
    mounted: dict[object, list[tuple[object, str]]] = field(default_factory=lambda: defaultdict(list))
    """Where applications are mounted: they serve below a path, and inherit nothing."""
    prefixes: dict[object, str] = field(default_factory=dict)
    calls: dict[object, list[tuple[Expr, Frame]]] = field(default_factory=lambda: defaultdict(list))
    """The calls that make and include each router, and where they are evaluated."""

    def label(self, route: Route) -> str:
        """Return what a reader calls a route: "GET /users/{id}", with the prefixes of its routers."""
        methods = "|".join(route.methods)
        return f"{methods} {self._prefix(route.router, set())}{route.path}"

    def above(self, router: object) -> list[object]:
        """Return what identifies a router and the routers and applications that it is included in."""
        found = [router] if router is not None else []
        for current in found:
            found += [parent for parent, _ in self.parents.get(current, ()) if parent not in found]
        return found

    def _prefix(self, router: object, seen: set[object]) -> str:
        if router is None or router in seen:
            return ""
        seen.add(router)
        above = ""
        places = self.parents.get(router) or self.mounted.get(router)
        if places:
            parent, prefix = places[0]
            above = self._prefix(parent, seen) + prefix
        return above + self.prefixes.get(router, "")


def find_routes(inference: Inference) -> RouteTable:
    """Return the routes of the program, registered by decorator or by call."""
    table = RouteTable()
    for function in inference.program.functions_naming(REGISTERING):
        for position, decorator in enumerate(function.facts.decorators):
            _add_decorated(inference, table, function, decorator, position)
        frame: Frame | None = None
        for kind, expr, *_ in function.facts.events:
            if kind not in ("call", "drop"):
                continue
            base = expr[1]
            name = base[2] if base[0] == "attr" else ""
            if name in BY_CALL or name in ("include_router", "mount"):
                frame = frame or inference.program.generic_frame(function)
                _add_call(inference, table, name, expr, frame)
            elif base[0] == "call" and base[1][0] == "attr" and base[1][2] in BY_DECORATOR and expr[2]:
                frame = frame or inference.program.generic_frame(function)
                for endpoint in inference.values(expr[2][0], frame):
                    _add_registered(inference, table, base, endpoint, frame)
            elif name in ("Route", "WebSocketRoute") or (
                base[0] == "name" and base[1] in ("Route", "WebSocketRoute")
            ):
                frame = frame or inference.program.generic_frame(function)
                _add_starlette(inference, table, expr, frame)
    return table


def _add_decorated(
    inference: Inference, table: RouteTable, function: Function, decorator: Expr, position: int
) -> None:
    if decorator[0] != "call":
        return
    first: Expr = decorator[2][0] if decorator[2] else UNKNOWN
    if first[0] == "attr" and first[2] in BY_DECORATOR:
        # A decorator of the project around the router's own: `@protected_route(router.get, "/path")`.
        decorator = ("call", first, decorator[2][1:], decorator[3], decorator[4])
    if decorator[1][0] != "attr" or decorator[1][2] not in BY_DECORATOR:
        return
    scope = inference.defining_frame(function)
    closure = scope if scope.function.index > 0 else None
    endpoint: Value = FunctionValue(function, None, closure)
    receiver = inference.program.generic_frame(function).receiver
    if receiver is not None:
        endpoint = FunctionValue(function, receiver, closure)
    _add_registered(inference, table, decorator, endpoint, scope)


def _add_registered(
    inference: Inference, table: RouteTable, call: Expr, endpoint: Value, frame: Frame
) -> None:
    """Add the route of `router.get("/path")` applied to an endpoint."""
    owners = inference.values(call[1][1], frame)
    routers = [v for v in owners if is_router(inference, v)]
    path = _text(inference, call_argument(call, 0, "path"), frame)
    if not routers and (owners or path is None or not path.startswith("/")):
        return
    if path is not None and path.startswith(OF_CALLBACKS):
        return
    verb = call[1][2]
    methods = _methods(verb, call)
    for router in routers or NO_ROUTER:
        table.routes.append(Route(methods, path or "", endpoint, identity(router), call, frame))
        if router is not None:
            _remember_making(inference, table, router)


def _methods(verb: str, call: Expr) -> tuple[str, ...]:
    if "websocket" in verb:
        return ("WEBSOCKET",)
    if verb in METHODS:
        return (verb.upper(),)
    given = call_argument(call, None, "methods")
    if given is not None and given[0] in ("list", "tuple", "set"):
        return tuple(str(e[1]) for e in given[1] if e[0] == "const") or ("GET",)
    return ("GET",)


def _add_call(inference: Inference, table: RouteTable, name: str, call: Expr, frame: Frame) -> None:
    owners = [v for v in inference.values(call[1][1], frame) if is_router(inference, v)]
    if name in ("include_router", "mount"):
        child = call_argument(
            call, 0 if name == "include_router" else 1, "router" if name == "include_router" else "app"
        )
        prefix = call_argument(
            call, None if name == "include_router" else 0, "prefix" if name == "include_router" else "path"
        )
        text = _text(inference, prefix, frame) or ""
        for inner in inference.values(child, frame) if child is not None else ():
            if is_router(inference, inner):
                _remember_making(inference, table, inner)
                table.calls[identity(inner)].append((call, frame))
                for owner in owners:
                    _remember_making(inference, table, owner)
                    if name == "mount":
                        table.mounted[identity(inner)].append((identity(owner), text.rstrip("/")))
                    else:
                        table.parents[identity(inner)].append((identity(owner), text))
        return
    endpoint = call_argument(call, ENDPOINT[name], "endpoint")
    path = _text(inference, call_argument(call, 0, "path"), frame) or ""
    methods = _methods("websocket" if "websocket" in name else "route", call)
    for value in inference.values(endpoint, frame) if endpoint is not None else ():
        for router in owners or NO_ROUTER:
            table.routes.append(Route(methods, path, value, identity(router), call, frame))


def _add_starlette(inference: Inference, table: RouteTable, call: Expr, frame: Frame) -> None:
    """Add `Route("/path", endpoint)` as Starlette applications list them."""
    known = any(
        isinstance(v, LibraryName) and v.name.startswith("starlette.")
        for v in inference.values(call[1], frame)
    )
    endpoint = call_argument(call, 1, "endpoint")
    if not known or endpoint is None:
        return
    path = _text(inference, call_argument(call, 0, "path"), frame) or ""
    methods = _methods(
        "websocket" if "WebSocket" in str(call[1][-1]) or call[1][1] == "WebSocketRoute" else "route", call
    )
    for value in inference.values(endpoint, frame):
        table.routes.append(Route(methods, path, value, None, call, frame))


def is_router(inference: Inference, value: Value) -> bool:
    """Tell whether a value is an application or router, of FastAPI, Starlette or derived from these."""
    return isinstance(value, Instance) and any(inference.is_subclass(value, name) for name in ROUTERS)


def router_names(inference: Inference) -> set[str]:
    """Return the names by which the program may call the classes of applications and routers."""
    names = {name.rpartition(".")[2] for name in ROUTERS}
    for cls in inference.program.classes():
        if is_router(inference, Instance(cls)):
            names.add(cls.facts.name)
    return inference.program.renamed(names)


def identity(router: Value | None) -> object:
    """Return what tells a router from others: where it is made; None if that is unknown."""
    return getattr(router, "origin", None) if router is not None else None


def _remember_making(inference: Inference, table: RouteTable, router: Value) -> None:
    """Note the call that makes a router, and the prefix in it."""
    place = identity(router)
    if not isinstance(place, tuple) or place in table.prefixes:
        return
    table.prefixes[place] = ""
    path, span = place
    module = inference.program.modules.get(path)
    for function in module.functions if module is not None else ():
        for kind, expr, *_ in function.facts.events:
            if kind in ("call", "drop") and expr[4] == span:
                given = call_argument(expr, None, "prefix")
                frame = inference.program.generic_frame(function)
                table.prefixes[place] = _text(inference, given, frame) or ""
                table.calls[place].append((expr, frame))
                return


def _text(inference: Inference, expr: Expr | None, frame: Frame) -> str | None:
    if expr is None:
        return None
    if expr[0] == "binop" and expr[1] == "Add":
        left, right = _text(inference, expr[2], frame), _text(inference, expr[3], frame)
        return (left or "") + (right or "")
    values = inference.values(expr, frame)
    return next((v.text for v in values if isinstance(v, Text)), None)


def callables(inference: Inference, values: Values) -> Iterator[FunctionValue]:
    """Yield the functions that calling the values runs: through partials and callable objects."""
    from fastlint.project import members

    for value in values:
        if isinstance(value, FunctionValue):
            yield value
        elif isinstance(value, Partial):
            yield from callables(inference, (value.target,))
        elif isinstance(value, Instance):
            yield from callables(inference, members.special_method(inference, value, "__call__"))
