"""What a command imports: as little as it needs, and never the project that it looks at."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastlint

ROOT = Path(__file__).resolve().parent.parent
CLEAN = """\
import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def read():
    time.sleep(1)
"""


def python(directory: Path, program: str) -> str:
    """What a program prints on standard error, in a process of its own that finds fastlint."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=directory, env=environment, capture_output=True, text=True
    )
    return answer.stderr


def imported_by(directory: Path, *arguments: str) -> set[str]:
    """The modules that are loaded once a command has run."""
    program = (
        "import json, sys\n"
        "from fastlint.cli.boundary import run\n"
        f"code = run({list(arguments)!r})\n"
        "assert code == 0, code\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    return set(json.loads(python(directory, program)))


@pytest.mark.parametrize("arguments", [["--version"], ["rule"], ["rule", "FL101"], ["check"]])
def test_clean_runs_never_load_what_only_rules_need(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "main.py").write_text(CLEAN, encoding="utf-8")
    modules = imported_by(tmp_path, *arguments)
    assert not modules & {"libcst", "packaging", "fastapi", "starlette"}


@pytest.mark.parametrize("arguments", [["--version"], ["rule", "FL101"]])
def test_what_checks_nothing_loads_no_engine(tmp_path: Path, arguments: list[str]) -> None:
    loaded = {name for name in imported_by(tmp_path, *arguments) if name.startswith("fastlint.")}
    assert not {
        name for name in loaded if name.split(".")[1] in ("engine", "project", "facts", "application")
    }


def test_a_rule_is_loaded_when_there_is_something_to_look_at(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(CLEAN.replace("def read", "async def read"), encoding="utf-8")
    modules = imported_by(tmp_path, "check", "--exit-zero", "--output-format", "json")
    rules = {name for name in modules if name.startswith("fastlint.rules.event_loop.")}
    assert "fastlint.rules.event_loop.blocking_sleep" in rules
    assert "fastlint.rules.event_loop.blocking_http_call" not in rules
    assert not modules & {"libcst.matchers", "fastapi", "starlette"}


def test_no_module_loads_what_few_runs_need(tmp_path: Path) -> None:
    names = [module.name for module in pkgutil.walk_packages(fastlint.__path__, "fastlint.")]
    names.remove("fastlint.__main__")
    program = (
        f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n"
        "print([m for m in ('fastapi', 'starlette', 'rich', 'libcst.matchers') if m in sys.modules],"
        " file=sys.stderr)\n"
    )
    assert python(tmp_path, program) == "[]\n"


def test_reports_for_programs_do_without_rich(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(CLEAN.replace("def read", "async def read"), encoding="utf-8")
    for output_format in ("concise", "json", "github"):
        assert "rich" not in imported_by(tmp_path, "check", "--exit-zero", "--output-format", output_format)


def test_a_project_is_never_imported(tmp_path: Path) -> None:
    trap = "from pathlib import Path\nPath(__file__).with_suffix('.trapped').touch()\n"
    files = {
        "main.py": trap + CLEAN.replace("def read", "async def read"),
        "conftest.py": trap,
        "sitecustomize_like.py": trap,
        "pkg/__init__.py": trap,
        "pkg/click.py": trap,
        "pkg/fastapi.py": trap,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    imported_by(tmp_path, "check", "--exit-zero")
    assert list(tmp_path.rglob("*.trapped")) == []
    assert sorted(tmp_path.rglob("*.py")) == sorted(tmp_path / name for name in files)
