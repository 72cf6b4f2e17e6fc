"""Work that is started by a request and goes on beside it or after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.application.contexts import Application
from fastlint.application.entries import BACKGROUND
from fastlint.application.routes import callables
from fastlint.facts.model import Event, Expr, Span
from fastlint.facts.structure import called_name, names_bound_to, walk
from fastlint.project.bindings import call_argument
from fastlint.project.calls import SCHEDULERS
from fastlint.project.program import Frame
from fastlint.project.values import Instance, LibraryName

AFTER, BESIDE = "after", "beside"
STARTERS = (
    "add_task",
    "BackgroundTask",
    "create_task",
    "ensure_future",
    "run_in_executor",
    "submit",
    "Thread",
)
JOINING = frozenset({"gather", "wait", "wait_for", "as_completed", "join", "result"})
KEEPING = frozenset({"add", "append", "add_done_callback"})


@dataclass(frozen=True, slots=True, eq=False)
class HandOver:
    """A place that hands a function and what it works with to something that outlives the request."""

    frame: Frame
    call: Expr
    when: str
    """AFTER the response, as a background task, or BESIDE the request, as a task or in a thread."""
    target: Expr
    """The function that is started."""
    arguments: tuple[Expr, ...]

    @property
    def span(self) -> Span:
        """Where it stands."""
        return self.call[4]  # type: ignore[no-any-return]


def hand_overs(application: Application) -> Iterator[HandOver]:
    """Yield the places of the request path that start work which nobody waits for."""
    seen: set[tuple[Frame, int]] = set()
    for frame, call in application.requests.calls(*STARTERS):
        if (frame, id(call)) not in seen:
            seen.add((frame, id(call)))
            found = _hand_over(application, frame, call)
            if found is not None:
                yield found


def _hand_over(application: Application, frame: Frame, call: Expr) -> HandOver | None:
    name = called_name(call)
    inference = application.inference
    callees = {getattr(v, "name", "") for v in inference.values(call[1], frame)}
    args, keywords = call[2], tuple(value for key, value in call[3] if key is not None)
    if name in ("add_task", "BackgroundTask"):
        base = call[1][1] if call[1][0] == "attr" else call[1]
        owners = inference.values(base, frame)
        kinds = {v.cls if isinstance(v, Instance) else getattr(v, "name", "") for v in owners}
        if args and (kinds & BACKGROUND or (not owners and name == "add_task")):
            return HandOver(frame, call, AFTER, args[0], (*args[1:], *keywords))
        return None
    if _is_joined(frame, call):
        return None
    if name in ("create_task", "ensure_future"):
        inner = args[0] if args else None
        if inner is None or inner[0] != "call" or not callees or not callees <= SCHEDULERS:
            return None
        return HandOver(frame, call, BESIDE, inner[1], (*inner[2], *(value for _, value in inner[3])))
    if name == "run_in_executor" and len(args) > 1:
        return HandOver(frame, call, BESIDE, args[1], args[2:])
    if name == "submit" and args and any(".futures." in c for c in callees):
        return HandOver(frame, call, BESIDE, args[0], (*args[1:], *keywords))
    if name == "Thread" and "threading.Thread" in callees:
        target = call_argument(call, 1, "target")
        given = call_argument(call, 3, "args")
        if target is not None:
            return HandOver(frame, call, BESIDE, target, (given,) if given is not None else ())
    return None


def _is_joined(frame: Frame, call: Expr) -> bool:
    """Tell whether the function waits for what it starts, or may do so."""
    facts = frame.function.facts
    event = _event(frame, call)
    if event is None or event[4] > 0:
        return True
    if any(e[0] in ("call", "drop") and called_name(e[1]) in JOINING for e in facts.events):
        return True
    if event[0] == "drop" or called_name(call) == "Thread":
        return False
    names = names_bound_to(facts, call)
    if not names:
        return not _is_kept(frame, call)
    if not frame.function.module.mentions(*names):
        return False
    return not any(_is_kept(frame, ("name", name)) for name in names)


def _is_kept(frame: Frame, expr: Expr) -> bool:
    """Tell whether a task is put where running tasks are kept: `tasks.add(task)`."""
    for kind, call, *_ in frame.function.facts.events:
        if kind in ("call", "drop") and called_name(call) in KEEPING and call[1][0] == "attr":
            parts = (*call[2], call[1][1])
            if any(p is expr or p[:2] == expr[:2] == ("name", p[1]) for part in parts for p in walk(part)):
                return True
    return False


def _event(frame: Frame, call: Expr) -> Event | None:
    return next((e for e in frame.function.facts.events if e[1] is call), None)


def started(application: Application, hand_over: HandOver) -> list[Frame]:
    """Return the functions that are started, as far as they are known."""
    inference = application.inference
    values = inference.values(hand_over.target, hand_over.frame)
    known = tuple(v for v in values if not isinstance(v, LibraryName))
    return [inference.enter(value, None, None) for value in callables(inference, known)]
