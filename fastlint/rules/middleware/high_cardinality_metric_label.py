"""FL606: A metric has a series for every address, or for every user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, walk
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

COUNTING = frozenset(
    {
        "add",
        "record",
        "set",
        "increment",
        "incr",
        "decrement",
        "gauge",
        "histogram",
        "timing",
        "distribution",
        "observe",
        "inc",
    }
)
"""Methods of OpenTelemetry and statsd that take labels among their arguments."""
LABELS = ("attributes", "tags", "labels")
METRICS = re.compile(
    r"metric|counter|histogram|gauge|statsd|meter|duration|latency|requests?_|prom", re.IGNORECASE
)
"""What the names of metrics and their clients look like."""
REQUESTS = frozenset({"request", "req", "conn", "websocket", "self.request"})
USERS = re.compile(r"^(current_)?user$|^principal$|^account$")
USER_IDS = frozenset({"user_id", "userid", "email", "session_id", "request_id", "trace_id", "client_ip"})
USER_LABELS = frozenset({"user", "username", "user_id", "user_email", "session_id", "request_id"})
DEEPEST = 4


class Label(NamedTuple):
    """The value of a label, as it is written."""

    value: Expr
    what: str
    """What there is a series for: "address" or "user"."""


class HighCardinalityMetricLabel(ModelRule):
    """A metric has a series for every address, or for every user."""

    code = "FL606"

    def find(self) -> Iterator[Finding]:
        """Look at the labels of metrics on the request path."""
        seen = set()
        for frame, call in self.application.requests.calls_like(_may_set_labels):
            for name, given in _labels(call) if (frame.function, call[-1]) not in seen else ():
                label = self._unbounded(given, frame)
                if label is None and name in USER_LABELS and given[0] != "const":
                    label = Label(given, "user")
                if label is not None:
                    seen.add((frame.function, call[-1]))
                    yield self._finding(frame, call, label)
                    break

    def _unbounded(self, expr: Expr, frame: Frame, depth: int = 0) -> Label | None:
        """Return why the value of a label has no end of values, if that is so."""
        if depth > DEEPEST:
            return None
        if expr[0] == "any":
            # `route.path if route else request.url.path`: the address is for what no route serves.
            return None
        if _is_address(expr):
            return Label(expr, "address")
        if _is_user(expr):
            return Label(expr, "user")
        if expr[0] == "text":
            found = (self._unbounded(part, frame, depth + 1) for part in expr[1])
            return next((label for label in found if label is not None), None)
        if expr[0] == "call" and called_name(expr) == "str" and len(expr[2]) == 1:
            if _is_url(expr[2][0]):
                return Label(expr, "address")
            return self._unbounded(expr[2][0], frame, depth + 1)
        if expr[0] == "name":
            facts = frame.function.facts
            if expr[1] in facts.bindings and frame.function.index > 0:
                values, dominated = frame.function.flow.reaching(expr[1], expr[2], expr[3])
                if dominated and len(values) == 1:
                    return self._unbounded(values[0], frame, depth + 1)
        return None

    def _finding(self, frame: Frame, call: Expr, label: Label) -> Finding:
        each = "address that is asked for" if label.what == "address" else "user"
        advice = (
            'Use the path of the route (`request.scope["route"].path`), which has its parameters in braces'
            if label.what == "address"
            else "Leave the label out; a log or a trace can say which user it was"
        )
        return self.finding(
            frame,
            call[-1],
            f"`{render(label.value)}` makes a series for each {each}, and each stays in memory{self.where(frame)}",
            advice,
        )


def _may_set_labels(call: Expr) -> bool:
    name = called_name(call)
    return name == "labels" or name in COUNTING


def _labels(call: Expr) -> Iterator[tuple[object, Expr]]:
    """Yield the name, if it is written there, and the value of the labels that a call sets."""
    if call[1][0] != "attr":
        return
    name, base = call[1][2], call[1][1]
    if name == "labels":
        yield from (("", value) for value in call[2])
        yield from call[3]
        return
    if name not in COUNTING or not METRICS.search(_written(base)):
        return
    for keyword, value in [("", argument) for argument in call[2]] + list(call[3]):
        if keyword and keyword not in LABELS:
            continue
        if value[0] == "dict":
            yield from zip((key[1] for key in value[1]), value[2], strict=False)
        elif value[0] == "list" and keyword == "tags":
            yield from (("", item) for item in value[1])


def _is_url(expr: Expr) -> bool:
    """Tell whether an expression is `request.url`."""
    return expr[0] == "attr" and expr[2] == "url" and _written(expr[1]) in REQUESTS


def _is_address(expr: Expr) -> bool:
    """Tell whether an expression is the path of a request, with all that clients put into it."""
    if expr[0] == "attr" and expr[2] == "path":
        return _is_url(expr[1])
    if expr[0] == "sub" and expr[2] in (("const", "path"), ("const", "raw_path")):
        return _written(expr[1]).rpartition(".")[2] == "scope"
    return False


def _is_user(expr: Expr) -> bool:
    """Tell whether an expression is the id of a user, by its name."""
    if expr[0] == "attr" and expr[2] in ("id", "email", "username"):
        return USERS.search(_written(expr[1]).rpartition(".")[2]) is not None
    if expr[0] == "attr":
        return expr[2] in USER_IDS
    return expr[0] == "name" and expr[1] in USER_IDS


def _written(expr: Expr) -> str:
    parts = []
    for part in walk(expr):
        if part[0] == "attr":
            parts.append(str(part[2]))
        elif part[0] == "name":
            parts.append(str(part[1]))
    return ".".join(reversed(parts))
