"""What deployment files say: commands, stages, services, proxies; and that nothing in them is fatal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlint.config.settings import Settings
from fastlint.deployment import commands
from fastlint.deployment.model import Facts, Image, Process
from fastlint.deployment.read import Deployment
from fastlint.deployment.trees import documents
from fastlint.deployment.upstreams import keeps_by_default, seconds
from fastlint.engine.run import check
from fastlint.sources.deployment import kind_of, read_text
from fastlint.sources.discovery import SourceFile, discover

from .test_properties import planted

APP = (
    'from fastapi import FastAPI\napp = FastAPI()\n@app.get("/")\nasync def index() -> str:\n    return ""\n'
)
RELOAD = 'FROM python\nCMD ["uvicorn", "app.main:app", "--reload"]\n'
NAMES = (
    "Dockerfile", "Procfile", "shop.service", "docker-compose.yml", "k8s/shop.yaml", "nginx.conf", "haproxy.cfg",
    "start.sh", "gunicorn.conf.py", "requirements.txt", "pyproject.toml", "supervisord.conf",
)  # fmt: skip


def facts_of(files: dict[str, str]) -> Facts:
    with planted(files) as root:
        sources = [SourceFile(root / name, name) for name in sorted(files)]
        return Deployment(sources, root).facts


def started(files: dict[str, str]) -> list[tuple[str, ...]]:
    return [process.words for process in facts_of(files).processes]


def found(files: dict[str, str], *paths: str, **settings: object) -> list[tuple[str, int, str]]:
    with planted({"app/main.py": APP, **files}) as root:
        targets = tuple(root / path for path in paths) or (root,)
        run = Settings(root=root, paths=targets, cwd=root, cache=False, **settings)  # type: ignore[arg-type]
        return [(d.filename, d.location.row, d.code) for d in check(run).diagnostics]


# Names


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Dockerfile", "dockerfile"),
        ("dockerfile.prod", "dockerfile"),
        ("api.Dockerfile", "dockerfile"),
        ("Dockerfile.dockerignore", None),
        ("docker-compose.prod.yml", "compose"),
        ("compose.yaml", "compose"),
        ("deployment.yaml", "manifest"),
        ("gunicorn_conf.py", "gunicorn"),
        ("main.py", None),
        ("requirements-dev.txt", "requirements"),
        ("notes.txt", None),
        ("haproxy.cfg", "haproxy"),
        ("setup.cfg", None),
        ("default.conf.template", "conf"),
        ("letter.template", None),
        ("entrypoint", "script"),
    ],
)
def test_names(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_files_around_what_is_checked(tmp_path: Path) -> None:
    for name in (
        "Dockerfile",
        "app/main.py",
        "deploy/nginx/shop.conf",
        "other/Dockerfile",
        "venv/Dockerfile",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")

    def names(*paths: str) -> list[str]:
        settings = Settings(root=tmp_path, paths=tuple(tmp_path / p for p in paths), cwd=tmp_path)
        return [file.display for file in discover(settings).deployment]

    assert names("app") == ["Dockerfile", "deploy/nginx/shop.conf"]
    assert names("") == ["Dockerfile", "deploy/nginx/shop.conf", "other/Dockerfile"]
    assert names("other/Dockerfile") == ["Dockerfile", "deploy/nginx/shop.conf", "other/Dockerfile"]


# Commands


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("uvicorn app:app", [("uvicorn", "app:app")]),
        ("exec /usr/bin/uvicorn app:app", [("uvicorn", "app:app")]),
        ("PORT=80 poetry run uvicorn app:app", [("uvicorn", "app:app")]),
        ("python -m uvicorn app:app", [("uvicorn", "app:app")]),
        ("python3.12 -u main.py", [("python", "-u", "main.py")]),
        ("alembic upgrade head && uvicorn app:app", [("uvicorn", "app:app")]),
        ("sh -c 'a; exec gunicorn app:app'", [("gunicorn", "app:app")]),
        ('bash -lc "uvicorn app:app || sleep 1"', [("uvicorn", "app:app")]),
        ("dumb-init -- ./start.sh", [("script", "./start.sh")]),
        ("opentelemetry-instrument uvicorn app:app", [("uvicorn", "app:app")]),
        ("pip install uvicorn", []),
        ("poetry add uvicorn", []),
        ("echo uvicorn", []),
        ("pkill -f uvicorn", []),
        ("redis-server", []),
        ("uvicorn 'unfinished", []),
    ],
)
def test_commands(line: str, words: list[tuple[str, ...]]) -> None:
    assert [found.words for one in commands.split(line) for found in commands.started(one.words)] == words


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("-w 4", "4"), ("-w4", "4"), ("--workers=4", "4"), ("--workers 4", "4"), ("--workers", ""), ("--work 4", None),
        ("--workers --reload", ""),
    ],
)  # fmt: skip
def test_options(words: str, value: str | None) -> None:
    [process] = facts_of({"Procfile": f"web: gunicorn {words}"}).processes
    assert process.option("-w", "--workers") == value


def test_conditions_in_scripts() -> None:
    script = 'if x; then\n  uvicorn a:a --reload\nelse uvicorn b:b; fi\n[ -n "$X" ] && uvicorn c:c\nuvicorn \\\n  d:d\n'
    governed = [
        (c.words[1], c.is_conditional, first, last)
        for c, first, last in commands.script(script)
        if c.words[0] == "uvicorn"
    ]
    assert governed == [("a:a", True, 2, 2), ("b:b", True, 3, 3), ("c:c", True, 4, 4), ("d:d", False, 5, 6)]


# Dockerfiles


def test_forms_of_dockerfiles() -> None:
    assert started({"Dockerfile": 'FROM a\nENTRYPOINT ["uvicorn"]\nCMD ["app:app"]'}) == [
        ("uvicorn", "app:app")
    ]
    assert started({"Dockerfile": "FROM a\nCMD uvicorn app:app \\\n# why\n  --reload"}) == [
        ("uvicorn", "app:app", "--reload")
    ]
    assert started({"Dockerfile": 'FROM a\nCMD ["uvicorn", "old:app"]\nCMD ["uvicorn", "new:app"]'}) == [
        ("uvicorn", "new:app")
    ]
    assert started({"Dockerfile": "FROM a\nENTRYPOINT uvicorn app:app\nCMD --reload"}) == [
        ("uvicorn", "app:app")
    ]
    assert started({"Dockerfile": "FROM a\nRUN <<EOF\nCMD uvicorn x:x\nEOF\nCMD uvicorn y:y"}) == [
        ("uvicorn", "y:y")
    ]
    assert started({"Dockerfile": "CMD uvicorn app:app"}) == []


def test_stages_inherit() -> None:
    text = "FROM python AS base\nENV A=1 B='2 3'\nENV OLD form\nCMD uvicorn a:a\nFROM base\nENV A=4\n"
    [process] = facts_of({"Dockerfile": text}).processes
    assert {name: (v.value, v.row) for name, v in process.environment.items()} == {
        "A": ("4", 6), "B": ("2 3", 2), "OLD": ("form", 3),
    }  # fmt: skip


# YAML


def test_trees_know_rows_and_merge() -> None:
    text = "base: &base {a: 1, b: 2}\nlist:\n  - x\n  - <<: *base\n    b: 3\n---\nsecond: [y]\n"
    first, second = documents(text)
    items = first.get("list")
    assert items is not None
    mapping = items.items[1]
    assert [mapping.get(key).text for key in "ab"] == ["1", "3"]  # type: ignore[union-attr]
    assert [(item.row, item.end) for item in items.items] == [(3, 3), (4, 5)]
    assert second.get("second") is not None
    assert second.get("second", "none") is None


@pytest.mark.parametrize(
    "text", ["a: {{ b }}: c", "- " * 50_000, "[" * 50_000, "&a [*a]", "a: &a\n  <<: *a", "\t- x", "a: *b"]
)
def test_trees_of_odd_yaml(text: str) -> None:
    for document in documents(text):
        document.get("a", "b")


def test_services_and_manifests() -> None:
    compose = "services:\n  a:\n    command: [uvicorn, 'a:a']\n  b-dev:\n    command: >\n      uvicorn\n      b:b\n  c:\n    build: {context: ./api}\n"
    facts = facts_of({"compose.yml": compose})
    assert [(p.words, p.service, p.for_development) for p in facts.processes] == [
        (("uvicorn", "a:a"), "a", False), (("uvicorn", "b:b"), "b-dev", True),
    ]  # fmt: skip
    assert [s.dockerfile for s in facts.services] == ["", "", "api/Dockerfile"]
    job = "apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n          - {name: x, args: [uvicorn, 'c:c'], env: [{name: A, value: b}]}\n"
    facts = facts_of({"job.yaml": f"kind: other\n---\n{job}"})
    assert [(p.words, p.environment["A"].value) for p in facts.processes] == [(("uvicorn", "c:c"), "b")]


def test_units_and_supervisor() -> None:
    unit = '[Service]\nEnvironment=A=1 "B=2 3"\nEnvironment=C=4\nExecStart=-/bin/uvicorn \\\n  x:x\n'
    [process] = facts_of({"a.service": unit}).processes
    assert process.words == ("uvicorn", "x:x")
    assert process.rows == ((4, 5),)
    assert {n: v.value for n, v in process.environment.items()} == {"A": "1", "B": "2 3", "C": "4"}
    assert started({"supervisord.conf": "[program:web]\ncommand=/bin/uvicorn x:x\n"}) == [("uvicorn", "x:x")]


def test_the_nearest_script_is_meant() -> None:
    def docker(path: str) -> dict[str, str]:
        return {f"{path}/Dockerfile": "FROM a\nCMD /start.sh", f"{path}/start.sh": f"uvicorn {path}:app"}

    words = started({**docker("one"), **docker("two"), "three/start.sh": "uvicorn three:app"})
    assert sorted(words) == [("uvicorn", "one:app"), ("uvicorn", "two:app")]
    assert started({"Procfile": "web: ./run.sh", "run.sh": "./run.sh\nuvicorn a:a"}) == [("uvicorn", "a:a")]


# Proxies


def test_what_nginx_inherits() -> None:
    text = """
http {
  proxy_http_version 1.1; proxy_set_header Connection "";
  server { location /a { proxy_pass http://a:1; } location /b { proxy_set_header Host x; proxy_pass http://b:2; } }
}
"""
    passes = facts_of({"nginx.conf": text}).passes
    assert [(p.host, p.port, p.version, p.connection) for p in passes] == [
        ("a", "1", "1.1", ""), ("b", "2", "1.1", None),
    ]  # fmt: skip


def test_includes_of_nginx() -> None:
    main = "server { location / { include conf/keep.conf; proxy_pass http://a:1; } location /x { include other.conf; proxy_pass http://b:1; } }"
    files = {"nginx.conf": main, "conf/keep.conf": 'proxy_http_version 1.1; proxy_set_header Connection "";'}
    passes = facts_of(files).passes
    assert [(p.version, p.connection, p.is_certain) for p in passes] == [
        ("1.1", "", True),
        (None, None, False),
    ]


@pytest.mark.parametrize(
    ("tag", "keeps"),
    [
        ("", True), ("latest", True), ("alpine", True), ("1.29.7", True), ("1.29.6", False), ("1.29-alpine", True),
        ("1.27.3-alpine-slim", False), ("1.30.0", True), ("2", True), ("${NGINX}", False), ("stable", True),
    ],
)  # fmt: skip
def test_versions_of_nginx(tag: str, keeps: bool) -> None:
    file = facts_of({"Dockerfile": f"FROM nginx:{tag}" if tag else "FROM nginx"}).images
    assert [image.tag for image in file] == [tag]
    assert keeps_by_default(file) is keeps


def test_references_of_images() -> None:
    def read(text: str) -> Image:
        return facts_of({"Dockerfile": f"FROM --platform=x {text} AS y"}).images[0]

    assert (read("docker.io/library/nginx:1.25@sha256:00").name, read("nginx:1.25@sha256:00").tag) == (
        "nginx",
        "1.25",
    )
    assert read("registry:5000/tiangolo/uvicorn-gunicorn").name == "tiangolo/uvicorn-gunicorn"
    assert [seconds(text) for text in (None, "75", "1m", "500ms", "x")] == [60, 75, 60, 0.5, 60]


# The run


def test_settings_hold_for_these_files() -> None:
    flagged = [("Dockerfile", 2, "FL701")]
    assert found({"Dockerfile": RELOAD}) == flagged
    assert found({"Dockerfile": RELOAD}, "app") == flagged
    assert found({"Dockerfile": RELOAD}, extend_exclude=("Dockerfile",)) == []
    assert found({"Dockerfile": RELOAD}, per_file_ignores={"Dockerfile": ("FL701",)}) == []
    assert found({"Dockerfile": RELOAD, ".gitignore": "Dockerfile\n"}) == []
    assert found({"Dockerfile": RELOAD.replace("CMD", "# fastlint: ignore[FL701] why\nCMD")}) == []
    assert found({"Dockerfile": f"# fastlint: ignore-file[reload-in-production]\n{RELOAD}"}) == []


def test_no_file_without_an_application() -> None:
    assert found({"Dockerfile": RELOAD, "app/main.py": "x = 1\n"}) == []


def test_columns_count_characters(tmp_path: Path) -> None:
    files = {
        "app/main.py": APP,
        "Dockerfile": 'FROM python\nCMD ["uvicorn", "--header", "x: é", "app.main:app", "--reload"]\n',
    }
    with planted(files) as root:
        [diagnostic] = check(Settings(root=root, paths=(root,), cwd=root, cache=False)).diagnostics
    line = files["Dockerfile"].split("\n")[1]
    assert line[diagnostic.location.column - 1 : diagnostic.end_location.column - 1] == "--reload"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"CMD \0", b"x" * 500_000, b"FROM a\nCMD \xe9"])
def test_files_that_are_no_text(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "Dockerfile").write_bytes(data)
    assert read_text(tmp_path / "Dockerfile") is None


text = st.text(alphabet=st.characters(codec="utf-8"), max_size=200) | st.lists(
    st.sampled_from([
        "FROM", " a", "\nCMD ", "[", "]", '"', "uvicorn", " x:y", " --reload", "\\\n", "services:", "\n  a:\n", "    command: ",
        "apiVersion: 1\nkind: Pod\n", "spec:", "- ", "{", "}", ";", "#", "proxy_pass http://", "upstream ", "server ", "location / ",
        "map ", "include ", "[Service]\n", "ExecStart=", "Environment=", "\n", "'", "<<EOF", "ENV ", "RUN pip install ", "&&",
        "option httpclose", "backend x\n", "dependencies = [", "[project]\n", "uvicorn==", "*", "&a", ": ", "if ", "fi",
    ]),
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@given(text=text)
def test_no_text_is_fatal(name: str, text: str) -> None:
    facts = facts_of({name: text})
    for process in facts.processes:
        assert_in_file(process, text)


def assert_in_file(process: Process, text: str) -> None:
    lines = process.file.lines
    row, start, end_row, end = process.span("--reload", "--workers")
    assert 1 <= row == end_row <= len(lines)
    assert 0 <= start <= end <= max(len(lines[row - 1].encode()), start + 1)
