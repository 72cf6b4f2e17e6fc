"""After an edit, what the cache gives is what a run without it gives; and what means nothing starts no run."""

from __future__ import annotations

import ast
import io
import shutil
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlint.cache.directory import make_directory
from fastlint.cache.replay import Run
from fastlint.cli.boundary import run
from fastlint.engine import run as engine
from fastlint.facts.build import text_facts
from fastlint.facts.looks import Look, looks_the_same

from .random_programs import random_program

FIXTURES = Path(__file__).parent / "fixtures"
TICK = 0.06
"""Seconds after which a change of a file is sure to show."""

SILENT = '''\
"""What this module is for."""


def total(prices):
    # added up
    return sum(prices)  # at once
'''
APP = """\
import time

from fastapi import FastAPI
from totals import total

app = FastAPI()


@app.get("/")
async def read(prices: list[int]):
    time.sleep(1)
    return total(prices)
"""


def answer(*arguments: str) -> tuple[int, str, str]:
    """The exit code of `fastlint check`, and what it prints."""
    output, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    words = ["check", ".", *arguments]
    with redirect_stdout(output), redirect_stderr(errors):
        this = Run(words)
        known = this.recall()
        code = run(words, this) if known is None else known.code
        if known is not None:
            known.show()
    said = []
    for stream in (output, errors):
        stream.seek(0)
        said.append(stream.read())
    return code, said[0], said[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI", "GITHUB_STEP_SUMMARY", "FASTLINT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "totals.py").write_text(SILENT)
    (tmp_path / "main.py").write_text(APP)
    assert make_directory(str(tmp_path / ".fastlint_cache"))
    monkeypatch.chdir(tmp_path)
    time.sleep(TICK)
    return tmp_path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one with each run that resolves the program."""
    made: list[object] = []
    check = engine.check

    def counted(*arguments: object) -> object:
        made.append(arguments)
        return check(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "check", counted)
    return made


SPARE = """\
def describe(prices):
    text = ", ".join(map(str, prices))
    return text
"""
TESTS = """\
from totals import total


def test_total():
    assert total([1, 2]) == 3
"""

MEANS_NOTHING: dict[str, Callable[[str], str]] = {
    "a comment at the end": lambda text: f"{text}# more\n",
    "a comment at the top": lambda text: f"# more\n{text}",
    "a comment between": lambda text: text.replace("    return", "    # more\n\n    return"),
    "a comment less": lambda text: text.replace("    # added up\n", ""),
    "another comment": lambda text: text.replace("at once", "in one go"),
}
MEANS_SOMETHING: dict[str, Callable[[str], str]] = {
    "a call": lambda text: text.replace("    # added up\n", "    import time; time.sleep(1)\n"),
    "two rows in one": lambda text: text.replace("):\n    # added up\n    return", "): return"),
    "a name": lambda text: text.replace("prices", "amounts"),
    "a mistake": lambda text: f"{text})\n",
    "nothing left": lambda text: "",
}


@pytest.mark.parametrize("edit", MEANS_NOTHING.values(), ids=MEANS_NOTHING)
def test_what_means_nothing_starts_no_run(
    project: Path, runs: list[object], edit: Callable[[str], str]
) -> None:
    before = answer()
    for _ in range(2):
        (project / "totals.py").write_text(edit((project / "totals.py").read_text()))
        time.sleep(TICK)
        assert answer() == before
    assert len(runs) == 1
    assert answer("--no-cache") == before


@pytest.mark.parametrize("edit", MEANS_SOMETHING.values(), ids=MEANS_SOMETHING)
def test_what_means_something_starts_one(
    project: Path, runs: list[object], edit: Callable[[str], str]
) -> None:
    answer()
    (project / "totals.py").write_text(edit(SILENT))
    time.sleep(TICK)
    now = answer()
    assert len(runs) == 2
    assert now == answer("--no-cache")


UNSEEN: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "a statement in a body that nothing calls": (
        "spare.py", SPARE, lambda text: text.replace("    return", "    text = text.upper()\n    return"),
    ),
    "another body": ("spare.py", SPARE, lambda text: text.replace('", ".join(map(str, prices))', "repr(prices)")),
    "a test more": ("test_totals.py", TESTS, lambda text: f"{text}\n\ndef test_nothing():\n    assert not total([])\n"),
    "a test less": ("test_totals.py", TESTS, lambda text: "from totals import total\n"),
    "a class among the tests": ("test_totals.py", TESTS, lambda text: f"{text}\n\nclass Prices(list):\n    pass\n"),
}  # fmt: skip
SEEN: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "a function more": ("spare.py", SPARE, lambda text: f"{text}\n\ndef more():\n    pass\n"),
    "a name that is looked for": (
        "spare.py", SPARE, lambda text: text.replace("    return", "    app.mount('/', prices)\n    return"),
    ),
    "a coroutine function": ("spare.py", SPARE, lambda text: text.replace("def", "async def")),
    "an import in a test": ("test_totals.py", TESTS, lambda text: f"import spare\n{text}"),
    "a test that names what is looked for": ("test_totals.py", TESTS, lambda text: f"{text}    total.Mangum\n"),
    "a number that only a rule reads": (
        "naps.py",
        "import time\nfrom main import app\n\n@app.get('/nap')\ndef nap():\n    time.sleep(0.5)\n",
        lambda text: text.replace("0.5", "2.5"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "edit"), UNSEEN.values(), ids=UNSEEN)
def test_what_no_run_looks_at_starts_none(
    project: Path, runs: list[object], name: str, text: str, edit: Callable[[str], str]
) -> None:
    (project / name).write_text(text)
    time.sleep(TICK)
    before = answer("--select", "ALL")
    (project / name).write_text(edit(text))
    time.sleep(TICK)
    assert answer("--select", "ALL") == before
    assert len(runs) == 1
    assert answer("--select", "ALL", "--no-cache") == before


@pytest.mark.parametrize(("name", "text", "edit"), SEEN.values(), ids=SEEN)
def test_what_a_run_looks_at_starts_one(
    project: Path, runs: list[object], name: str, text: str, edit: Callable[[str], str]
) -> None:
    (project / name).write_text(text)
    time.sleep(TICK)
    answer("--select", "ALL")
    (project / name).write_text(edit(text))
    time.sleep(TICK)
    now = answer("--select", "ALL")
    assert len(runs) == 2
    assert now == answer("--select", "ALL", "--no-cache")


def test_a_comment_in_a_file_that_is_named_starts_a_run(project: Path, runs: list[object]) -> None:
    answer()
    (project / "main.py").write_text(APP.replace("time.sleep(1)", "time.sleep(1)  # noqa: FL101"))
    time.sleep(TICK)
    code, output, _ = answer()
    assert (code, len(runs)) == (0, 2)
    assert "FL101" not in output
    (project / "main.py").write_text(APP)
    time.sleep(TICK)
    assert answer()[0] == 1


def test_what_was_never_kept_starts_a_run(project: Path, runs: list[object]) -> None:
    answer()
    for path in (project / ".fastlint_cache").glob("facts-*"):
        path.unlink()
    (project / "totals.py").write_text(f"{SILENT}# more\n")
    time.sleep(TICK)
    answer()
    assert len(runs) == 2


MORE = ["x = len(str(1))", "time.sleep(0.5)", "a.get('/')(f)", "self.a = first.b", "app.state.x = print"]
"""Statements to put into functions."""


def edited(text: str, random: Random) -> str:
    """A text with a comment, an empty line or a statement more, at its end or in a function, or one line less."""
    lines = text.split("\n")
    place = random.randrange(len(lines))
    if random.random() < 0.6:
        starts = [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
        place = random.choice(starts or [1]) - 1
        lines.insert(place, random.choice(["", "# a comment", "        # another"]))
    elif random.random() < 0.5:
        lines.append(random.choice(["import time; time.sleep(1)", "x = 1", "def f(): pass"]))
    elif random.random() < 0.5:
        inside = [node.body[-1] for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        if inside:
            last = random.choice(inside)
            lines.insert(last.lineno - 1, " " * last.col_offset + random.choice(MORE))
    else:
        del lines[place]
    changed = "\n".join(lines)
    try:
        ast.parse(changed)
    except (SyntaxError, ValueError):
        return text
    return changed


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_runs_after_edits_say_what_cold_runs_say(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    random = Random(seed)
    root = tmp_path_factory.mktemp("edits")
    files = random_program(seed, 6) | {
        "totals.py": SILENT, "main.py": APP, "spare.py": SPARE, "test_totals.py": TESTS,
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    compare_after_edits(root, random, [root / name for name in files])


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())[:6])
def test_applications_after_edits(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    shutil.copytree(FIXTURES / name, root, ignore=shutil.ignore_patterns("__pycache__", ".fastlint_cache"))
    compare_after_edits(root, Random(name), sorted(root.rglob("*.py")))


def compare_after_edits(root: Path, random: Random, paths: list[Path]) -> None:
    assert make_directory(str(root / ".fastlint_cache"))
    with pytest.MonkeyPatch.context() as there:
        there.chdir(root)
        time.sleep(TICK)
        for _ in range(4):
            warm, cold = (answer("--select", "ALL", *more) for more in ((), ("--no-cache",)))
            assert warm == cold
            path = random.choice(paths)
            path.write_text(edited(path.read_text(), random))
            time.sleep(TICK)


def test_rows_that_change_places_are_no_comments() -> None:
    moved = (
        ("a = 1\nb = 2\n", "\n\na = 1\n# why\nb = 2\n", True),
        ("a = f(\n  1)\n", "a = f(\n\n  1)\n", True),
        ("a = f(\n  1)\n", "a = f(1)\n", False),
        ("a = f(1); b = g()\n", "a = f(1)\nb = g()\n", False),
        ("a = f(1)\n", "a =  f(1)\n", False),
        ("a = 1\n", "a = 2\n", False),
        ("a = 1\n", "b = 1\n", False),
        ("a = 1\n", "a = True\n", False),
        ("a = 1\n", "a = (\n", False),
        ("a = (\n", "a = (\n", False),
    )
    for before, now, expected in moved:
        assert looks_the_same(text_facts(before), text_facts(now), Look()) is expected, (before, now)
