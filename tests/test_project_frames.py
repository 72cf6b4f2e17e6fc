"""What the frames of a function share, and what they keep apart."""

from __future__ import annotations

from pathlib import Path

from fastlint.application.contexts import Application
from fastlint.config.settings import Settings
from fastlint.engine.loading import load_program
from fastlint.project.program import Frame

from .programs import write

PROGRAM = """
import time
from fastapi import FastAPI

app = FastAPI()

def first():
    return 1

def second():
    return 2

def pause():
    time.sleep(1)

def between(task):
    def inner():
        return task()
    pause()
    again(task)
    return inner()

def again(task):
    task()

@app.get("/first")
async def read_first():
    return between(first)

@app.get("/second")
async def read_second():
    return between(second)
"""


def frames(directory: Path, name: str) -> list[tuple[Frame, list[list[str]]]]:
    """Return the frames of a function that run for requests, each with the names of what its sites run."""
    write(directory, {"main.py": PROGRAM})
    loaded = load_program(Settings(root=directory, paths=(directory,), cwd=directory))
    application = Application(loaded.program, loaded.versions)
    sites = application.resolver.sites
    pending = list(application.on_loop)
    for frame in pending:
        pending += [callee for site in sites(frame) for callee in site.runs if callee not in pending]
    return [
        (frame, [[callee.function.facts.name for callee in site.runs] for site in sites(frame)])
        for frame in pending
        if frame.function.facts.name == name
    ]


def test_each_frame_runs_what_it_is_given(tmp_path: Path) -> None:
    assert [runs for _, runs in frames(tmp_path, "again")] == [[["first"]], [["second"]]]
    assert [runs for _, runs in frames(tmp_path, "inner")] == [[["first"]], [["second"]]]


def test_frames_share_what_does_not_lean_on_them(tmp_path: Path) -> None:
    (first, runs), (second, others) = frames(tmp_path, "between")
    assert runs == others == [["pause"], ["again"], ["inner"]]
    call = next(event[1] for event in first.function.facts.events if event[1][1][1] == "pause")
    shared, own = id(call[1]), id(first.function.parameters["task"])
    assert shared not in first.values and shared not in second.values
    assert first.values[own] != second.values[own]
