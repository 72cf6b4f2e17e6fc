"""How much work a run is, counted and not timed: files read and parsed, facts taken, functions called."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import libcst
import pytest

from fastlint.cache.directory import make_directory
from fastlint.cache.replay import Run
from fastlint.cli.boundary import run
from fastlint.config.settings import Settings
from fastlint.engine.run import check
from fastlint.facts import build
from fastlint.facts.model import ModuleFacts

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "tests" / "fixtures" / "work"
"""A small application in which there is nothing to find."""
FILES = {path.name for path in PROJECT.rglob("*.py")}
ONCE = dict.fromkeys(FILES, 1)
TWICE = dict.fromkeys(FILES, 2)
BLOCKING = """

import time
from fastapi import APIRouter

more = APIRouter()


@more.get("/pause")
async def pause() -> None:
    time.sleep(1)
"""
TICK = 0.06
"""Seconds after which a change of a file is sure to show."""
MORE_THAN_TWICE = 2.05
"""Growth that is still linear, with some calls that depend on the order of sets."""


@dataclass
class Work:
    """What a run has done, by the names of the files."""

    read: Counter[str] = field(default_factory=Counter)
    parsed: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    """Whose facts were taken anew."""
    parsed_by_libcst: int = 0
    """Whole files; what is under suspicion is parsed in pieces."""


Count = Callable[..., Work]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the application with an empty cache, old enough to be trusted, as the current directory."""
    for name in ("CI", "GITHUB_STEP_SUMMARY", "FASTLINT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "project"
    shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns("__pycache__", ".fastlint_cache"))
    assert make_directory(str(root / ".fastlint_cache"))
    monkeypatch.chdir(root)
    time.sleep(TICK)
    return root


@pytest.fixture
def count(project: Path, monkeypatch: pytest.MonkeyPatch) -> Count:
    """Runs `fastlint check` and counts its work; what an earlier run printed is not printed again."""
    parse, extract = ast.parse, build.extract
    read_bytes, parse_module = Path.read_bytes, libcst.parse_module

    def counted(*arguments: str, code: int = 0) -> Work:
        work = Work()
        files = {read_bytes(path).decode(): path.name for path in project.rglob("*.py")}
        last = ""

        def counting_parse(source: Any, *args: Any, **options: Any) -> Any:
            nonlocal last
            tree = parse(source, *args, **options)
            if isinstance(tree, ast.Module):
                last = files[source]
                work.parsed[last] += 1
            return tree

        def counting_extract(tree: ast.Module) -> ModuleFacts:
            work.taken[last] += 1
            return extract(tree)

        def counting_read(path: Path) -> bytes:
            if path.suffix == ".py" and path.is_relative_to(project):
                work.read[path.name] += 1
            return read_bytes(path)

        def counting_module(*args: Any, **options: Any) -> libcst.Module:
            work.parsed_by_libcst += 1
            return parse_module(*args, **options)

        with monkeypatch.context() as counters:
            counters.setattr(ast, "parse", counting_parse)
            counters.setattr(build, "extract", counting_extract)
            counters.setattr(Path, "read_bytes", counting_read)
            counters.setattr(libcst, "parse_module", counting_module)
            counters.setattr(Run, "recall_from", lambda *_: None)
            words = ["check", *arguments]
            assert run(words, Run(words)) == code
        time.sleep(TICK)
        return work

    return counted


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_run_without_cache_reads_and_parses_each_file_once(count: Count) -> None:
    work = count("--no-cache")
    assert work.read == work.parsed == work.taken == ONCE
    assert not work.parsed_by_libcst


def test_a_run_with_an_empty_cache_parses_each_file_once(count: Count) -> None:
    work = count()
    assert work.parsed == work.taken == ONCE
    assert work.read == TWICE  # to look for its facts, and to take them
    assert not work.parsed_by_libcst


def test_a_run_without_findings_never_loads_libcst(project: Path) -> None:
    program = (
        "import json, sys\n"
        "from fastlint.cli.boundary import run\n"
        "assert run(['check']) == 0\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment, capture_output=True, text=True
    )
    assert "fastlint.engine.run" in json.loads(answer.stderr)
    assert "libcst" not in json.loads(answer.stderr)


def test_a_second_run_takes_no_facts(count: Count) -> None:
    count()
    work = count()
    assert work.read == ONCE
    assert not work.parsed
    assert not work.taken


def test_a_run_that_is_printed_again_does_no_work(
    project: Path, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    count()
    read: list[Path] = []
    monkeypatch.setattr(Path, "read_bytes", read.append)
    monkeypatch.setattr(ast, "parse", read.append)
    assert Run(["check"]).recall() is not None
    assert not read


def test_after_an_edit_one_file_is_parsed(project: Path, count: Count) -> None:
    count()
    append(project / "shop" / "stock.py", "\n\nLEAST = 3\n")
    work = count()
    assert work.read == {**ONCE, "stock.py": 2}
    assert work.parsed == work.taken == {"stock.py": 1}
    assert not count().parsed


def test_after_an_edit_back_nothing_is_parsed(project: Path, count: Count) -> None:
    count()
    before = (project / "shop" / "stock.py").read_text(encoding="utf-8")
    append(project / "shop" / "stock.py", "\n\nLEAST = 3\n")
    count()
    (project / "shop" / "stock.py").write_text(before, encoding="utf-8")
    time.sleep(TICK)
    assert not count().parsed


def test_files_under_other_names_are_not_parsed(project: Path, count: Count) -> None:
    count()
    (project / "shop" / "schemas.py").rename(project / "shop" / "answers.py")
    orders = project / "shop" / "orders.py"
    orders.write_text(orders.read_text(encoding="utf-8").replace("shop.schemas", "shop.answers"), "utf-8")
    time.sleep(TICK)
    assert count().parsed == {"orders.py": 1}


def test_only_the_file_of_a_finding_is_looked_at_again(project: Path, count: Count) -> None:
    append(project / "shop" / "stock.py", BLOCKING)
    time.sleep(TICK)
    work = count("--no-cache", code=1)
    assert work.taken == ONCE
    assert {name for name, times in work.read.items() if times > 1} == {"stock.py"}
    assert {name for name, times in work.parsed.items() if times > 1} == {"stock.py"}
    assert work.read["stock.py"] == 3  # for its facts, for the rules, and for the lines that are shown
    assert work.parsed["stock.py"] == 2  # for its facts and for its fix
    assert not work.parsed_by_libcst
    count(code=1)
    again = count(code=1)
    assert not again.taken
    assert again.parsed == {"stock.py": 1}


def test_what_is_kept_starts_no_workers(project: Path, count: Count, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    elsewhere = build._build_elsewhere

    def counting(paths: Sequence[Path], workers: int) -> Iterator[tuple[bytes, bytes]]:
        asked.append(len(paths))
        return elsewhere(paths, workers)

    monkeypatch.setattr(build, "_build_elsewhere", counting)
    monkeypatch.setattr(build, "available_cores", lambda: 2)
    monkeypatch.setattr(build, "WORTH_A_WORKER", 2)
    assert not count().parsed  # not in this process
    assert asked == [len(FILES)]
    append(project / "shop" / "stock.py", "\n\nLEAST = 3\n")
    assert count().parsed == {"stock.py": 1}
    assert not count().parsed
    assert asked == [len(FILES)]


def calls_of_a_check(root: Path) -> int:
    """How many Python functions are called by a run over a directory."""
    settings = Settings(root=root, paths=(root,), cwd=root, cache=False)
    calls = 0

    def counting(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        check(settings)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("addition", ["", BLOCKING], ids=["clean", "blocking"])
@pytest.mark.parametrize("is_shared", [False, True], ids=["apart", "together"])
def test_twice_the_program_is_twice_the_work(tmp_path: Path, addition: str, is_shared: bool) -> None:
    """Copies of the application are checked at once, either alone or all with routes of one application."""

    def calls_with(copies: int) -> int:
        root = tmp_path / f"{copies}"
        for number in range(copies):
            package = root / f"shop{number}"
            shutil.copytree(PROJECT / "shop", package, ignore=shutil.ignore_patterns("__pycache__"))
            for path in package.glob("*.py"):
                text = path.read_text(encoding="utf-8").replace("shop.", f"shop{number}.")
                if path.name == "stock.py":
                    text += addition
                path.write_text(text, encoding="utf-8")
            if is_shared:
                (package / "main.py").unlink()
        if is_shared:
            lines = [f"from shop{number}.orders import router as router{number}" for number in range(copies)]
            lines += ["from fastapi import FastAPI", "app = FastAPI()"]
            lines += [f"app.include_router(router{number})" for number in range(copies)]
            (root / "main.py").write_text("\n".join(lines), encoding="utf-8")
        return calls_of_a_check(root)

    calls_with(1)  # what is loaded on first use
    few, some, many = calls_with(2), calls_with(4), calls_with(8)
    assert many - some < MORE_THAN_TWICE * (some - few)
