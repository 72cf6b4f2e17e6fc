"""Every output format, and the wording that they share."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastlint.config.settings import OUTPUT_FORMATS, Settings
from fastlint.diagnostics import (
    Applicability,
    Diagnostic,
    Edit,
    EntryPoint,
    Fix,
    Location,
    Severity,
    Step,
)
from fastlint.engine.run import check
from fastlint.reports import writer
from fastlint.reports.concise import line
from fastlint.reports.excerpt import excerpt
from fastlint.reports.model import Output
from fastlint.reports.statistics import write_json, write_text
from fastlint.reports.words import summary


@dataclass(frozen=True)
class Outcome:
    diagnostics: tuple[Diagnostic, ...] = ()
    files: int = 41
    routes: int = 7
    fixed: int = 0


def diagnostic(row: int = 2, severity: Severity = Severity.ERROR, **changes: object) -> Diagnostic:
    """The call `load_profile(user_id)` of the project below, with everything a diagnostic can have."""
    fields: dict[str, object] = {
        "code": "FL102",
        "name": "blocking-http-call",
        "severity": severity,
        "message": "`load_profile()` blocks the event loop in route GET /users/{id}",
        "filename": "app/main.py",
        "location": Location(row, 12),
        "end_location": Location(row, 33),
        "advice": "await `httpx.AsyncClient.get()`",
        "chain": (
            Step("app/main.py", Location(row, 12), "load_profile(user_id)", "app.services.load_profile"),
            Step("app/services.py", Location(8, 5), "client.fetch(url)", "app.http.Client.fetch"),
            Step("app/http.py", Location(21, 16), "requests.get(url)", "requests.get"),
        ),
        "entry_points": (
            EntryPoint("route", "GET /users/{id}", "app/main.py", Location(1, 1)),
            EntryPoint("dependency", "current_user", "app/deps.py", Location(3, 1)),
        ),
    }
    return Diagnostic(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main.py").write_text("async def route(user_id):\n    return load_profile(user_id)\n")
    return tmp_path


def report(output_format: str, cwd: Path, *diagnostics: Diagnostic, **output: object) -> str:
    stream = io.StringIO()
    place = Output(stream=stream, cwd=cwd, **output)  # type: ignore[arg-type]
    writer(output_format)(Outcome(diagnostics), place)
    return stream.getvalue()


def test_full(project: Path) -> None:
    assert report("full", project, diagnostic()) == (
        "app/main.py:2:12 FL102 blocking-http-call (error)\n"
        "  `load_profile()` blocks the event loop in route GET /users/{id}\n"
        "    2 |     return load_profile(user_id)\n"
        "      |            ^^^^^^^^^^^^^^^^^^^^^\n"
        "  chain: app/services.py:8 `client.fetch(url)` -> app.http.Client.fetch\n"
        "         app/http.py:21 `requests.get(url)` -> requests.get\n"
        "  reached from: GET /users/{id} (app/main.py:1) and 1 more\n"
        "  help: await `httpx.AsyncClient.get()`\n"
        "\n"
        "Found 1 diagnostic (1 error) in 41 files.\n"
    )


def test_entry_points_that_are_farther_away_are_counted(project: Path) -> None:
    assert " and 31 more\n" in report("full", project, diagnostic(further_entry_points=30))
    assert " and 30 more\n" in report("full", project, diagnostic(further_entry_points=30), details=True)


def test_the_nearest_entry_points_are_listed(tmp_path: Path) -> None:
    routes = (f"@app.get('/{i}')\nasync def route_{i}():\n    slow()\n" for i in range(33))
    head = "import time\nfrom fastapi import FastAPI\napp = FastAPI()\ndef slow():\n    time.sleep(1)\n"
    tail = "async def late():\n    slow()\n" + "".join(
        f"@app.get('/late/{i}')\nasync def late_{i}():\n    await late()\n" for i in range(33)
    )
    (tmp_path / "main.py").write_text(head + "".join(routes) + tail)
    found = check(Settings(root=tmp_path, paths=(tmp_path,), cwd=tmp_path, cache=False)).diagnostics
    [late] = [each for each in found if each.further_entry_points]
    assert (len(late.entry_points), late.further_entry_points) == (20, 13)


def test_full_at_forty_columns(project: Path) -> None:
    text = report("full", project, diagnostic(notes=("a note that is longer than a line can be",)), width=40)
    assert text == (
        "app/main.py:2:12 FL102 blocking-http-call (error)\n"
        "  `load_profile()` blocks the event loop\n"
        "  in route GET /users/{id}\n"
        "    2 |     return load_profile(user_id)\n"
        "      |            ^^^^^^^^^^^^^^^^^^^^^\n"
        "  chain:\n"
        "    app/services.py:8\n"
        "    `client.fetch(url)` ->\n"
        "    app.http.Client.fetch\n"
        "    app/http.py:21 `requests.get(url)`\n"
        "    -> requests.get\n"
        "  reached from:\n"
        "    GET /users/{id} (app/main.py:1) and\n"
        "    1 more\n"
        "  help:\n"
        "    await `httpx.AsyncClient.get()`\n"
        "  note:\n"
        "    a note that is longer than a line\n"
        "    can be\n"
        "\n"
        "Found 1 diagnostic (1 error) in 41\n"
        "files.\n"
    )


def test_full_with_details_names_every_entry_point(project: Path) -> None:
    text = report("full", project, diagnostic(), details=True)
    assert "reached from: GET /users/{id} (app/main.py:1)\n" in text
    assert "                dependency current_user (app/deps.py:3)\n" in text


def test_full_of_a_bare_diagnostic(project: Path) -> None:
    bare = diagnostic(advice="", chain=(), entry_points=(), end_location=Location(2, 12))
    assert report("full", project, bare, summary=False) == (
        "app/main.py:2:12 FL102 blocking-http-call (error)\n"
        "  `load_profile()` blocks the event loop in route GET /users/{id}\n"
        "    2 |     return load_profile(user_id)\n"
        "      |            ^\n"
        "\n"
    )


def test_full_underlines_the_first_of_several_lines(project: Path) -> None:
    (project / "app/main.py").write_text("\n\tx = get(  \n\t\t1)\n")
    several = diagnostic(location=Location(2, 6), end_location=Location(3, 5))
    assert "    2 |     x = get(\n      |         ^^^^\n" in report("full", project, several)


@pytest.mark.parametrize("filename", ["app/gone.py", "app/binary.py"])
def test_full_without_the_source(project: Path, filename: str) -> None:
    (project / "app/binary.py").write_bytes(b"\0")
    text = report("full", project, diagnostic(filename=filename, row=1))
    assert f"{filename}:1:12 FL102" in text
    assert " | " not in text


def test_colour_and_links(project: Path) -> None:
    text = report("full", project, diagnostic(), color=True, links=True, width=80)
    assert "\x1b]8;" in text
    assert "https://github.com/fastlint/fastlint/blob/main/rules/FL102-blocking-http-call.md" in text
    assert "\x1b[1;31m" in text
    assert "\x1b[1;31mFL102\x1b[0m" in report("concise", project, diagnostic(), color=True)


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_nothing_steers_the_terminal_unless_asked(
    project: Path, output_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the report itself nor what a source file smuggles in."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    (project / "app/main.py").write_text("\nreturn '\x1b[31m\u202e' + load()\n")
    nasty = diagnostic(
        message="bad \x1b]0;title\x07 \u202e",
        location=Location(2, 8),
        chain=(Step("x.py", Location(1, 1), "f('\x1b[0m',\n  2)", "f"),),
    )
    text = report(output_format, project, nasty, width=80)
    assert not set("\x1b\x07\u202e") & set(text)


def test_concise(project: Path) -> None:
    elsewhere = diagnostic(filename="/elsewhere/x.py", severity=Severity.WARNING)
    assert report("concise", project, diagnostic(), elsewhere) == (
        "app/main.py:2:12: FL102 `load_profile()` blocks the event loop in route GET /users/{id}\n"
        "/elsewhere/x.py:2:12: FL102 `load_profile()` blocks the event loop in route GET /users/{id}\n"
        "Found 2 diagnostics (1 error, 1 warning) in 41 files.\n"
    )


def test_absolute_file_names_are_shown_relative_to_the_current_directory(project: Path) -> None:
    absolute = diagnostic(filename=str(project / "app/main.py"))
    for output_format in ("full", "concise"):
        assert report(output_format, project, absolute).startswith("app/main.py:2:12")


def test_json(project: Path) -> None:
    [found] = json.loads(report("json", project, diagnostic()))
    main = str(project / "app/main.py")
    assert found == {
        "cell": None,
        "code": "FL102",
        "name": "blocking-http-call",
        "severity": "error",
        "message": "`load_profile()` blocks the event loop in route GET /users/{id}",
        "advice": "await `httpx.AsyncClient.get()`",
        "filename": main,
        "location": {"row": 2, "column": 12},
        "end_location": {"row": 2, "column": 33},
        "chain": [
            {
                "filename": main,
                "location": {"row": 2, "column": 12},
                "call": "load_profile(user_id)",
                "target": "app.services.load_profile",
            },
            {
                "filename": str(project / "app/services.py"),
                "location": {"row": 8, "column": 5},
                "call": "client.fetch(url)",
                "target": "app.http.Client.fetch",
            },
            {
                "filename": str(project / "app/http.py"),
                "location": {"row": 21, "column": 16},
                "call": "requests.get(url)",
                "target": "requests.get",
            },
        ],
        "entry_points": [
            {
                "kind": "route",
                "label": "GET /users/{id}",
                "filename": main,
                "location": {"row": 1, "column": 1},
            },
            {
                "kind": "dependency",
                "label": "current_user",
                "filename": str(project / "app/deps.py"),
                "location": {"row": 3, "column": 1},
            },
        ],
        "further_entry_points": 0,
        "notes": [],
        "unfixed": None,
        "fix": None,
        "noqa_row": 2,
        "url": "https://github.com/fastlint/fastlint/blob/main/rules/FL102-blocking-http-call.md",
    }


def test_json_of_nothing(project: Path) -> None:
    assert json.loads(report("json", project)) == []


CHAIN = (
    Step("main.py", Location(2, 12), "load_profile(user_id)", "app.services.load_profile"),
    Step("http.py", Location(21, 16), "requests.get(url)", "requests.get"),
)


@pytest.fixture
def workflow(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a GitHub Actions step; the value is the file of its summary."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    return project / "summary.md"


def test_github(project: Path, workflow: Path) -> None:
    first, second, last = report(
        "github", project / "app", diagnostic(filename="main.py", chain=CHAIN)
    ).splitlines()
    assert first == (
        "::error title=FL102 blocking-http-call,file=app/main.py,line=2,endLine=2,col=12,endColumn=33::"
        "`load_profile()` blocks the event loop in route GET /users/{id}"
        "%0Aapp/http.py:21 requests.get(url) -> requests.get"
        "%0AReached from: GET /users/{id}"
        "%0AHelp: await `httpx.AsyncClient.get()`"
    )
    assert second.startswith("app/main.py:2:12: FL102 ")
    assert last == "Found 1 diagnostic (1 error) in 41 files."


def test_github_escapes(project: Path, workflow: Path) -> None:
    odd = diagnostic(filename="a,b:c%.py", message="100%\r\nof it", chain=(), entry_points=())
    line = report("github", project, odd).splitlines()[0]
    assert ",file=a%2Cb%3Ac%25.py," in line
    assert line.endswith("::100%25 of it%0AHelp: await `httpx.AsyncClient.get()`")


def test_github_names_no_columns_over_several_lines(project: Path, workflow: Path) -> None:
    line = report("github", project, diagnostic(end_location=Location(4, 2))).splitlines()[0]
    assert ",line=2,endLine=4::" in line


def test_github_annotates_ten_of_each_level(project: Path, workflow: Path) -> None:
    levels = (Severity.INFO, Severity.WARNING, Severity.ERROR)
    many = [diagnostic(row, severity) for row in range(1, 13) for severity in levels]
    lines = report("github", project, *many).splitlines()
    commands = [line.split()[0] for line in lines if line.startswith("::")]
    assert commands == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10
    assert len([line for line in lines if line.startswith("app/main.py:")]) == 36
    assert lines[-2] == "GitHub shows 10 annotations of a level, so 6 diagnostics stand only in this list."


def test_github_fills_the_step_summary(project: Path, workflow: Path) -> None:
    workflow.write_text("before\n")
    report("github", project, diagnostic(severity=Severity.WARNING), diagnostic(message="a | b"))
    text = workflow.read_text()
    assert text.startswith("before\n### fastlint\n\nFound 2 diagnostics (1 error, 1 warning) in 41 files.\n")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows[0] == (
        "| `app/main.py:2` | [FL102](https://github.com/fastlint/fastlint/blob/main/rules/"
        "FL102-blocking-http-call.md) blocking-http-call | a \\| b |"
    )
    assert "GET /users" in rows[1]


def test_github_outside_of_actions_is_relative_to_the_repository(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (project / ".git").mkdir()
    text = report("github", project / "app", diagnostic(filename=str(project / "app/main.py")))
    assert ",file=app/main.py," in text


def test_statistics(project: Path) -> None:
    sleeps = [diagnostic(row, code="FL101", name="blocking-sleep") for row in range(1, 11)]
    outcome = Outcome((diagnostic(), *sleeps))
    stream = io.StringIO()
    write_text(outcome, Output(stream, project))
    assert stream.getvalue() == (
        "10  FL101  blocking-sleep\n"
        " 1  FL102  blocking-http-call\n"
        "Found 11 diagnostics (11 errors) in 41 files.\n"
    )
    stream = io.StringIO()
    write_json(outcome, Output(stream, project))
    assert json.loads(stream.getvalue()) == [
        {"code": "FL101", "name": "blocking-sleep", "count": 10},
        {"code": "FL102", "name": "blocking-http-call", "count": 1},
    ]


PLAIN = Output(io.StringIO(), Path("/"))


def test_summaries() -> None:
    assert summary(Outcome(), PLAIN) == "All checks passed."
    assert summary(Outcome(files=0, routes=0), PLAIN) == ""
    none = summary(Outcome(routes=0), PLAIN)
    assert none.startswith("No FastAPI route was found in 41 files")
    assert "passed" not in none
    assert summary(Outcome((diagnostic(),), files=1, routes=0), PLAIN).splitlines()[0] == (
        "Found 1 diagnostic (1 error) in 1 file."
    )
    hint = diagnostic(severity=Severity.INFO)
    assert (
        summary(Outcome((hint, hint), files=2000), PLAIN) == "Found 2 diagnostics (2 hints) in 2,000 files."
    )


def test_summaries_count_fixes() -> None:
    place = Location(2, 1)
    edits = (Edit("app/main.py", place, place, "await "),)
    safe, unsafe = (Fix("Await it", applicability, edits) for applicability in Applicability)
    found = (diagnostic(fix=safe), diagnostic(fix=unsafe), diagnostic(fix=unsafe))
    every = Output(io.StringIO(), Path("/"), unsafe_fixes=True)

    assert summary(Outcome(found), PLAIN).splitlines()[1] == (
        "[*] 1 fixable with the `--fix` option (2 hidden fixes can be enabled with the `--unsafe-fixes` option)."
    )
    assert summary(Outcome(found), every).splitlines()[1] == "[*] 3 fixable with the `--fix` option."
    assert summary(Outcome(found[1:2]), PLAIN).splitlines()[1] == (
        "No fixes available (1 hidden fix can be enabled with the `--unsafe-fixes` option)."
    )
    assert summary(Outcome(found[:1], fixed=4), PLAIN).startswith(
        "Found 1 diagnostic (1 error) in 41 files, 4 fixed"
    )
    assert summary(Outcome(fixed=4), PLAIN) == "Fixed 4 diagnostics; nothing is left."
    assert [line(each, Path("/"), fixable=PLAIN.applies(each.fix)).count("[*]") for each in found] == [
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("line", "start", "end", "width", "code", "marked"),
    [
        ("x = f(1)", 4, 8, None, "x = f(1)", "f(1)"),
        ("x = f(1)", 4, 8, 8, "x = f(1)", "f(1)"),
        ("\tf(1)", 1, 5, 20, "    f(1)", "f(1)"),
        ("        return f(1)", 15, 19, 12, "return f(1)", "f(1)"),
        ("value = f(1) + and_more_of_it", 8, 12, 20, "value = f(1) + an...", "f(1)"),
        ("first_part_is_long = f(1)", 21, 25, 16, "...g = f(1)", "f(1)"),
        ("first_part_is_long = f(1) + second", 21, 25, 16, "...g = f(1) +...", "f(1)"),
        ("f(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)", 0, 33, 12, "f(aaaaaaa...", "f(aaaaaaa"),
        ("", 0, 0, 10, "", ""),
        ("x", 9, 12, 10, "x", ""),
    ],
)
def test_excerpts(line: str, start: int, end: int, width: int | None, code: str, marked: str) -> None:
    cut = excerpt(line, start, end, width)
    assert cut.code == code
    assert cut.code[cut.start : cut.end] == marked
    assert cut.end > cut.start


def test_wide_characters_take_two_columns() -> None:
    cut = excerpt("名 = f(1)", 4, 8, None)
    assert (cut.start, cut.end) == (5, 9)


@pytest.mark.parametrize("width", range(4, 60))
@pytest.mark.parametrize("start", [0, 8, 30, 70])
def test_excerpts_keep_the_mark_within_the_width(width: int, start: int) -> None:
    line = "        " + "abcdefgh " * 10
    cut = excerpt(line, start, start + 12, width)
    assert len(cut.code) <= max(width, 7)
    assert 0 <= cut.start < cut.end <= max(width, 7)
