"""The cache: what is printed again and what is not, which facts are read, and whom it believes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlint.cache import directory as directories
from fastlint.cache import inputs, kept, replay
from fastlint.cache.directory import TAG, CacheDirectory, make_directory, open_directory
from fastlint.cache.kept import Kept, content_hash
from fastlint.cache.replay import Run
from fastlint.cli.boundary import run
from fastlint.facts import build
from fastlint.facts.build import build_facts, text_facts
from fastlint.facts.packing import from_bytes, to_bytes, version
from fastlint.sources.reading import read_bytes

ROOT = Path(__file__).resolve().parent.parent
TICK = 0.06
"""Seconds after which a change of a file is sure to show."""

APP = """\
import time

from fastapi import FastAPI
from shared.helper import wait

app = FastAPI()


@app.get("/")
async def read():
    time.sleep(1)
    wait()
    return {"done": True}
"""
HELPER = "import time\n\n\ndef wait():\n    time.sleep(2)\n"


@dataclass(frozen=True)
class Answer:
    code: int
    output: str
    errors: str
    is_replayed: bool


Check = Callable[..., Answer]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI", "GITHUB_STEP_SUMMARY", "FASTLINT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a state that is older than a tick, with an empty cache, as the current directory."""
    root = tmp_path / "project"
    write(root / "pyproject.toml", "[project]\ndependencies = ['fastapi>=0.115']\n")
    write(root / "app" / "main.py", APP)
    write(root / "shared" / "helper.py", HELPER)
    write(root / "Dockerfile", 'CMD ["uvicorn", "main:app"]\n')
    (root / "app" / "later").symlink_to(tmp_path / "later")
    assert make_directory(str(root / ".fastlint_cache"))
    monkeypatch.chdir(root)
    time.sleep(TICK)
    return root


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs `fastlint check` as the command does, in this process."""

    def answer(*arguments: str) -> Answer:
        this = Run(["check", *arguments])
        outcome = this.recall()
        if outcome is None:
            code = run(["check", *arguments], this)
        else:
            code = outcome.code
            outcome.show()
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err, outcome is not None)

    return answer


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def cache_of(project: Path) -> CacheDirectory:
    directory = open_directory(str(project / ".fastlint_cache"))
    assert directory is not None
    return directory


def records(project: Path) -> list[Path]:
    return sorted((project / ".fastlint_cache").glob("run-*"))


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def command(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "fastlint", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# What is printed again


@pytest.mark.parametrize("output_format", ["full", "concise", "json", "github"])
def test_an_unchanged_run_is_printed_again(project: Path, check: Check, output_format: str) -> None:
    first = check("app", "--output-format", output_format)
    second = check("app", "--output-format", output_format)
    assert (first.is_replayed, second.is_replayed) == (False, True)
    assert first.code == 1
    assert "FL101" in first.output
    assert (second.code, second.output, second.errors) == (first.code, first.output, first.errors)


def test_what_was_said_on_standard_error_is_said_again(project: Path, check: Check) -> None:
    (project / "empty").mkdir()
    time.sleep(TICK)
    first, second = check("empty"), check("empty")
    assert second.is_replayed
    assert first.errors == second.errors == "warning: no Python files were found under the given paths\n"


def edit_same_size(project: Path) -> None:
    write(project / "app" / "main.py", APP.replace("time.sleep(1)", "time.clock(1)"))


def edit_and_keep_the_time(project: Path) -> None:
    before = (project / "app" / "main.py").stat()
    edit_same_size(project)
    os.utime(project / "app" / "main.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_another(project: Path) -> None:
    before = (project / "app" / "main.py").stat()
    write(project / "new", APP.replace("time.sleep(1)", "time.clock(1)"))
    os.utime(project / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (project / "new").replace(project / "app" / "main.py")


def install(name: str, text: str) -> Callable[[Path], None]:
    return lambda project: write(project / name, text)


CHANGES: dict[str, Callable[[Path], None]] = {
    "edit": edit_same_size,
    "edit, time kept": edit_and_keep_the_time,
    "another file of that name": replace_by_another,
    "file removed": lambda project: (project / "app" / "main.py").unlink(),
    "new file": install("app/other.py", APP.replace("app = ", "other = ").replace("@app", "@other")),
    "new file in a new directory": install("app/deep/er/other.py", "import time\n" + APP),
    "followed file edited": install("shared/helper.py", "def wait(): ...\n"),
    "followed file removed": lambda project: (project / "shared" / "helper.py").unlink(),
    "nearer file for an import": install("app/shared/helper.py", "def wait(): ...\n"),
    "configuration": install("pyproject.toml", "[tool.fastlint]\nignore = ['FL1']\n"),
    "new configuration": install("fastlint.toml", "ignore = ['FL1']\n"),
    "new configuration nearer": install("app/.fastlint.toml", "ignore = ['FL1']\n"),
    "new project nearer": install("app/pyproject.toml", "[tool.fastlint]\nignore = ['FL1']\n"),
    "new lock file": install("uv.lock", '[[package]]\nname = "fastapi"\nversion = "0.100.0"\n'),
    "new requirements": install("app/requirements.txt", "fastapi==0.100.0\n"),
    "new ignore file": install("app/.gitignore", "main.py\n"),
    "new ignore file above": install(".gitignore", "app/main.py\n"),
    "link to nowhere that leads somewhere now": install("../later/main.py", APP),
    "deployment": install("Dockerfile", 'CMD ["uvicorn", "main:app", "--reload"]\n'),
    "new deployment": install("compose.yaml", 'services: {web: {command: "uvicorn main:app --reload"}}\n'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_the_result_is_fresh(project: Path, check: Check, change: str) -> None:
    check("app")
    assert check("app").is_replayed
    CHANGES[change](project)
    after = check("app")
    assert not after.is_replayed
    assert after.output == check("app", "--no-cache").output


def touch(project: Path) -> None:
    for path in project.rglob("*"):
        if ".fastlint_cache" not in path.parts and not path.is_symlink():
            path.touch()


def copy_over(project: Path) -> None:
    shutil.copy(project / "app" / "main.py", project.parent / "copy")
    (project.parent / "copy").replace(project / "app" / "main.py")


SAME: dict[str, Callable[[Path], None]] = {
    "touch": touch,
    "the same text again": install("app/main.py", APP),
    "the same text in another file": copy_over,
    "what tools leave": install("app/__pycache__/main.cpython-311.pyc", ""),
    "a file that comes and goes": lambda project: (
        install("app/x.py", "")(project),
        (project / "app/x.py").unlink(),
    ),
}


@pytest.mark.parametrize("change", SAME)
def test_where_all_contents_are_the_same_a_run_is_printed_again(
    project: Path, check: Check, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check("app")
    SAME[change](project)
    again = check("app")
    assert again.is_replayed
    assert again.output == first.output
    time.sleep(TICK)
    assert check("app").is_replayed
    monkeypatch.setattr(replay, "content", lambda path: None)
    assert check("app").is_replayed


def test_what_git_is_told_to_ignore_makes_a_run_fresh(project: Path, check: Check) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=project, check=True, capture_output=True)

    git("init", "-q")
    time.sleep(TICK)
    check("app")
    assert check("app").is_replayed
    git("status")
    assert check("app").is_replayed

    for change in (
        lambda: write(project / ".git" / "info" / "exclude", "app/main.py\n"),
        lambda: git("add", "-f", "app/main.py"),
        lambda: git("config", "core.excludesFile", str(project / "mine")),
        lambda: write(project / "mine", "shared\n"),
        lambda: shutil.rmtree(project / ".git"),
    ):
        change()
        after = check("app")
        assert not after.is_replayed
        assert after.output == check("app", "--no-cache").output
        time.sleep(TICK)
        check("app")
        assert check("app").is_replayed


WATCHED = """
import os, sys
from fastlint.cache.replay import Run
from fastlint.cli.boundary import run

top, seen = os.path.dirname(os.getcwd()), set()
def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, os.PathLike)):
        seen.add(os.path.abspath(arguments[0]))
sys.addaudithook(watch)
really = os.stat
def stat(path, *arguments, **options):
    if isinstance(path, (str, os.PathLike)):
        seen.add(os.path.abspath(path))
    return really(path, *arguments, **options)
os.stat = stat
class Watched(Run):
    def keep(self, directory, outcome, inputs, looks):
        noted = set(map(os.path.abspath, inputs.stamps))
        missed = {path for path in seen - noted if path.startswith(top) and ".fastlint_cache" not in path}
        print(len(noted), *sorted(missed), file=sys.stderr)
run(["check", *sys.argv[1:]], Watched(["check"]))
"""


@pytest.mark.parametrize("arguments", [["app"], ["."], ["app/main.py"], ["app", "--output-format", "github"]])
@pytest.mark.parametrize("with_git", [False, True])
def test_whatever_is_looked_at_is_noted(project: Path, arguments: list[str], with_git: bool) -> None:
    where = project
    if with_git:
        subprocess.run(["git", "init", "-q"], check=True)
        write(project / "pyproject.toml", "")
        where = project / "app" / "services" / "api"
    write(where / "requirements.txt", "-r requirements/base.txt\n-c missing.txt\n")
    write(where / "requirements" / "base.txt", "fastapi==0.140\n")
    write(where / "uv.lock", '[[package]]\nname = "fastapi"\nversion = "0.140.0"\n')
    write(project / "deploy" / "nginx.conf", "server { location / { proxy_pass http://app; } }\n")
    write(project / "start.sh", "uvicorn main:app\n")
    write(project / "app" / "sub" / "routes.py", "from .. import other\nfrom sub import *\n")
    (project / "app" / "link.py").symlink_to(project / "shared" / "helper.py")
    (project / "app" / "linked").symlink_to(project / "shared")
    answer = subprocess.run(
        [sys.executable, "-c", WATCHED, *arguments, "--select", "ALL"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "FL501" in answer.stdout
    number, *missed = answer.stderr.split()
    assert int(number) > 20
    assert missed == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NO_COLOR", "1"),
        ("FORCE_COLOR", "1"),
        ("TERM", "dumb-ish"),
        ("COLUMNS", "61"),
        ("CI", "true"),
        ("FASTLINT_ANYTHING", "1"),
        ("GIT_CONFIG_COUNT", "0"),
    ],
)
def test_another_environment_is_another_run(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    check("app")
    assert check("app").is_replayed
    with monkeypatch.context() as other:
        other.setenv(name, value)
        assert not check("app").is_replayed
    assert check("app").is_replayed


def test_other_versions_arguments_and_places_are_other_runs(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    check("app")
    assert check("app").is_replayed
    assert not check("app", "--exit-zero").is_replayed
    assert not check("./app").is_replayed
    with monkeypatch.context() as other:
        other.setattr(replay, "__version__", "0.0.1")
        assert not check("app").is_replayed
    with monkeypatch.context() as other:
        other.setattr(sys, "version", "3.99")
        assert not check("app").is_replayed
    with monkeypatch.context() as other:
        other.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        assert not check("app").is_replayed
    with monkeypatch.context() as other:
        other.chdir(project / "app")
        assert not check(".").is_replayed
        assert check(".").is_replayed
    assert check("app").is_replayed


def test_a_change_of_fastlint_itself_makes_a_run_fresh(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = project.parent / "rule.py"
    write(own, "x = 1\n")
    time.sleep(TICK)
    monkeypatch.setattr(replay, "_own_files", lambda: iter([str(own)]))
    check("app")
    assert check("app").is_replayed
    write(own, "x = 2\n")
    assert not check("app").is_replayed


@pytest.mark.parametrize(
    "arguments",
    [["-v"], ["--fix"], ["--diff"], ["--fix-only"], ["--output-file", "report"], ["--no-cache"]],
    ids=" ".join,
)
def test_what_does_more_than_print_is_not_kept(project: Path, check: Check, arguments: list[str]) -> None:
    check("app", *arguments)
    assert records(project) == []
    assert not check("app", *arguments).is_replayed


def test_a_run_that_fills_the_summary_of_a_step_is_not_kept(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.parent / "summary"))
    check("app", "--output-format", "github")
    assert records(project) == []


def test_fix_in_the_configuration_is_not_kept(project: Path, check: Check) -> None:
    write(project / "pyproject.toml", "[tool.fastlint]\nfix = true\n")
    check("app")
    assert records(project) == []


def test_a_failed_run_is_not_kept(project: Path, check: Check) -> None:
    assert check("nowhere").code == 2
    assert check("app", "--select", "FL000").code == 2
    assert records(project) == []


def test_what_changed_within_a_tick_is_not_trusted(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_TICK", 3_600_000_000_000)
    check("app")
    assert records(project) == []


def test_what_changes_during_a_run_makes_the_next_one_fresh(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_facts(text: str) -> object:
        edit_same_size(project)
        return text_facts(text)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(build, "text_facts", slow_facts)
        check("app")
    after = check("app")
    assert not after.is_replayed
    assert after.output == check("app", "--no-cache").output


def test_a_cache_elsewhere(project: Path, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "pyproject.toml", "[tool.fastlint]\ncache-dir = 'var/cache'\n")
    shutil.rmtree(project / ".fastlint_cache")
    assert make_directory(str(project / "var" / "cache"))
    time.sleep(TICK)
    first = check("app")
    kept_at = sorted((project / "var" / "cache").glob("run-*"))
    assert len(kept_at) == 1
    before = kept_at[0].stat().st_mtime_ns
    assert check("app").output == first.output
    assert kept_at[0].stat().st_mtime_ns == before
    assert not (project / ".fastlint_cache").exists()

    monkeypatch.setenv("FASTLINT_CACHE_DIR", str(project.parent / "outside"))
    assert make_directory(str(project.parent / "outside"))
    check("app")
    assert check("app").is_replayed


def test_a_replay_imports_next_to_nothing(project: Path) -> None:
    program = (
        "import os, sys\n"
        "from fastlint.__main__ import main\n"
        "def leave(code):\n"
        "    print(code, *sorted(sys.modules), file=sys.stderr)\n"
        "    sys.stderr.flush()\n"
        "    really(code)\n"
        "really, os._exit = os._exit, leave\n"
        "sys.argv = ['fastlint', 'check', 'app']\n"
        "main()\n"
    )

    def loaded() -> set[str]:
        words = [sys.executable, "-S", "-c", program]
        paths = os.pathsep.join([str(ROOT), *(p for p in sys.path if p.endswith("site-packages"))])
        answer = subprocess.run(
            words, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True
        )
        assert "FL101" in answer.stdout, answer.stderr
        return set(answer.stderr.split())

    assert "click" in loaded()
    again = loaded()
    assert not again & {
        "click",
        "rich",
        "libcst",
        "msgpack",
        "pathlib",
        "typing",
        "dataclasses",
        "re",
        "hashlib",
    }
    assert {name for name in again if name.startswith("fastlint")} == {
        "fastlint", "fastlint.__main__", "fastlint.cache",
        "fastlint.cache.directory", "fastlint.cache.inputs", "fastlint.cache.replay",
    }  # fmt: skip


def test_a_reader_that_leaves_is_no_error_of_a_replay(project: Path) -> None:
    for _ in range(2):
        process = command("check", "app")
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.wait() == 1
        assert process.stderr.read() == ""
        process.stderr.close()


def test_a_terminal_that_lacks_characters(project: Path) -> None:
    write(project / "app" / "main.py", APP.replace("time.sleep(1)", "time.sleep('ä')"))
    time.sleep(TICK)
    answers = [command("check", "app", PYTHONIOENCODING="ascii").communicate() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert "time.sleep('?')" in answers[0][0]


# Facts


def facts_kept_in(project: Path) -> Kept:
    return Kept(cache_of(project), version)


def test_facts_are_read_and_equal(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "broken.py", "def (:\n")
    paths = sorted(project.rglob("*.py"))
    built = build_facts(paths)
    first = facts_kept_in(project)
    assert build_facts(paths, kept=first) == built
    first.save()

    def refuse(text: str) -> object:
        raise AssertionError(text)

    monkeypatch.setattr(build, "text_facts", refuse)
    assert build_facts(paths, kept=facts_kept_in(project)) == built


def test_facts_from_workers_are_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "WORTH_A_WORKER", 1)
    monkeypatch.setattr(build, "available_cores", lambda: 2)
    paths = sorted(project.rglob("*.py"))
    first = facts_kept_in(project)
    built = build_facts(paths, kept=first)
    first.save()
    again = facts_kept_in(project)
    assert all(again.get(content_hash(read_bytes(path))) for path in paths)
    assert build_facts(paths, kept=again) == built == build_facts(paths)


def test_what_cannot_be_packed_is_built_each_time(project: Path) -> None:
    write(project / "deep.py", f"x = {'[' * 90}{']' * 90}\ny = {'-' * 700}1\nz = {10**30}\n")
    first = facts_kept_in(project)
    built = build_facts([project / "deep.py"], kept=first)
    first.save()
    assert build_facts([project / "deep.py"], kept=facts_kept_in(project)) == built


def test_facts_of_other_code_do_not_count(project: Path) -> None:
    first = Kept(cache_of(project), lambda: b"one")
    first.put(content_hash(b"text"), b"facts")
    first.save()
    assert bytes(Kept(cache_of(project), lambda: b"one").get(content_hash(b"text")) or b"") == b"facts"
    assert Kept(cache_of(project), lambda: b"two").get(content_hash(b"text")) is None


def test_what_was_not_used_makes_room(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "SHARDS", 1)
    monkeypatch.setattr(kept, "ROOM", 1000)
    keys = [content_hash(b"%d" % number) for number in range(30)]
    for number, key in enumerate(keys):
        store = Kept(cache_of(project), lambda: b"")
        store.get(keys[0])
        store.put(key, b"%100d" % number)
        store.save()
    store = Kept(cache_of(project), lambda: b"")
    left = [number for number, key in enumerate(keys) if store.get(key)]
    assert left == [0, *range(21, 30)]

    large = Kept(cache_of(project), lambda: b"")
    for key in keys:
        large.put(key, bytes(100))
    large.save()
    assert all(Kept(cache_of(project), lambda: b"").get(key) for key in keys)


def test_runs_make_room_for_newer_ones(project: Path, check: Check) -> None:
    for number in range(20):
        check("app", "--isolated", "--fastapi-version", f"0.{number}")
    assert len(records(project)) == 16
    assert check("app", "--isolated", "--fastapi-version", "0.19").is_replayed


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.binary() | anything.map(msgpack.packb))
def test_bytes_that_are_no_facts_are_refused(data: bytes) -> None:
    from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffabc",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 100_000,
        msgpack.packb([[[1] * 23], [], [], 1, []]),
        msgpack.packb([[], [[1] * 8], [], 1, []]),
        b"cos\nsystem\n(S'false'\ntR.",
    ],
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    assert from_bytes(data) is None


@given(st.data())
def test_damaged_facts_never_come_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("damaged")
    directory = make_directory(str(root / "cache"))
    assert directory is not None
    piece = to_bytes(text_facts(APP))
    assert piece is not None
    store = Kept(directory, version)
    store.put(content_hash(b""), piece)
    store.save()
    (path,) = (root / "cache").glob("facts-*")
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(whole[:place])
    else:
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << data.draw(st.integers(0, 7))]) + whole[place + 1 :]
        )
    assert Kept(directory, version).get(content_hash(b"")) is None


def test_damaged_runs_are_not_printed(project: Path, check: Check) -> None:
    first = check("app")
    (record,) = records(project)
    whole = record.read_bytes()
    damaged = [b"", whole[:-1], whole[: len(whole) // 2], whole + b"x", whole.replace(b"FL101", b"FL999")]
    for content in (*damaged, os.urandom(5000)):
        record.write_bytes(content)
        answer = check("app")
        assert not answer.is_replayed
        assert answer.output == first.output
        assert record.read_bytes() == whole


# Whom it believes


def test_the_directory_is_a_cache_directory(project: Path) -> None:
    place = project / ".fastlint_cache"
    assert (place / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    assert (place / ".gitignore").read_text() == "*\n"
    if os.name != "nt":
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_cache_that_was_copied_is_not_believed(project: Path, check: Check) -> None:
    check("app")
    place = project / ".fastlint_cache"
    shutil.copytree(place, project.parent / "copy")
    assert Kept(cache_of(project), version).get(content_hash(APP.encode())) is not None
    shutil.rmtree(place)
    shutil.copytree(project.parent / "copy", place)
    assert Kept(cache_of(project), version).get(content_hash(APP.encode())) is None
    time.sleep(TICK)
    assert not check("app").is_replayed
    check("app")
    assert check("app").is_replayed


def is_unused(check: Check, place: Path) -> bool:
    """Whether runs are right and leave alone what is there."""
    before = names_in(place) if place.is_dir() else None
    answers = [check("app") for _ in range(2)]
    after = names_in(place) if place.is_dir() else None
    return before == after and not any(a.is_replayed or "FL101" not in a.output for a in answers)


def test_a_link_is_no_cache(project: Path, check: Check) -> None:
    place = project / ".fastlint_cache"
    place.rename(project.parent / "elsewhere")
    place.symlink_to(project.parent / "elsewhere")
    assert is_unused(check, project.parent / "elsewhere")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners")
def test_what_belongs_to_others_is_no_cache(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = project / ".fastlint_cache"
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
        assert is_unused(check, place)
    place.chmod(0o777)
    assert is_unused(check, place)


def test_a_directory_with_other_things_is_no_cache(project: Path, check: Check) -> None:
    write(project / "pyproject.toml", "[tool.fastlint]\ncache-dir = 'shared'\n")
    assert is_unused(check, project / "shared")
    write(project / "pyproject.toml", "[tool.fastlint]\ncache-dir = 'Dockerfile'\n")
    assert is_unused(check, project / "Dockerfile")


def test_a_project_that_cannot_be_written(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".fastlint_cache" / TAG).unlink()
    (project / ".fastlint_cache" / ".gitignore").unlink()
    (project / ".fastlint_cache").rmdir()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", refuse)
    answer = check("app")
    assert (answer.code, answer.errors) == (1, "")
    assert not (project / ".fastlint_cache").exists()


def test_a_full_disk(project: Path, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    answer = check("app")
    assert (answer.code, answer.errors) == (1, "")
    assert names_in(project / ".fastlint_cache") == [".gitignore", TAG]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_stands_in_place_of_files_is_passed_over(project: Path, check: Check) -> None:
    first = check("app")
    place = project / ".fastlint_cache"
    for path in [*records(project), *place.glob("facts-*")]:
        path.unlink()
        if path.name.startswith("run"):
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
    answer = check("app")
    assert not answer.is_replayed
    assert answer.output == first.output
    assert check("app").is_replayed


KILLED = """
import os, signal, sys
from fastlint.cache.replay import Run
from fastlint.cli.boundary import run
really, left = os.replace, int(sys.argv[1])
def replace(source, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    really(source, target)
os.replace = replace
run(["check", "app"], Run(["check", "app"]))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize("writes", range(4))
def test_a_killed_run_leaves_the_cache_usable(project: Path, check: Check, writes: int) -> None:
    shutil.rmtree(project / ".fastlint_cache")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(writes)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert killed.returncode == -signal.SIGKILL
    time.sleep(TICK)
    place = project / ".fastlint_cache"
    (left,) = place.glob("tmp-*")
    os.utime(left, (0, 0))
    first = check("app")
    time.sleep(TICK)
    check("app")
    again = check("app")
    assert again.is_replayed
    assert again.output == first.output == check("app", "--no-cache").output
    assert list(place.glob("tmp-*")) == []


def test_runs_at_the_same_time(project: Path) -> None:
    shutil.rmtree(project / ".fastlint_cache")
    processes = [command("check", "app") for _ in range(4)]
    answers = [process.communicate() for process in processes]
    assert len(set(answers)) == 1
    assert "FL101" in answers[0][0]
    assert list((project / ".fastlint_cache").glob("tmp-*")) == []
    assert command("check", "app").communicate() == answers[0]


def test_clean_removes_what_fastlint_wrote(project: Path, check: Check) -> None:
    check("app")
    place = project / ".fastlint_cache"
    write(place / "mine.txt", "not from fastlint")
    assert run(["clean"]) == 0
    assert names_in(place) == ["mine.txt"]
    assert run(["clean"]) == 0
    assert names_in(place) == ["mine.txt"]
    (place / "mine.txt").unlink()
    check("app")
    assert run(["clean", "app", "-q"]) == 0
    assert not place.exists()


def test_the_names_of_what_is_written_are_known() -> None:
    assert replay._PREFIX in directories._PREFIXES
    assert kept._name(0).startswith(directories._PREFIXES)
