"""What starts and stops applications: lifespans, start-up handlers, and who is mounted into whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fastlint.application.routes import identity, is_router, router_names
from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import last_name
from fastlint.project.bindings import call_argument, matched_arguments
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, Function
from fastlint.project.values import Instance, Value, Values

APPLICATIONS = ("fastapi.FastAPI", "starlette.applications.Starlette")
HANDLER_KEYWORDS = ("on_startup", "on_shutdown")
MCP_SERVERS = ("fastmcp.", "mcp.server.")
MCP_APPS = frozenset({"http_app", "streamable_http_app"})
"""Methods that make an application whose sessions its lifespan starts."""
ENTERING = frozenset({"combine_lifespans", "session_manager"})
"""Names that stand where a program starts the lifespans of other applications itself."""
NONE: Expr = ("const", None)
REGISTERING = ("on_event", "add_event_handler", *HANDLER_KEYWORDS, "lifespan_context")


@dataclass(slots=True)
class Made:
    """An application or router that the program makes, and how it starts."""

    value: Value
    call: Expr
    frame: Frame
    lifespan: bool = False
    """Whether it surely has a lifespan of its own."""
    is_known: bool = True
    """Whether what it is given says surely that it has one, or none."""


@dataclass(frozen=True, slots=True)
class Handler:
    """`@app.on_event("startup")` and its like."""

    owner: object
    """What identifies the application or router; None if that is unknown, or one of several."""
    function: Function
    """Where the registration stands."""
    span: Span
    spelling: str


@dataclass(frozen=True, slots=True)
class Mount:
    """`app.mount("/path", other)`, where the other application has a lifespan or handlers of its own."""

    frame: Frame
    call: Expr
    child: Expr
    what: str
    """What would have to run: "lifespan", "start-up handlers" or "session manager"."""


@dataclass(slots=True)
class Lifespans:
    """The applications of a program and what starts them."""

    made: dict[object, Made] = field(default_factory=dict)
    handlers: list[Handler] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)


def find_lifespans(inference: Inference) -> Lifespans:
    """Return how the applications of the program start, outside tests."""
    found = Lifespans()
    for function in _functions(inference, {*router_names(inference), "lifespan"}):
        for event in function.facts.events:
            if event[0] in ("call", "drop"):
                _add_made(inference, found, event[1], function)
    for function in _functions(inference, REGISTERING):
        for decorator in function.facts.decorators:
            if decorator[0] == "call" and decorator[1][0] == "attr" and decorator[1][2] == "on_event":
                scope = inference.defining_frame(function)
                _add_handler(inference, found, decorator[1][1], scope, function, decorator, "@{}.on_event")
        for event in function.facts.events:
            if event[0] in ("call", "drop") and event[1][1][0] == "attr":
                _add_registration(inference, found, event[1], function)
            elif event[0] == "set" and event[1][2] == "lifespan_context":
                frame = inference.program.generic_frame(function)
                for value in _routers(inference, event[1][1], frame):
                    if identity(value) in found.made:
                        found.made[identity(value)].lifespan = True
    _add_mounts(inference, found)
    return found


def _functions(inference: Inference, names: Iterable[str]) -> Iterator[Function]:
    """Yield the functions of the running program that have one of the names."""
    yield from (f for f in inference.program.functions_naming(names) if not f.module.is_offline)


def _add_made(inference: Inference, found: Lifespans, call: Expr, function: Function) -> None:
    if last_name(call[1])[:1].isupper() or any(name == "lifespan" for name, _ in call[3]):
        frame = inference.program.generic_frame(function)
        for value in inference.values(call, frame):
            place = identity(value)
            if not is_router(inference, value) or place != (function.module.path, call[4]):
                continue
            lifespan = call_argument(call, None, "lifespan")
            made = Made(value, call, frame)
            if any(name is None for name, _ in call[3]):
                made.is_known = False
            elif lifespan is not None and lifespan != NONE:
                made.lifespan = bool(inference.values(lifespan, frame)) and lifespan[0] in (
                    "name",
                    "attr",
                    "call",
                )
                made.is_known = made.lifespan
            found.made[place] = made
            for keyword in HANDLER_KEYWORDS:
                given = call_argument(call, None, keyword)
                if given is not None and given != NONE and given != ("list", ()):
                    row, column = call[4][:2]
                    span = (row, column, row, column + len(last_name(call[1])))
                    found.handlers.append(Handler(place, function, span, f"{keyword}="))


def _add_registration(inference: Inference, found: Lifespans, call: Expr, function: Function) -> None:
    """`app.add_event_handler(...)`, `app.router.on_startup.append(...)`, `app.on_event("startup")(f)`."""
    base, name = call[1][1], call[1][2]
    frame = inference.program.generic_frame(function)
    if name == "add_event_handler":
        _add_handler(inference, found, base, frame, function, call, "{}.add_event_handler")
    elif name == "append" and base[0] == "attr" and base[2] in HANDLER_KEYWORDS:
        _add_handler(inference, found, base[1], frame, function, call, "{}." + f"{base[2]}.append")


def _add_handler(
    inference: Inference,
    found: Lifespans,
    base: Expr,
    scope: Frame,
    function: Function,
    call: Expr,
    spelling: str,
) -> None:
    values = inference.values(base, scope)
    routers = _routers(inference, base, scope)
    if values and not routers:
        return
    places = {identity(value) for value in routers} or {None}
    if places == {None}:
        places = _given(inference, base, scope)
    owner = places.pop() if len(places) == 1 else None
    found.handlers.append(Handler(owner, function, call[4], spelling.format(_spelled(base))))


def _given(inference: Inference, base: Expr, scope: Frame) -> set[object]:
    """Return what identifies the applications that callers pass: `def register(app: FastAPI)`."""
    while base[0] == "attr":
        base = base[1]
    function = scope.function
    found: set[object] = set()
    parameters = function.facts.parameters
    for caller, call in inference.call_sites.named(function):
        frame = inference.program.generic_frame(caller)
        for parameter, argument in matched_arguments(parameters, call):
            if base[0] == "name" and parameter.name == base[1]:
                found.update(identity(value) for value in _routers(inference, argument, frame))
    return found


def _routers(inference: Inference, expr: Expr, frame: Frame) -> list[Value]:
    """Return the applications and routers that an expression can be; `app.router` is the application's."""
    if expr[0] == "attr" and expr[2] == "router":
        inner = [v for v in inference.values(expr[1], frame) if _is_application(v) or is_router(inference, v)]
        if inner:
            return inner
    return [v for v in inference.values(expr, frame) if is_router(inference, v)]


# Mounted applications


def _add_mounts(inference: Inference, found: Lifespans) -> None:
    if inference.program.mentions(*ENTERING):
        return
    entered = _entered(inference)
    if None in entered:
        return
    for function in _functions(inference, ("mount",)):
        for event in function.facts.events:
            call = event[1]
            if event[0] not in ("call", "drop") or call[1][0] != "attr" or call[1][2] != "mount":
                continue
            frame = inference.program.generic_frame(function)
            child = call_argument(call, 1, "app")
            if child is None or not _routers(inference, call[1][1], frame):
                continue
            what = _needs(inference, found, child, frame, entered)
            if what:
                found.mounts.append(Mount(frame, call, child, what))


def _needs(inference: Inference, found: Lifespans, child: Expr, frame: Frame, entered: set[object]) -> str:
    """Return what of a mounted application nobody starts; nothing if there is none."""
    for value in inference.values(child, frame):
        place = identity(value)
        if not is_router(inference, value) or place is None or place in entered:
            continue
        made = found.made.get(place)
        if made is not None and made.lifespan:
            return "lifespan"
        if any(handler.owner == place for handler in found.handlers):
            return "start-up handlers"
    if _is_mcp_app(inference, child, frame) and "mcp" not in entered:
        return "session manager"
    return ""


def _entered(inference: Inference) -> set[object]:
    """Return what identifies the applications whose lifespans the program enters itself; None for any."""
    found: set[object] = set()
    for function in _functions(inference, ("lifespan", "lifespan_context", "startup")):
        frame = inference.program.generic_frame(function)
        for kind, expr, *_ in function.facts.events:
            if kind in ("call", "drop"):
                expr = expr[1]
            if expr[0] != "attr" or expr[2] not in ("lifespan", "lifespan_context", "startup"):
                continue
            if kind == "set":
                continue
            if expr[2] == "lifespan":
                found.add("mcp")
                continue
            routers = _routers(inference, expr[1], frame)
            found.update(identity(value) for value in routers)
            if not routers:
                found.add(None)
    return found


def _is_mcp_app(inference: Inference, child: Expr, frame: Frame) -> bool:
    """Tell whether an expression is, or names, what `FastMCP.http_app()` makes."""
    for expr, scope in _assigned(child, frame):
        if expr[0] != "call" or expr[1][0] != "attr" or expr[1][2] not in MCP_APPS:
            continue
        transport = call_argument(expr, None, "transport")
        if transport == ("const", "sse"):
            continue
        servers: Values = inference.values(expr[1][1], scope)
        if any(
            isinstance(v, Instance) and isinstance(v.cls, str) and v.cls.startswith(MCP_SERVERS)
            for v in servers
        ):
            return True
    return False


def _assigned(expr: Expr, frame: Frame) -> Iterator[tuple[Expr, Frame]]:
    if expr[0] != "name":
        yield expr, frame
        return
    for scope in (frame, frame.function.module.frame):
        bindings = scope.function.facts.bindings.get(expr[1], ())
        for _, _, value in bindings:
            yield (value[2] if value[0] == "typed" and value[2] is not None else value), scope
        if bindings:
            return


def _is_application(value: Value) -> bool:
    return isinstance(value, Instance) and value.cls in APPLICATIONS


def _spelled(expr: Expr) -> str:
    if expr[0] == "attr":
        return f"{_spelled(expr[1])}.{expr[2]}"
    return str(expr[1]) if expr[0] == "name" else "..."
