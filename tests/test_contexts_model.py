"""The linter's model of FastAPI agrees with what serving the same application shows."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fastlint.application.contexts import Application
from fastlint.application.model import REQUEST
from fastlint.config.settings import Settings
from fastlint.engine.loading import load_program
from fastlint.project.program import Frame

FIXTURE = Path(__file__).parent / "fixtures" / "contexts"
ROWS = tomllib.loads((FIXTURE / "expected.toml").read_text(encoding="utf-8"))["row"]
NOT_MODELLED = {
    "attribute read by the response model, async route": "which objects a response model reads is not known",
    "attribute read by the response model, def route": "which objects a response model reads is not known",
    "template rendered in a def route": "templates are not read",
    "template rendered in an async route": "templates are not read",
    "lookup_path of StaticFiles": "runs in the thread pool, where it does no harm",
    "openapi of the application": "assigned to the application, called once and remembered",
    "validator of a streamed item, def generator route": "runs in the thread pool, where it does no harm",
    "computed_field of a streamed item, def generator route": "runs in the thread pool, where it does no harm",
    "run of a threading.Thread subclass": "runs in a thread of its own",
    "logging handler behind a queue": "runs in a thread of its own",
    "logging handler, async route": "handlers are reported where they are made",
    "logging handler, def route": "handlers are reported where they are made",
    "asyncio.run in a def route": "runs on an event loop of its own",
    "StreamingResponse over a generator expression": "runs in the thread pool, where it does no harm",
}
"""Rows that the linter has no model of, and why that costs little."""

MODELLED = [row for row in ROWS if row["name"] not in NOT_MODELLED]


@cache
def contexts() -> dict[str, set[tuple[str, str]]]:
    """Where and when each function runs, as the linter sees it: (loop or thread, phase) by dotted name."""
    settings = Settings(root=FIXTURE, paths=(FIXTURE,), cwd=FIXTURE)
    loaded = load_program(settings)
    application = Application(loaded.program, loaded.versions)
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    pending: list[tuple[Frame, str, str]] = [(f, "loop", phase) for f, phase in application.on_loop.items()]
    pending += [(frame, "thread", REQUEST) for frame in application.in_thread]
    seen: set[tuple[Frame, str, str]] = set()
    while pending:
        item = pending.pop()
        if item in seen:
            continue
        seen.add(item)
        frame, where, phase = item
        found[frame.function.label].add((where, phase))
        for site in application.resolver.sites(frame):
            pending += [(callee, where, phase) for callee in site.runs]
            pending += [(callee, "thread", phase) for callee in site.in_thread]
    return found


def label(row: dict[str, Any]) -> str:
    return str(row["function"]).replace(":", ".").replace(".<locals>", "")


@pytest.mark.parametrize("row", MODELLED, ids=lambda row: f"{row['name']} ({row['runs_on']})")
def test_row_is_modelled(row: dict[str, Any]) -> None:
    assert row["runs_on"] in {place for place, _ in contexts().get(label(row), ())}


@pytest.mark.parametrize("name", sorted({label(row) for row in ROWS}))
def test_nothing_is_put_on_the_loop_by_mistake(name: str) -> None:
    served = {(row["runs_on"], row["phase"]) for row in ROWS if label(row) == name}
    modelled = contexts().get(name, set())

    if not any(place == "loop" for place, _ in served):
        assert not any(place == "loop" for place, _ in modelled)
    if ("loop", "request") not in served:
        assert ("loop", "request") not in modelled
