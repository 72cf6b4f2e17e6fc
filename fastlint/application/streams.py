"""Responses that are streamed: where they are made, by which generators, and whether they come to an end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.application.contexts import Application
from fastlint.application.held import Carriers, Held
from fastlint.application.routes import Route
from fastlint.facts.model import Expr, Span
from fastlint.facts.structure import called_name, walk
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.project.values import Collection, Instance, LibraryName, Suspended, Text, Tuple, Value

STREAMING = ("StreamingResponse", "EventSourceResponse")
EVENTS = "text/event-stream"
IN_MEMORY = frozenset({"io.BytesIO", "io.StringIO", "tempfile.SpooledTemporaryFile"})
LISTENING = frozenset({"listen", "subscribe", "watch", "iter_text", "iter_json", "iter_bytes"})
"""Methods whose values come as long as somebody sends some."""
DISCONNECT = "is_disconnected"
TRUE = (("const", True), ("const", 1))
WAITING = ("request", "sleep", "query", "command")
DEEPEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A response that is sent piece by piece."""

    frame: Frame
    """The function that makes it; the route itself, if that is a generator."""
    route: Route
    call: Expr | None
    """`StreamingResponse(...)`; None where the route is a generator."""
    content: Expr | None
    generators: tuple[Frame, ...]
    """What makes the pieces, as far as it is known."""
    is_events: bool
    """Whether it is a stream of events, which the client keeps open."""

    @property
    def span(self) -> Span:
        """Where it is made: the response, or the decorator of the route."""
        return (self.call or self.route.call)[4]  # type: ignore[no-any-return]

    @property
    def returned(self) -> Span | None:
        """The `return` that makes it; None if it is made before."""
        events = self.frame.function.facts.events
        statements = {event[2] for event in events if event[1] is self.call}
        return next((e[5] for e in events if e[0] == "return" and e[2] in statements), None)


def find_streams(application: Application) -> Iterator[Stream]:
    """Yield the streams of all routes."""
    by_endpoint: dict[Frame, list[Route]] = defaultdict(list)
    for route in application.routes:
        for frame in application.endpoints.get(route, ()):
            by_endpoint[frame].append(route)
            if frame.function.facts.is_generator and not route.is_websocket:
                events = "EventSourceResponse" in str(call_argument(route.call, None, "response_class"))
                yield Stream(frame, route, None, None, (frame,), events)
    for frame, call in application.requests.calls(*STREAMING):
        if not _is_library(application, call, frame):
            continue
        content = call_argument(call, 0, "content")
        values = application.inference.values(content, frame) if content is not None else ()
        if content is None or (values and all(_is_in_memory(value) for value in values)):
            continue
        generators = tuple(v.frame for v in values if isinstance(v, Suspended))
        events = called_name(call) == "EventSourceResponse" or EVENTS in str(
            call_argument(call, None, "media_type")
        )
        for entry in application.entries_of(frame):
            for route in by_endpoint.get(entry.frame, ()) if entry.kind == "route" else ():
                yield Stream(frame, route, call, content, generators, events)


def uses(application: Application, stream: Stream, held: Held) -> bool:
    """Tell whether what makes the pieces has what a dependency holds, or may have it."""
    carriers = Carriers(application, held)
    endpoints = application.endpoints.get(stream.route, ())
    if stream.call is None or stream.frame not in endpoints:
        return any(carriers.names(frame) for frame in endpoints)
    return stream.content is not None and carriers.carries(stream.content, stream.frame)


def is_endless(application: Application, stream: Stream) -> bool:
    """Tell whether a stream goes on as long as the client stays: events, or a loop without an end."""
    return stream.is_events or goes_on(application, stream)


def goes_on(application: Application, stream: Stream) -> bool:
    """Tell whether what makes the pieces loops for as long as the client stays."""
    return any(_loops(application, frame, 0) for frame in stream.generators)


def waits(application: Application, stream: Stream) -> bool:
    """Tell whether the pieces have to be waited for, so that the stream takes longer than its sending."""
    performs = application.performs
    return not stream.generators or any(
        frame.function.facts.has_await
        or any(event[0] in ("aiter", "aenter") for event in frame.function.facts.events)
        or any(performs.step(frame, word) for word in WAITING)
        for frame in stream.generators
    )


def _loops(application: Application, frame: Frame, depth: int) -> bool:
    facts = frame.function.facts
    for index, (_, kind, condition) in enumerate(facts.blocks):
        if kind == "while" and (
            _asks_for_disconnect(condition) or (condition in TRUE and not _is_left(frame, index))
        ):
            return True
    for kind, expr, *_ in facts.events:
        if kind == "aiter" and any(p[0] == "call" and called_name(p) in LISTENING for p in walk(expr)):
            return True
    if depth < DEEPEST:
        for site in application.resolver.sites(frame):
            if site.event[0] in ("iter", "aiter"):
                inner = [f for f in (*site.runs, *site.starts) if f.function.facts.is_generator]
                if any(_loops(application, f, depth + 1) for f in inner):
                    return True
    return False


def _asks_for_disconnect(condition: Expr) -> bool:
    return any(p[0] == "call" and called_name(p) == DISCONNECT for p in walk(condition))


def _is_left(frame: Frame, loop: int) -> bool:
    """Tell whether something else than the client's leaving ends a loop."""
    facts = frame.function.facts
    for kind, _, _, block, _, _ in facts.events:
        if kind not in ("break", "return"):
            continue
        conditions = []
        while block not in (loop, -1):
            conditions.append(facts.blocks[block][2])
            block = facts.blocks[block][0]
        if block == loop and not any(_asks_for_disconnect(c) for c in conditions):
            return True
    return False


def _is_library(application: Application, call: Expr, frame: Frame) -> bool:
    callees = application.inference.values(call[1], frame)
    return any(isinstance(v, LibraryName) and v.name.rpartition(".")[2] in STREAMING for v in callees) or any(
        isinstance(base, str) and base.rpartition(".")[2] in STREAMING
        for v in callees
        if not isinstance(v, LibraryName) and hasattr(v, "cls") and not isinstance(v.cls, str)
        for base in application.inference.mro(v.cls)
    )


def _is_in_memory(value: Value) -> bool:
    if isinstance(value, Instance):
        return value.cls in IN_MEMORY or str(value.cls).startswith("builtins.")
    return isinstance(value, (Text, Tuple)) or (isinstance(value, Collection) and value.kind != "generator")
