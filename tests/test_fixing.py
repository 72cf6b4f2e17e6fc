"""Files are repaired as asked: what is written, what is left alone, and what the exit code says."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fastlint.cli.boundary import run
from fastlint.config.settings import Settings
from fastlint.diagnostics import Applicability, Diagnostic, Edit, Fix, Location, Severity
from fastlint.engine.fixing import _round, fix
from fastlint.engine.run import CheckResult, check
from fastlint.engine.workspace import Workspace
from fastlint.fixes.applying import apply_fixes
from fastlint.fixes.imports import name_of
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix
from fastlint.fixes.unused import without_unused
from fastlint.fixes.writing import WriteError, write_text

SLEEPS = """\
import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def root() -> None:
    time.sleep(1)
"""
AWAITS = SLEEPS.replace("import time", "import asyncio").replace("time.sleep", "await asyncio.sleep")
MIXED = (
    SLEEPS
    + """\


hits = []


@app.get("/hits")
async def hit() -> None:
    hits.append(1)
    time.sleep(1)
"""
)
"""One safe fix, and one that is not: the second route writes what requests share."""


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "main.py"
    path.write_text(SLEEPS, encoding="utf-8")
    return path


def check_result(main: Path) -> CheckResult:
    root = main.parent.resolve()
    return check(Settings(root=root, paths=(root,), cwd=root, cache=False, select=("FL1",)))


def lint(*options: str) -> int:
    return run(["check", "--isolated", "--no-cache", "-q", "--select", "FL1", *options])


# Options


def test_nothing_is_fixed_unless_asked(main: Path) -> None:
    assert lint() == 1
    assert main.read_text() == SLEEPS


def test_fix(main: Path) -> None:
    assert lint("--fix") == 0
    assert main.read_text() == AWAITS
    assert lint("--fix", "--exit-non-zero-on-fix") == 0


def test_fix_leaves_what_is_unsafe(main: Path) -> None:
    main.write_text(MIXED)

    assert lint("--fix") == 1
    assert main.read_text().count("await asyncio.sleep(1)") == 1
    assert lint("--fix-only") == 0
    assert lint("--fix", "--unsafe-fixes") == 0
    assert main.read_text() == MIXED.replace("import time", "import asyncio").replace(
        "time.sleep", "await asyncio.sleep"
    )


def test_exit_non_zero_on_fix(main: Path) -> None:
    assert lint("--fix", "--exit-non-zero-on-fix") == 1
    assert main.read_text() == AWAITS


def test_diff_changes_nothing(main: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint("--diff") == 1
    printed = capsys.readouterr().out
    assert "-import time\n+import asyncio\n" in printed
    assert "-    time.sleep(1)\n+    await asyncio.sleep(1)\n" in printed
    assert main.read_text() == SLEEPS
    main.write_text(AWAITS)
    assert lint("--diff") == 0
    assert capsys.readouterr().out == ""


def test_show_fixes(main: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lint("--fix", "--show-fixes")
    assert capsys.readouterr().out == "Fixed 1 diagnostic:\n- main.py:\n    1 x FL101 (blocking-sleep)\n"


@pytest.mark.parametrize(
    "options",
    [("--unfixable", "FL101"), ("--fixable", "FL2"), ("--config", 'extend-unsafe-fixes=["FL101"]')],
    ids=lambda options: options[0],
)
def test_fixes_can_be_turned_off(main: Path, options: tuple[str, ...]) -> None:
    assert lint("--fix", *options) == 1
    assert main.read_text() == SLEEPS


def test_a_rule_can_be_trusted(main: Path) -> None:
    main.write_text(MIXED)
    assert lint("--fix", "--config", 'extend-safe-fixes=["blocking-sleep"]') == 0


def test_an_unknown_rule_is_an_error(main: Path) -> None:
    assert lint("--fix", "--fixable", "FL999") == 2


def test_the_configuration_can_ask_for_fixes(main: Path) -> None:
    (main.parent / "fastlint.toml").write_text("fix = true\n")
    assert run(["check", "-q", "--select", "FL1", "--no-fix"]) == 1
    assert run(["check", "-q", "--select", "FL1"]) == 0
    assert main.read_text() == AWAITS


def test_json_has_the_edits(main: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lint("--output-format", "json")
    [found] = json.loads(capsys.readouterr().out)
    edits = found["fix"]["edits"]
    assert found["fix"]["applicability"] == "safe"
    assert [edit["content"] for edit in edits] == ["await asyncio.sleep(1)", "import asyncio\n"]
    assert edits[0]["location"] == {"row": 10, "column": 5}
    assert edits[0]["end_location"] == {"row": 10, "column": 18}


@pytest.mark.parametrize(
    "other",
    [
        "import main\n\nprint(main.time.time())\n",
        "from main import *\n\nprint(time.time())\n",
        "from unittest import mock\n\nmock.patch('main.time.sleep')\n",
    ],
)
def test_imports_that_other_files_use_stay(main: Path, other: str) -> None:
    (main.parent / "other.py").write_text(other)
    assert lint("--fix") == 0
    assert "import time\n" in main.read_text()


def test_a_bad_fix_does_not_stop_the_others(main: Path) -> None:
    result = check_result(main)
    [good] = result.diagnostics
    assert good.fix is not None
    bad = replace(
        good,
        location=Location(1, 1),
        fix=Fix("Break it", Applicability.SAFE, (Edit("main.py", Location(5, 1), Location(5, 1), "("),)),
    )
    workspace = Workspace()
    assert _round([bad, good], result, workspace) == [good]
    assert workspace.changed[main.resolve()] == AWAITS


def test_only_the_files_that_were_asked_for_change(main: Path) -> None:
    helper = main.parent / "other.py"
    helper.write_text(SLEEPS)
    lint("--fix", "main.py")
    assert helper.read_text() == SLEEPS
    assert main.read_text() == AWAITS


# Files


@pytest.mark.parametrize(
    ("before", "encoding"),
    [
        (SLEEPS.replace("\n", "\r\n"), "utf-8"),
        (SLEEPS, "utf-8-sig"),
        ("# -*- coding: latin-1 -*-\n# \xe9\n" + SLEEPS, "latin-1"),
        (SLEEPS.replace("    time", "\ttime"), "utf-8"),
        (SLEEPS.rstrip("\n"), "utf-8"),
        ("\n\n# \u4e2d \U0001f600\n" + SLEEPS + "# \U0001f600", "utf-8"),
        (SLEEPS.replace("1)", "1)  # \u00e9t\u00e9 \\"), "utf-8"),
    ],
    ids=["crlf", "bom", "latin-1", "tabs", "no end", "wide characters", "comment"],
)
def test_bytes_outside_of_the_fix_stay(main: Path, before: str, encoding: str) -> None:
    main.write_bytes(before.encode(encoding))
    assert lint("--fix") == 0
    after = before.replace("import time", "import asyncio").replace("time.sleep", "await asyncio.sleep")
    assert main.read_bytes() == after.encode(encoding)


def test_syntax_newer_than_this_python(main: Path) -> None:
    newer = "type Number = int | float\n\n\ndef first[T](items: list[T]) -> T:\n    return items[0]\n\n\n"
    main.write_text(newer + SLEEPS)
    assert lint("--fix") == 0
    assert main.read_text() == newer + AWAITS


def test_permissions_and_links_stay(main: Path) -> None:
    real = main.parent / "real.txt"
    main.rename(real)
    real.chmod(0o640)
    main.symlink_to(real)

    assert lint("--fix") == 0
    assert main.is_symlink()
    assert real.read_text() == AWAITS
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in main.parent.iterdir()) == ["main.py", "real.txt"]


def test_a_file_that_changed_meanwhile_is_left_alone(main: Path) -> None:
    result = fix(
        Settings(root=main.parent, paths=(main.parent,), cwd=main.parent, cache=False, select=("FL1",))
    )
    main.write_text("# mine\n")
    result.write()

    assert result.refused == [("main.py", "it was changed meanwhile")]
    assert main.read_text() == "# mine\n"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be written")
def test_a_directory_that_cannot_be_written(main: Path) -> None:
    main.parent.chmod(0o500)
    try:
        with pytest.raises(WriteError, match="cannot be written"):
            write_text(main, SLEEPS, AWAITS)
    finally:
        main.parent.chmod(0o700)
    assert main.read_text() == SLEEPS


def _append(path: Path, word: str, count: int) -> None:
    for _ in range(count):
        while True:
            text = path.read_text(encoding="utf-8")
            try:
                write_text(path, text, f"{text}{word}\n")
            except WriteError:
                continue
            break


def test_two_processes_at_once_lose_nothing(main: Path) -> None:
    main.write_text("")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append, args=(main, word, 20)) for word in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    words = main.read_text().split()
    assert (words.count("a"), words.count("b")) == (20, 20)


# Edits


def finding(
    path: str, *edits: tuple[int, int, str], guards: tuple[tuple[int, int], ...] = (), row: int = 1
) -> Diagnostic:
    """A diagnostic whose fix replaces columns of the first row."""

    def edit(start: int, end: int, content: str) -> Edit:
        return Edit(path, Location(1, start), Location(1, end), content)

    made = Fix(
        "Fix it", Applicability.SAFE, tuple(edit(*e) for e in edits), tuple(edit(*g, "") for g in guards)
    )
    place = Location(row, 1)
    return Diagnostic("FL101", "blocking-sleep", Severity.ERROR, "", path, place, place, fix=made)


def texts_of(text: str) -> Callable[[str], str]:
    return lambda path: text


def test_edits_that_overlap_wait() -> None:
    applied = apply_fixes(
        [
            finding("a.py", (1, 3, "X")),
            finding("a.py", (2, 4, "Y"), row=2),
            finding("a.py", (5, 6, "Z"), row=3),
        ],
        texts_of("abcdef"),
    )
    assert applied.texts == {"a.py": "XcdZf"}
    assert [d.location.row for d in applied.diagnostics] == [1, 3]


def test_equal_edits_count_once() -> None:
    applied = apply_fixes(
        [
            finding("a.py", (1, 1, "import\n"), (1, 2, "X")),
            finding("a.py", (1, 1, "import\n"), (3, 4, "Y"), row=2),
        ],
        texts_of("abcd"),
    )
    assert applied.texts == {"a.py": "import\nXbYd"}
    assert len(applied.diagnostics) == 2


def test_what_a_fix_relies_on_is_not_changed() -> None:
    first = finding("a.py", (5, 6, "X"), guards=((1, 4),))
    second = finding("a.py", (1, 4, ""), row=2)
    assert apply_fixes([first, second], texts_of("abcdef")).texts == {"a.py": "abcdXf"}
    second, first = finding("a.py", (1, 4, "")), finding("a.py", (5, 6, "X"), guards=((1, 4),), row=2)
    assert apply_fixes([first, second], texts_of("abcdef")).texts == {"a.py": "def"}


def test_a_fix_is_applied_as_a_whole() -> None:
    applied = apply_fixes(
        [finding("a.py", (1, 3, "X")), finding("a.py", (2, 4, "Y"), (5, 6, "Z"), row=2)], texts_of("abcdef")
    )
    assert applied.texts == {"a.py": "Xcdef"}


# Imports


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import asyncio as aio\n", None),
        ("from asyncio import sleep as nap\n", None),
        ("", "import asyncio\n"),
        ('"""Doc."""\n', '"""Doc."""\n\nimport asyncio\n'),
        (
            "import abc\nimport time\n\nimport fastapi\n",
            "import abc\nimport asyncio\nimport time\n\nimport fastapi\n",
        ),
        ("import fastapi\n", "import asyncio\n\nimport fastapi\n"),
        ("from __future__ import annotations\n", "from __future__ import annotations\n\nimport asyncio\n"),
        (
            "#!/usr/bin/env python\n# Licence\nx = 1\n",
            "#!/usr/bin/env python\n# Licence\nimport asyncio\n\nx = 1\n",
        ),
        (
            "from abc import (\n    ABC,\n)  # all\nx = 1\n",
            "import asyncio\nfrom abc import (\n    ABC,\n)  # all\nx = 1\n",
        ),
    ],
)
def test_an_import_goes_where_a_sorted_file_has_it(before: str, after: str | None) -> None:
    module = Module("a.py", before)
    named = name_of(module, "asyncio", "sleep")
    applied = apply_fixes([_with(named.edits)], texts_of(before)).texts.get("a.py")
    assert applied == after
    assert named.code in ("aio.sleep", "nap", "asyncio.sleep")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from fastapi.concurrency import contextmanager_in_threadpool\n",
         "from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool\n"),
        ("from fastapi.concurrency import (\n    a,\n    z,\n)\n",
         "from fastapi.concurrency import (\n    a,\n    run_in_threadpool,\n    z,\n)\n"),
        ("from fastapi.concurrency import (\n    a,\n    b,\n)\n",
         "from fastapi.concurrency import (\n    a,\n    b,\n    run_in_threadpool,\n)\n"),
        ("import fastapi\n\nfrom app import x\n",
         "import fastapi\nfrom fastapi.concurrency import run_in_threadpool\n\nfrom app import x\n"),
        ("from fastapi import FastAPI\nfrom . import x\n",
         "from fastapi import FastAPI\nfrom fastapi.concurrency import run_in_threadpool\nfrom . import x\n"),
        ("from starlette.concurrency import run_in_threadpool\n", None),
    ],
)  # fmt: skip
def test_a_name_is_added_to_an_import(before: str, after: str | None) -> None:
    named = name_of(
        Module("a.py", before), "fastapi.concurrency", "run_in_threadpool", also=("starlette.concurrency",)
    )
    assert apply_fixes([_with(named.edits)], texts_of(before)).texts.get("a.py") == after


@pytest.mark.parametrize("before", ["asyncio = None\n", "def f(asyncio): ...\n", "import x as asyncio\n"])
def test_a_name_that_is_taken(before: str) -> None:
    with pytest.raises(NoFix):
        name_of(Module("a.py", before), "asyncio", "sleep")


def _with(edits: tuple[Edit, ...]) -> Diagnostic:
    place = Location(1, 1)
    return Diagnostic(
        "FL101", "", Severity.ERROR, "", "a.py", place, place, fix=Fix("", Applicability.SAFE, edits)
    )


@pytest.mark.parametrize(
    ("head", "left"),
    [
        ("import time\nimport os\n", "import os\n"),
        ("import os, time\n", "import os\n"),
        ("import time, os\n", "import os\n"),
        ("import os, time, time as clock\n", "import os, time as clock\n"),
        ("import time  # noqa: F401\nimport os\n", None),
        ("try:\n    import time\nexcept ImportError:\n    time = None\nimport os\n", None),
        ("if True:\n    import time\nimport os\n", "if True:\n    pass\nimport os\n"),
        ("import os\nimport time; x = 1\n", "import os\npass; x = 1\n"),
        ("import os\nimport time\n__all__ = ['time']\n", None),
        ("import os\nimport time\n__all__: list[str] = ['time']\n", None),
        ("import os\nimport time\n__all__ = []\n__all__ += ['time']\n", None),
        ("import os\nimport time as time\n", None),
        ('"""\n>>> time.time()\n"""\nimport os\nimport time\n', None),
        ("import os\nimport time\nx: 'time.struct_time'\n", None),
    ],
)
def test_imports_that_are_no_longer_used_go(head: str, left: str | None) -> None:
    before, after = f"{head}time.sleep(os)\n", f"{head}os\n"
    expected = f"{head if left is None else left}os\n"
    assert without_unused(before, after, is_package=False) == expected
    assert without_unused(before, after, is_package=True) == after
    assert without_unused(before, after, is_package=False, needed=frozenset({"time"})) == after
