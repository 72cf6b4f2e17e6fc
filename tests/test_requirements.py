"""Which versions a project uses: what each file says, which file counts, and that none stops a run."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from fastlint.config.load import CommandLine, load_settings
from fastlint.engine.loading import load_program
from fastlint.sources.pins import ANY, Pin, exactly, from_poetry
from fastlint.sources.requirements import read_directory
from fastlint.sources.versions import Versions


def pin(lowest: str | None, highest: str | None, below: bool = False) -> Pin:
    return Pin(lowest and Version(lowest), highest and Version(highest), below)  # type: ignore[arg-type]


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def declared(root: Path, files: dict[str, str], distribution: str = "fastapi") -> Pin | None:
    """What files of one directory ask for."""
    return read_directory(plant(root, files)).declared.get(distribution)


def found(root: Path, *paths: str, distribution: str = "fastapi") -> Pin:
    return Versions(root, [root / path for path in paths or (".",)]).pin(distribution)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("fastapi", ANY),
        ("fastapi==0.110.1", exactly(Version("0.110.1"))),
        ("fastapi===0.110.1", exactly(Version("0.110.1"))),
        ("fastapi==0.110.*", pin("0.110", "0.111", below=True)),
        ("fastapi~=0.115.2", pin("0.115.2", "0.116", below=True)),
        ("fastapi>=0.115,<0.116", pin("0.115", "0.116", below=True)),
        ("fastapi >0.115, !=0.115.3, <=0.120", pin("0.115", "0.120")),
        ("fastapi[standard]>=0.112", pin("0.112", None)),
        ("FastAPI (>=0.115,<1)", pin("0.115", "1", below=True)),
        ("fastapi==0.110  # the last that works", exactly(Version("0.110"))),
        ("fastapi==0.110 ; python_version > '3.8'", exactly(Version("0.110"))),
        ("fastapi==0.110 --hash=sha256:00", exactly(Version("0.110"))),
        ("fastapi==0.110 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01", exactly(Version("0.110"))),
        ("fastapi \\\n==0.110", exactly(Version("0.110"))),
        ("fastapi>=0.100\nfastapi<0.116", pin("0.100", "0.116", below=True)),
        ("fastapi @ git+https://github.com/fastapi/fastapi", ANY),
        ("fastapi @ https://x/y-1.whl#egg=z ; python_version > '3'", ANY),
        ("# fastapi==0.110", None),
        ("fastapi-users==1", None),
        ("fastapi===new", None),
        ("fastapi>=", None),
        ("-e git+https://github.com/fastapi/fastapi#egg=fastapi", None),
    ],
)
def test_a_line_of_a_list(tmp_path: Path, requirement: str, expected: Pin | None) -> None:
    assert declared(tmp_path, {"requirements.txt": f"--index-url x\n{requirement}\nrich\n"}) == expected
    if "\n" not in requirement:
        text = json.dumps({"dependencies": [requirement.partition("  #")[0].partition(" --")[0]]})
        project = text[1:-1].replace(": ", " = ", 1)
        if not requirement.startswith("#"):
            assert declared(tmp_path / "p", {"pyproject.toml": f"[project]\n{project}"}) == expected


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("*", ANY),
        ("", ANY),
        ("^0.115", pin("0.115", "0.116", below=True)),
        ("^0.115.2", pin("0.115.2", "0.116", below=True)),
        ("^0.0.3", pin("0.0.3", "0.0.4", below=True)),
        ("^0", pin("0", "1", below=True)),
        ("^1.2.3", pin("1.2.3", "2", below=True)),
        ("~0.115.2", pin("0.115.2", "0.116", below=True)),
        ("~0.115", pin("0.115", "0.116", below=True)),
        ("~1", pin("1", "2", below=True)),
        ("~=0.115.2", pin("0.115.2", "0.116", below=True)),
        ("0.115.2", exactly(Version("0.115.2"))),
        ("==0.115.2", exactly(Version("0.115.2"))),
        ("0.115.*", pin("0.115", "0.116", below=True)),
        (">= 0.100 , < 0.116", pin("0.100", "0.116", below=True)),
        (">=0.100 <0.116", pin("0.100", "0.116", below=True)),
        ("^0.100 || ^0.115", pin("0.100", "0.116", below=True)),
        ("<0.100 | >0.115", ANY),
    ],
)
def test_constraints_of_poetry(constraint: str, expected: Pin) -> None:
    assert from_poetry(constraint) == expected


@pytest.mark.parametrize(
    "text",
    [
        '[project]\ndependencies = ["fastapi==0.110"]',
        '[project.optional-dependencies]\nweb = ["fastapi==0.110"]',
        '[dependency-groups]\ndev = [{ include-group = "web" }, "fastapi==0.110"]',
        '[tool.poetry.dependencies]\nfastapi = "0.110"',
        '[tool.poetry.dependencies]\nFastAPI = { version = "0.110", extras = ["all"] }',
        '[tool.poetry.dependencies.fastapi]\nversion = "0.110"',
        '[tool.poetry.dev-dependencies]\nfastapi = "0.110"',
        '[tool.poetry.group.web.dependencies]\nfastapi = "0.110"',
        '[[tool.poetry.dependencies.fastapi]]\nversion = "0.110"\npython = ">=3.8"',
        '[tool.pdm.dev-dependencies]\nweb = ["fastapi==0.110"]',
        '[tool.uv]\ndev-dependencies = ["fastapi==0.110"]',
        '[tool.hatch.envs.default]\ndependencies = ["fastapi==0.110"]',
        '[tool.hatch.envs.web]\nextra-dependencies = ["fastapi==0.110"]',
    ],
)
def test_the_tables_of_pyproject(tmp_path: Path, text: str) -> None:
    assert declared(tmp_path, {"pyproject.toml": text}) == exactly(Version("0.110"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile", '[packages]\nfastapi = "==0.110"'),
        ("Pipfile", '[dev-packages]\nfastapi = { version = "==0.110" }'),
        ("setup.cfg", "[options]\ninstall_requires =\n    fastapi==0.110\n    rich"),
        ("setup.cfg", "[options.extras_require]\nweb = fastapi[all]==0.110; python_version > '3'"),
        ("environment.yml", "dependencies:\n  - python=3.12\n  - pip:\n    - 'fastapi==0.110'  # pinned"),
        ("requirements.in", "fastapi==0.110"),
        ("requirements-dev.txt", "fastapi==0.110"),
        ("requirements/base.txt", "fastapi==0.110"),
        ("requirements/base.in", "fastapi==0.110"),
    ],
)
def test_other_files(tmp_path: Path, name: str, text: str) -> None:
    assert declared(tmp_path, {name: text}) == exactly(Version("0.110"))


def test_a_version_of_conda_is_the_beginning_of_one(tmp_path: Path) -> None:
    text = "dependencies:\n  - conda-forge::fastapi=0.110=py_0\n"
    assert declared(tmp_path, {"environment.yml": text}) == pin("0.110", "0.111", below=True)


def test_lists_include_each_other(tmp_path: Path) -> None:
    files = {
        "requirements/prod.txt": "-r ../common/web.txt\n-rprod.txt\n--requirement=gone.txt\n-r https://x/y.txt",
        "common/web.txt": "fastapi>=0.100\n-c limits.txt",
        "common/limits.txt": "fastapi<0.116\n-r ../requirements/../requirements/prod.txt",
    }
    assert declared(tmp_path, files) == pin("0.100", "0.116", below=True)


def test_a_compiled_list_speaks_for_its_source(tmp_path: Path) -> None:
    files = {"requirements.in": "fastapi<0.100", "requirements.txt": "fastapi==0.115.2"}
    assert declared(tmp_path, files) == exactly(Version("0.115.2"))


def test_what_one_directory_asks_for_holds_at_once(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["fastapi>=0.100"]',
        "requirements.txt": "fastapi==0.110",
    }
    assert declared(tmp_path, files) == exactly(Version("0.110"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("fastapi<0.100; python_version < '3.8'\nfastapi<0.116; python_version >= '3.8'", "0.116"),
        ("fastapi<0.116\nfastapi<0.100; python_version < '3.8'", "0.116"),
    ],
)
def test_conditions_do_not_add_up(tmp_path: Path, lines: str, expected: str) -> None:
    assert declared(tmp_path, {"requirements.txt": lines}) == pin(None, expected, below=True)


LOCK = """\
version = 1

[[package]]
name = "app"
source = {{ editable = "." }}

[package.metadata]
version = "9"

[[package]]
name = "fastapi"
version = "{0}"
dependencies = [
    {{ name = "starlette", version = "0.1" }},
]

[[package]]
name = "SQLAlchemy"
version = '2.0.40'

[metadata]
version = "3"
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", LOCK.format("0.115.2")),
        ("poetry.lock", LOCK.format("0.115.2")),
        ("pdm.lock", LOCK.format("0.115.2")),
        ("pylock.toml", LOCK.format("0.115.2").replace("[[package]]", "[[packages]]")),
        ("uv.lock", LOCK.format("0.115.2").replace("\n", "\r\n")),
        ("uv.lock", LOCK.format("0.115.2") + "this = is { no TOML"),
        ("Pipfile.lock", '{"default": {"fastapi": {"version": "==0.115.2"}}, "develop": {"x": {}}}'),
        ("Pipfile.lock", '{"develop": {"fastapi": {"version": "==0.115.2"}}}'),
    ],
)
def test_locks_win(tmp_path: Path, name: str, text: str) -> None:
    plant(tmp_path, {name: text, "pyproject.toml": '[project]\ndependencies = ["fastapi>=0.100"]'})
    assert found(tmp_path) == exactly(Version("0.115.2"))
    assert found(tmp_path, distribution="starlette") == ANY
    if name != "Pipfile.lock":
        assert found(tmp_path, distribution="sqlalchemy") == exactly(Version("2.0.40"))


def test_a_lock_for_several_platforms_counts_by_its_newest(tmp_path: Path) -> None:
    plant(tmp_path, {"uv.lock": LOCK.format("0.115.2") + LOCK.format("0.118.0")})
    assert found(tmp_path) == pin("0.115.2", "0.118.0")


def test_the_nearest_directory_answers(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "requirements.txt": "fastapi==0.1\nrich==1",
            "services/a/requirements.txt": "fastapi==0.2",
            "services/a/src/main.py": "",
            "services/b/requirements.txt": "fastapi==0.3",
        },
    )
    assert found(tmp_path, "services/a/src/main.py") == exactly(Version("0.2"))
    assert found(tmp_path, "services/b", "services/a") == exactly(Version("0.3"))
    assert found(tmp_path, "services") == exactly(Version("0.1"))
    assert found(tmp_path, "services/a", distribution="rich") == exactly(Version("1"))
    assert found(tmp_path / "services/a", "src") == exactly(Version("0.2"))
    assert found(tmp_path / "services", "a", distribution="rich") == ANY


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("fastapi>=0.100", exactly(Version("0.115.2"))),
        ("fastapi", exactly(Version("0.115.2"))),
        ("fastapi<0.100", pin(None, "0.100", below=True)),
        ("fastapi>0.118", pin("0.118", None)),
    ],
)
def test_a_lock_further_up_counts_if_it_fits(tmp_path: Path, asked: str, expected: Pin) -> None:
    plant(tmp_path, {".git/config": "", "uv.lock": LOCK.format("0.115.2"), "a/requirements.txt": asked})
    assert found(tmp_path, "a") == expected
    assert found(tmp_path / "a") == expected


def test_applications_are_found_below(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "pyproject.toml": '[dependency-groups]\ndev = ["ruff"]',
            "services/a/requirements.txt": "fastapi==0.110",
            "services/b/requirements.txt": "fastapi==0.115",
            "services/b/docs/requirements.txt": "fastapi==0.120",
            "node_modules/requirements.txt": "fastapi==0.130",
            "environment/pyvenv.cfg": "",
            "environment/requirements.txt": "fastapi==0.130",
        },
    )
    assert found(tmp_path) == pin("0.110", "0.115")
    assert found(tmp_path, "services/b") == exactly(Version("0.115"))


def test_an_application_does_not_ask_its_examples(tmp_path: Path) -> None:
    plant(tmp_path, {"requirements.txt": "fastapi", "examples/requirements.txt": "fastapi==1\nstarlette==1"})
    assert found(tmp_path) == ANY
    assert found(tmp_path, distribution="starlette") == ANY


def test_the_slim_distribution_is_fastapi(tmp_path: Path) -> None:
    plant(tmp_path, {"requirements.txt": "fastapi_slim==0.111"})
    assert found(tmp_path) == exactly(Version("0.111"))


@pytest.mark.parametrize(
    ("text", "newest_below"),
    [
        ("fastapi==0.110.1", "0.110.2"),
        ("fastapi>=0.100,<0.116", "0.116"),
        ("fastapi<=0.115.2", "0.115.3"),
        ("fastapi==0.115.*", "0.116"),
        ("fastapi>=0.115", None),
        ("", None),
    ],
)
def test_gates_ask_for_the_newest(tmp_path: Path, text: str, newest_below: str | None) -> None:
    versions = Versions(plant(tmp_path, {"requirements.txt": text}), [tmp_path])
    assert versions.is_at_least("fastapi", "0.106")
    assert not versions.is_below("fastapi", "0.110.1")
    assert versions.is_at_least("fastapi", "99") is (newest_below is None)
    if newest_below:
        assert versions.is_below("fastapi", newest_below)


def test_what_the_user_set_needs_no_looking(tmp_path: Path) -> None:
    plant(tmp_path, {"requirements.txt": "fastapi==0.110\nstarlette==0.40"})
    versions = Versions(tmp_path, [tmp_path], {"fastapi": "0.115"})
    assert versions.is_at_least("fastapi", "0.115.12")
    assert versions.is_below("fastapi", "0.116")
    assert versions.pin("starlette") == exactly(Version("0.40"))


def test_a_loaded_program_knows_its_versions(tmp_path: Path) -> None:
    plant(tmp_path, {"main.py": "", "requirements.txt": "fastapi==0.110"})
    assert load_program(load_settings([], cwd=tmp_path)).versions.is_below("fastapi", "0.111")
    chosen = load_settings([], CommandLine(fastapi_version="0.118"), cwd=tmp_path)
    assert load_program(chosen).versions.is_at_least("fastapi", "0.118")


FILES = (
    "Pipfile",
    "Pipfile.lock",
    "environment.yml",
    "pyproject.toml",
    "requirements.txt",
    "setup.cfg",
    "uv.lock",
)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"fastapi==0.110\xff",
        b"[project\ndependencies = [",
        b"[project]\ndependencies = 1\n[tool]\npoetry = 2\nhatch = { envs = { a = 1 } }",
        b"[tool.poetry.dependencies]\nfastapi = [1, { version = 2 }, '^x', { git = 'y' }]",
        b"[[package]]\nname = 'fastapi'\nversion = 'new'",
        b"fastapi==" + b"9" * 10_000,
        b"[tool.poetry.dependencies]\nfastapi = '^" + b"9" * 10_000 + b"'",
        b"[[package]]\nname = 'fastapi'\nversion = '" + b"9" * 10_000 + b"'",
        b"[" * 100_000,
        b'{"default": [], "develop": {"fastapi": {"version": 1}, "x": 1}}',
        b"-r \0\n-r .\n-r requirements.txt/x\n-c " + b"y" * 10_000,
        b" " * 1_000_000,
        b"\\\n" * 100_000,
    ],
    ids=range(14),
)
def test_a_broken_file_says_nothing(tmp_path: Path, data: bytes) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(data)
    assert found(tmp_path).is_at_least("0.110")
    assert found(tmp_path, distribution="x") == ANY


def test_what_is_no_file_says_nothing(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).mkdir()
    (tmp_path / "requirements").symlink_to(tmp_path / "requirements")
    os.mkfifo(tmp_path / "poetry.lock")
    (tmp_path / "pdm.lock").symlink_to("/dev/zero")
    assert found(tmp_path) == ANY
    assert found(tmp_path, "nowhere/at/all.py") == ANY


def test_a_list_that_powershell_wrote(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("fastapi==0.110\r\n".encode("utf-16"))
    assert found(tmp_path) == exactly(Version("0.110"))


pieces = st.one_of(
    st.sampled_from(["fastapi", "name", "version", "dependencies", "python_version", "install_requires"]),
    st.sampled_from(["[[package]]", "[project]", "[packages]", "[tool.poetry.dependencies]", "[options]"]),
    st.sampled_from(
        ["0.115", "1", ".*", "==", "~=", ">=", "||", "-r ", "- ", "\\\n", "\n", *"\n *^~,;:@#='[]{}\""]
    ),
)
texts = st.one_of(st.text(max_size=60), st.lists(pieces, max_size=30).map("".join))


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(FILES), texts)
def test_any_text_is_read(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / name).write_bytes(text.encode(errors="surrogatepass"))
        versions = Versions(Path(directory), [Path(directory)])
        assert versions.is_at_least("fastapi", "0.1") is not versions.is_below("fastapi", "0.1")
