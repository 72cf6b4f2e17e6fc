"""WebSockets that endpoints put into lists, sets and dictionaries, and when they are taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fastlint.facts.model import UNKNOWN, Event, Expr, Region
from fastlint.facts.structure import events_in, is_inside, regions_around
from fastlint.project.calls import CallResolver
from fastlint.project.infer import Inference
from fastlint.project.performs import Performs
from fastlint.project.program import Frame, Function
from fastlint.project.values import Instance, LibraryName

SOCKET = "fastapi.WebSocket"
PUTS = frozenset({"append", "appendleft", "add", "insert", "setdefault"})
TAKES = frozenset({"remove", "discard", "pop", "popleft", "clear", "difference_update"})
LOOKUPS = frozenset({"get", "setdefault"})
EVERYTHING = frozenset({"Exception", "BaseException"})
DISCONNECT = "WebSocketDisconnect"
RAISING = frozenset({"receive_json", "iter_json"})
"""Methods of a WebSocket that raise something else than a disconnect when the client sends nonsense."""
PARSING = frozenset({
    "json.loads", "pydantic.BaseModel.model_validate", "pydantic.BaseModel.model_validate_json",
    "pydantic.BaseModel.parse_obj", "pydantic.BaseModel.parse_raw",
})  # fmt: skip
DEEPEST = 4

Path = tuple[tuple[Frame, Event], ...]


class Registry(NamedTuple):
    """What keeps sockets: an attribute of a class, or a variable of a module."""

    owner: object
    name: str


class Kept(NamedTuple):
    """A socket that is put into a registry, and what takes it out."""

    registry: Registry
    put: Path
    """From the endpoint down to the place that puts."""
    taken: str
    """"never", "elsewhere", "on errors of sending", "at the end" (not when an exception passes) or "on
    disconnect" (not when another exception passes)."""
    raising: Expr | None = None
    """The call that can raise that other exception."""


class SocketRegistries:
    """Answers which sockets an endpoint leaves in a registry."""

    def __init__(self, resolver: CallResolver, performs: Performs) -> None:
        self._resolver = resolver
        self._inference: Inference = resolver.inference
        self._performs = performs

    def left_behind(self, endpoint: Frame) -> list[Kept]:
        """Return the sockets that can stay in a registry when the endpoint has ended."""
        paths = list(self._paths(endpoint, (), set()))
        puts: dict[Registry, Path] = {}
        takes: dict[str, list[Path]] = {}
        for path in paths:
            frame, event = path[-1]
            registry = self._put(frame, event)
            if registry is not None and not self._is_local(path):
                puts.setdefault(registry, path)
            for name in _taken(frame.function, event):
                takes.setdefault(name, []).append(path)
        found = []
        for registry, put in puts.items():
            kept = self._judge(registry, put, takes.get(registry.name, []))
            if kept is not None:
                found.append(kept)
        return found

    def _paths(self, frame: Frame, above: Path, seen: set[Frame]) -> Iterator[Path]:
        for event in frame.function.facts.events:
            if _may_put_or_take(event):
                yield (*above, (frame, event))
        if len(above) >= DEEPEST:
            return
        for site in self._resolver.sites(frame):
            below = seen if above else {frame}  # each function once for each place of the endpoint
            for callee in (*site.runs, *(site.starts if site.is_awaited else ())):
                if callee not in below:
                    below.add(callee)
                    yield from self._paths(callee, (*above, (frame, site.event)), below)

    # Putting in

    def _put(self, frame: Frame, event: Event) -> Registry | None:
        kind, expr = event[0], event[1]
        if kind in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in PUTS and expr[2]:
            if self._is_socket(expr[2][-1], frame):
                return self._registry(expr[1][1], frame)
        elif kind == "setitem":
            for base, name, value in frame.function.facts.stores:
                if name == "[]" and base is expr[1] and self._is_socket(value, frame):
                    return self._registry(base, frame)
        return None

    def _is_socket(self, expr: Expr, frame: Frame) -> bool:
        return any(
            isinstance(value, Instance) and self._inference.is_subclass(value, SOCKET)
            for value in self._inference.values(expr, frame)
        )

    def _registry(self, holder: Expr, frame: Frame, depth: int = 0) -> Registry | None:
        """Return what a container is part of: `self.rooms[room]` is part of `self.rooms`."""
        while True:
            if holder[0] == "sub":
                holder = holder[1]
            elif holder[0] == "call" and holder[1][0] == "attr" and holder[1][2] in LOOKUPS:
                holder = holder[1][1]
            else:
                break
        function = frame.function
        for value in self._inference.values(holder, frame):
            name = getattr(value, "name", "") or getattr(value, "cls", "")
            if isinstance(name, str) and name.startswith("weakref."):
                return None
        if holder[0] == "attr":
            root = holder[1]
            if (
                root[0] == "name"
                and function.owner is not None
                and root[1] == function.facts.parameters[0].name
            ):
                return Registry(function.owner, holder[2])
            if root[0] == "attr" and root[2] == "state":
                return Registry("state", holder[2])
            return None
        if holder[0] != "name":
            return None
        if holder[1] in function.parameters:
            return None
        bindings = function.facts.bindings.get(holder[1])
        if bindings and holder[1] not in function.facts.outer_names and function.index > 0:
            inner = bindings[-1][2]
            return (
                self._registry(inner, frame, depth + 1) if depth < 2 and inner[0] in ("sub", "call") else None
            )
        return Registry(function.module, holder[1]) if function.parent is None else None

    def _is_local(self, path: Path) -> bool:
        """Tell whether the registry belongs to an object that was made for this connection."""
        for frame, event in path[:-1]:
            call = event[1]
            if call[0] != "call" or call[1][0] != "attr":
                continue
            root = call[1]
            while root[0] in ("attr", "sub", "call"):
                root = root[1]
            facts = frame.function.facts
            if root[0] != "name" or root[1] in ("self", "cls"):
                continue
            is_local = root[1] in facts.bindings and root[1] not in facts.outer_names
            if frame.function.index > 0 and (is_local or root[1] in frame.function.parameters):
                return True
        return False

    # Taking out

    def _judge(self, registry: Registry, put: Path, takes: list[Path]) -> Kept | None:
        """Return how a socket can stay behind; None if it is taken out whatever happens."""
        kinds = [(_kind_of(path, put), path) for path in takes]
        if any(kind == "always" for kind, _ in kinds):
            return None
        for kind, path in kinds:
            if kind == "on disconnect":
                raising = self._raising(path)
                return Kept(registry, put, kind, raising) if raising is not None else None
        endings = [path for kind, path in kinds if kind == "at the end"]
        if endings:
            catches = any(self._catches_disconnect(frame) for path in (*endings, put) for frame, _ in path)
            return None if catches else Kept(registry, put, "at the end")
        if any(kind == "on errors of sending" for kind, _ in kinds):
            return Kept(registry, put, "on errors of sending")
        return Kept(registry, put, "elsewhere" if self._is_taken_elsewhere(registry) else "never")

    def _catches_disconnect(self, frame: Frame) -> bool:
        return any(
            region[0] == "except" and (_catches_all(region[2]) or DISCONNECT in _names(region[2]))
            for region in frame.function.facts.regions
        )

    def _is_taken_elsewhere(self, registry: Registry) -> bool:
        for function in self._inference.program.functions_naming((registry.name,)):
            if function.facts.name == "__init__" or function.index == 0:
                continue
            if any(registry.name in _taken(function, event) for event in function.facts.events):
                return True
        return False

    def _raising(self, path: Path) -> Expr | None:
        """Return a call in the `try` of a handler that can raise what the handler does not catch."""
        for frame, event in path:
            facts = frame.function.facts
            for handler in regions_around(facts, event[5], "except"):
                guarded = next((r for r in facts.regions if r[0] == "try" and r[3] == handler[3]), None)
                if guarded is None:
                    continue
                for inner in events_in(facts, guarded[1], "call", "drop", "aiter"):
                    if self._can_raise(inner, frame) and not self._is_caught(facts.regions, inner, guarded):
                        return inner[1]
        return None

    def _is_caught(self, regions: list[Region], event: Event, outer: Region) -> bool:
        """Tell whether a `try` inside the guarded one catches something around an event."""
        return any(
            region[0] == "try"
            and region[3] != outer[3]
            and is_inside(region[1], outer[1])
            and is_inside(event[5], region[1])
            for region in regions
        )

    def _can_raise(self, event: Event, frame: Frame) -> bool:
        call = event[1]
        if call[0] != "call":
            return False
        if call[1][0] == "attr" and call[1][2] in RAISING and self._is_socket(call[1][1], frame):
            return True
        names = {v.name for v in self._inference.values(call[1], frame) if isinstance(v, LibraryName)}
        if names & PARSING:
            return True
        return any(
            self._performs.at(site, word)
            for site in self._resolver.sites(frame)
            if site.event is event
            for word in ("query", "write", "commit", "request")
        )


def _may_put_or_take(event: Event) -> bool:
    """Tell whether an event can put something into a container, or take something out."""
    kind, expr = event[0], event[1]
    if kind in ("call", "drop"):
        return expr[1][0] == "attr" and (expr[1][2] in PUTS or expr[1][2] in TAKES)
    return kind in ("setitem", "delete", "set")


def _kind_of(path: Path, put: Path) -> str:
    """Return when a place that takes a socket out is passed."""
    kind = "at the end"
    put_frames = {frame for frame, _ in put}
    for position, (frame, event) in enumerate(path):
        facts = frame.function.facts
        name = facts.name
        if name in ("__exit__", "__aexit__"):
            return "always"
        for region in regions_around(facts, event[5], "finally", "except"):
            if region[0] == "finally":
                return "always"
            is_around_put = frame in put_frames or position == 0
            if not is_around_put:
                kind = "on errors of sending"
            elif _catches_all(region[2]):
                return "always"
            else:
                kind = "on disconnect"
    return kind


def _catches_all(detail: Expr) -> bool:
    return detail == UNKNOWN or bool(EVERYTHING & set(_names(detail)))


def _names(detail: Expr) -> list[str]:
    if detail[0] in ("tuple", "list"):
        return [name for part in detail[1] for name in _names(part)]
    return [str(detail[1] if detail[0] == "name" else detail[2])] if detail[0] in ("name", "attr") else []


def _taken(function: Function, event: Event) -> list[str]:
    """Return the names of the containers that an event takes something out of."""
    kind, expr = event[0], event[1]
    if kind in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in TAKES:
        return _container_names(function, expr[1][1])
    if kind == "delete" and expr[0] == "sub":
        return _container_names(function, expr[1])
    if kind == "set" and function.facts.name != "__init__":
        return [expr[2]]
    return []


def _container_names(function: Function, expr: Expr) -> list[str]:
    found: list[str] = []
    for _ in range(6):
        if expr[0] == "sub":
            expr = expr[1]
        elif expr[0] == "call" and expr[1][0] == "attr":
            expr = expr[1][1]
        elif expr[0] == "attr":
            return [*found, str(expr[2])]
        elif expr[0] == "name":
            found.append(str(expr[1]))
            bindings = function.facts.bindings.get(expr[1], ())
            inner = bindings[-1][2] if bindings else UNKNOWN
            if inner[0] not in ("sub", "call", "attr", "any"):
                return found
            expr = inner[1][0] if inner[0] == "any" else inner
        else:
            break
    return found
