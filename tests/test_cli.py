"""The command line: verbs, options, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastlint import __version__
from fastlint.cli.boundary import run
from fastlint.cli.terminal import wants_color
from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic, Location, Severity
from fastlint.rules import pages

ROOT = Path(__file__).resolve().parent.parent

FOUND = Diagnostic(
    code="FL101",
    name="blocking-sleep",
    severity=Severity.ERROR,
    message="`time.sleep(1)` blocks the event loop in route GET /",
    filename="main.py",
    location=Location(2, 5),
    end_location=Location(2, 18),
)


@dataclass(frozen=True)
class Outcome:
    diagnostics: tuple[Diagnostic, ...] = ()
    files: int = 3
    routes: int = 2
    fixed: int = 0


Check = Callable[[Settings, object], Outcome]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as the current directory, and no variable that changes the output."""
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[Check], None]:
    """Puts a function in the place of the engine's `check`."""

    def replace(check: Check) -> None:
        module = types.ModuleType("fastlint.engine.run")
        module.check = lambda settings, progress, workspace: check(settings, progress)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fastlint.engine.run", module)

    return replace


def fastlint(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "fastlint", *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"fastlint {__version__}\n"


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["check", "-h"], ["rule", "--help"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert capsys.readouterr().out.startswith("Usage: fastlint")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chekc"], 'there is no command "chekc"; did you mean "check"?'),
        (["app"], 'there is no command "app"; to check it, run: fastlint check app'),
        (["check", "--selct", "FL1"], "No such option"),
        (["check", "--output-format", "xml"], "'xml' is not one of"),
        (["rule", "FL101", "--all"], "give a rule or --all, not both"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("app").mkdir()
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""


def test_exit_codes(engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]) -> None:
    engine(lambda settings, progress: Outcome())
    assert run(["check"]) == 0
    assert capsys.readouterr().out == "All checks passed.\n"
    engine(lambda settings, progress: Outcome((FOUND,)))
    assert run(["check"]) == 1
    assert run(["check", "--exit-zero"]) == 0
    assert capsys.readouterr().err == ""


def test_errors_of_the_user_take_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("fastlint.toml").write_text("selct = []\n")
    assert run(["check"]) == 2
    printed = capsys.readouterr()
    assert printed.err == 'error: unknown key "selct" in fastlint.toml; did you mean "select"?\n'
    assert printed.out == ""
    assert run(["check", "--isolated", "--fastapi-version", "new"]) == 2
    error = 'error: --fastapi-version must be a version such as "0.115", not "new"\n'
    assert capsys.readouterr().err == error


def test_a_crash_asks_for_a_report(
    engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(settings: Settings, progress: object) -> Outcome:
        raise ZeroDivisionError("something internal")

    engine(crash)
    assert run(["check", "some dir"]) == 2
    error = capsys.readouterr().err
    assert "ZeroDivisionError: something internal" in error
    assert f"fastlint {__version__} failed on a mistake of its own. Please report it" in error
    assert "command: fastlint check 'some dir'" in error


def test_an_interrupt(engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(settings: Settings, progress: object) -> Outcome:
        raise KeyboardInterrupt

    engine(interrupt)
    assert run(["check"]) == 130
    assert capsys.readouterr().err.endswith("fastlint: interrupted\n")


def test_options_reach_the_settings(engine: Callable[[Check], None]) -> None:
    seen: list[Settings] = []

    def remember(settings: Settings, progress: object) -> Outcome:
        seen.append(settings)
        return Outcome()

    engine(remember)
    arguments = (
        "check app lib --select FL1,FL2 --select ALL --ignore blocking-sleep, --extend-select FL3 "
        "--extend-ignore FL4,FL5 --exclude a,b --extend-exclude c --config cache-dir='x' --no-cache "
        "--fastapi-version 0.115 --output-format concise --isolated"
    )
    assert run(arguments.replace("'", '"').split()) == 0
    [settings] = seen
    here = Path.cwd()
    assert settings.paths == (here / "app", here / "lib")
    given = settings.command_line
    assert given.select == ("FL1", "FL2", "ALL")
    assert given.ignore == ("blocking-sleep",)
    assert given.extend_select == ("FL3",)
    assert given.extend_ignore == ("FL4", "FL5")
    assert settings.exclude == ("a", "b")
    assert settings.extend_exclude == ("c",)
    assert settings.cache_dir == here / "x"
    assert settings.fastapi_version == "0.115"
    assert settings.output_format == "concise"
    assert not settings.cache


def test_the_file_chooses_the_format_and_the_option_wins(
    engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]
) -> None:
    engine(lambda settings, progress: Outcome((FOUND,)))
    Path("fastlint.toml").write_text('output-format = "concise"\n')
    run(["check"])
    assert capsys.readouterr().out.startswith("main.py:2:5: FL101 ")
    run(["check", "--output-format", "json"])
    assert json.loads(capsys.readouterr().out)[0]["code"] == "FL101"


def test_nothing_to_check_is_said(
    engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]
) -> None:
    engine(lambda settings, progress: Outcome(files=0, routes=0))
    assert run(["check"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "warning: no Python files were found under the given paths\n"
    assert printed.out == ""


@pytest.mark.parametrize(("output_format", "stream"), [("full", "out"), ("concise", "out"), ("json", "err")])
def test_no_route_is_said(
    engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str], output_format: str, stream: str
) -> None:
    engine(lambda settings, progress: Outcome(routes=0))
    assert run(["check", "--output-format", output_format]) == 0
    assert "No FastAPI route was found in 3 files" in getattr(capsys.readouterr(), stream)


def test_quiet_and_verbose(engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]) -> None:
    engine(lambda settings, progress: Outcome())
    run(["check", "-q"])
    assert capsys.readouterr() == ("", "")
    run(["check", "-v"])
    error = capsys.readouterr().err
    assert f"fastlint {__version__}: 3 files, 2 routes, " in error
    assert f"project: {Path.cwd()}" in error
    assert "configuration: none" in error


def test_statistics(engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]) -> None:
    engine(lambda settings, progress: Outcome((FOUND, FOUND)))
    assert run(["check", "--statistics"]) == 1
    assert capsys.readouterr().out.splitlines()[0] == "2  FL101  blocking-sleep"
    assert run(["check", "--statistics", "--output-format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == [{"code": "FL101", "name": "blocking-sleep", "count": 2}]
    assert run(["check", "--statistics", "--output-format", "github"]) == 2
    assert "--statistics has no github format" in capsys.readouterr().err


def test_output_file(engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]) -> None:
    engine(lambda settings, progress: Outcome((FOUND,)))
    assert run(["check", "--output-file", "report.txt"]) == 1
    assert capsys.readouterr().out == ""
    assert Path("report.txt").read_text().startswith("main.py:2:5 FL101 blocking-sleep (error)\n")
    assert run(["check", "--output-file", "no/such/dir/report.txt"]) == 2
    assert "cannot write no/such/dir/report.txt: No such file or directory" in capsys.readouterr().err


def test_colour_on_request(engine: Callable[[Check], None], capsys: pytest.CaptureFixture[str]) -> None:
    engine(lambda settings, progress: Outcome((FOUND,)))
    run(["check"])
    assert "\x1b" not in capsys.readouterr().out
    run(["check", "--color", "always"])
    printed = capsys.readouterr().out
    assert "\x1b[" in printed
    assert "\x1b]8" not in printed


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_what_decides_about_colour(
    monkeypatch: pytest.MonkeyPatch,
    choice: str,
    environment: dict[str, str],
    terminal: bool,
    expected: bool,
) -> None:
    for name, value in ({"TERM": "xterm"} | environment).items():
        monkeypatch.setenv(name, value)

    class Stream:
        def isatty(self) -> bool:
            return terminal

    assert wants_color(choice, Stream()) is expected  # type: ignore[arg-type]


def test_importing_the_entry_point_imports_nothing() -> None:
    program = (
        "import sys, fastlint.__main__; print([m for m in ('click', 'rich', 'libcst') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert answer.stdout == "[]\n"


@pytest.mark.parametrize("arguments", [["--version"], ["-h"], ["check", "-h"], ["rule"]])
def test_what_needs_no_analysis_loads_none_of_it(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom fastlint.cli.boundary import run\n"
        f"code = run({arguments!r})\n"
        "heavy = [m for m in ('rich', 'libcst', 'packaging', 'pathspec', 'asyncio') if m in sys.modules]\n"
        "print(heavy, code, file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert answer.stderr == "[] 0\n"


def test_a_path_that_does_not_exist() -> None:
    Path("main.py").touch()
    answer = fastlint("check", "mian.py")
    assert answer.returncode == 2
    assert answer.stderr == 'error: mian.py does not exist; did you mean "main.py"?\n'
    assert answer.stdout == ""


APPLICATION = """\
import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def read():
    time.sleep(1)
"""


def test_an_application() -> None:
    Path("main.py").write_text(APPLICATION)
    answer = fastlint("check")
    assert answer.returncode == 1, answer.stderr
    assert answer.stdout.startswith("main.py:10:5 FL101 blocking-sleep [*] (error)\n")
    assert "   10 |     time.sleep(1)\n      |     ^^^^^^^^^^^^^\n" in answer.stdout
    assert answer.stdout.endswith(
        "Found 1 diagnostic (1 error) in 1 file.\n[*] 1 fixable with the `--fix` option.\n"
    )


def test_selection_and_suppression_in_an_application() -> None:
    Path("main.py").write_text(APPLICATION)
    assert fastlint("check", "--ignore", "blocking-sleep").stdout == "All checks passed.\n"
    unknown = fastlint("check", "--select", "blocking-slep")
    assert unknown.returncode == 2
    assert (
        unknown.stderr == 'error: unknown rule "blocking-slep" in "select"; did you mean "blocking-sleep"?\n'
    )
    Path("main.py").write_text(APPLICATION.replace("(1)", "(1)  # fastlint: ignore[FL101] short"))
    assert fastlint("check").stdout == "All checks passed.\n"


def test_a_reader_that_leaves_early() -> None:
    Path("main.py").write_text(APPLICATION + "    time.sleep(2)\n" * 2000)
    program = f"{sys.executable} -m fastlint check | head -n 1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {program}"], env=environment, capture_output=True, text=True
    )
    assert answer.stdout == "main.py:10:5 FL101 blocking-sleep [*] (error)\n"
    assert answer.stderr == ""
    assert answer.returncode == 1


def in_terminal(program: str) -> str:
    """What a Python program shows in a terminal of 80 columns, with both its streams there."""
    import pty

    parent, child = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "80"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=child, stderr=child)
    os.close(child)
    shown = b""
    try:
        while block := os.read(parent, 4096):
            shown += block
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(parent)
    process.wait()
    return shown.decode()


SLOW = """
import sys, time, types
engine = types.ModuleType("fastlint.engine.run")
def check(settings, progress, workspace):
    for done in range(4):
        time.sleep({pause})
        if progress: progress("reading", done, 4)
    return types.SimpleNamespace(diagnostics=(), files=4, routes=1)
engine.check = check
sys.modules["fastlint.engine.run"] = engine
from fastlint.cli.boundary import run
run(["check", *{options!r}])
"""


def test_progress_appears_in_a_terminal_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "reading" in in_terminal(SLOW.format(pause=0.2, options=[]))
    assert "reading" not in in_terminal(SLOW.format(pause=0.2, options=["-q"]))
    assert "reading" not in in_terminal(SLOW.format(pause=0.2, options=["--no-progress"]))
    assert "reading" not in in_terminal(SLOW.format(pause=0.01, options=[]))
    monkeypatch.setenv("CI", "true")
    assert "reading" not in in_terminal(SLOW.format(pause=0.2, options=[]))


@dataclass(frozen=True)
class Info:
    code: str
    name: str
    summary: str
    severity: Severity = Severity.ERROR
    default: bool = True
    fix: str | None = None


@pytest.fixture
def book(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rule book of two pages."""
    from fastlint.cli import rule

    (project / "README.md").write_text("# Rules\n")
    (project / "FL101-blocking-sleep.md").write_text("# FL101 blocking-sleep\n\nDo *not* sleep.\n")
    (project / "FL201-n-plus-one.md").write_text("# FL201 n-plus-one\n\nOne query.\n")
    monkeypatch.setattr(pages, "book", lambda: project)
    rules = (
        Info("FL101", "blocking-sleep", "Do not sleep"),
        Info("FL201", "n-plus-one", "One query", Severity.INFO, default=False),
    )
    monkeypatch.setattr(rule, "RULES", rules)
    return project


@pytest.mark.parametrize("word", ["FL101", "fl101", "blocking-sleep", "Blocking-Sleep"])
def test_the_page_of_a_rule(book: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", word]) == 0
    assert capsys.readouterr().out == "# FL101 blocking-sleep\n\nDo *not* sleep.\n"


def test_the_page_is_rendered_where_there_is_colour(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "FL101", "--color", "always"]) == 0
    printed = capsys.readouterr().out
    assert "\x1b[" in printed
    assert "*not*" not in printed


def test_all_pages(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "--all"]) == 0
    assert capsys.readouterr().out == (
        "# FL101 blocking-sleep\n\nDo *not* sleep.\n\n# FL201 n-plus-one\n\nOne query.\n"
    )


def test_the_table_of_rules(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule"]) == 0
    assert capsys.readouterr().out == (
        "FL101  blocking-sleep  error    none            Do not sleep\n"
        "FL201  n-plus-one      off      none            One query\n"
    )


def test_rules_as_json(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "n-plus-one", "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "code": "FL201",
        "name": "n-plus-one",
        "summary": "One query",
        "severity": "info",
        "default": False,
        "fix": None,
        "explanation": "# FL201 n-plus-one\n\nOne query.\n",
        "url": "https://github.com/fastlint/fastlint/blob/main/rules/FL201-n-plus-one.md",
    }
    assert run(["rule", "--all", "--output-format", "json"]) == 0
    assert [rule["code"] for rule in json.loads(capsys.readouterr().out)] == ["FL101", "FL201"]


def test_an_unknown_rule(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "n-plus-on"]) == 2
    assert capsys.readouterr().err == 'error: there is no rule "n-plus-on"; did you mean "n-plus-one"?\n'


def test_pages_are_found_without_the_rules() -> None:
    program = "import sys, fastlint.rules.pages; print('libcst' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert answer.stdout == "False\n"


def test_every_rule_has_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rule", "--all"]) == 0
    assert capsys.readouterr().out.startswith("# FL")


def test_the_pre_commit_hook() -> None:
    yaml = pytest.importorskip("yaml")

    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["id"] == "fastlint"
    assert hook["entry"] == "fastlint check"
    assert hook["language"] == "python"
    assert hook["types_or"] == ["python", "pyi", "dockerfile", "toml", "yaml"]
    assert hook["pass_filenames"] is False
    assert hook["require_serial"] is True
