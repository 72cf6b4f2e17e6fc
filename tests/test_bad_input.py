"""Whatever the input is: one clear diagnostic or error, and what the other files hold is still found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from fastlint.cli.boundary import run
from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic
from fastlint.engine.run import check

ROOT = Path(__file__).resolve().parent.parent
HEALTHY = """\
import time
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def index():
    time.sleep(1)
"""
HEAD = "import time\nfrom fastapi import APIRouter\nrouter = APIRouter()\n"
SLEEP = "; time.sleep(1)"
Source = str | bytes
Place = tuple[int, str]


def route(body: str, above: str = "") -> str:
    """A module with a route on lines 4 and 5, if nothing is above it, and its body from line 6 on."""
    return f'{HEAD}{above}@router.get("/x")\nasync def x():\n    {body}\n'


def plant(directory: Path, files: Mapping[str, Source]) -> None:
    for name, source in {"healthy.py": HEALTHY, **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source if isinstance(source, bytes) else source.encode())


def look(directory: Path) -> list[Diagnostic]:
    """What is found besides the healthy neighbour's finding, which has to be there."""
    directory = directory.resolve()
    found = check(Settings(root=directory, paths=(directory,), cwd=directory, cache=False)).diagnostics
    neighbour = [d for d in found if d.filename == "healthy.py"]
    assert [(d.location.row, d.code) for d in neighbour] == [(6, "FL101")]
    return [d for d in found if d.filename != "healthy.py"]


def places(directory: Path, files: Mapping[str, Source]) -> list[Place]:
    plant(directory, files)
    return [(d.location.row, d.code) for d in look(directory)]


def fastlint(directory: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Check a directory in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "fastlint", "check", "--output-format", "json"]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=timeout
    )


# Files that are no source

BROKEN: dict[str, tuple[Source, Place, str]] = {
    "syntax error": ("def (:\n", (1, "FL900"), "Invalid syntax"),
    "unclosed bracket": ("x = 1\ny = (\n", (2, "FL900"), "'(' was never closed"),
    "bad indent": ("  x = 1\n", (1, "FL900"), "Unexpected indent"),
    "tabs and spaces": ("if x:\n\ty\n        z\n", (3, "FL900"), "Inconsistent use of tabs"),
    "only a backslash": ("\\", (1, "FL900"), "Unexpected EOF"),
    "control character": ("x = 1\x1a", (1, "FL900"), "Invalid non-printable character"),
    "newer than anything": ("x = 1\nlet y be 2\n", (2, "FL900"), "Invalid syntax"),
    "a number with too many digits": (f"x = {'9' * 5000}", (1, "FL900"), "Exceeds the limit"),
    "NUL bytes": ("x = 1\0", (1, "FL901"), "NUL bytes"),
    "binary": (bytes(range(256)), (1, "FL901"), "NUL bytes"),
    "binary without NUL": (bytes(range(128, 256)), (1, "FL901"), "byte 0x80 in line 1"),
    "UTF-16": ("x = 1".encode("utf-16"), (1, "FL901"), "UTF-16"),
    "UTF-32": ("x = 1".encode("utf-32"), (1, "FL901"), "UTF-32"),
    "Latin-1": ("x = 'é'".encode("latin-1"), (1, "FL901"), "save it as UTF-8"),
    "half a surrogate pair": (b"x = '\xed\xa0\x80'", (1, "FL901"), "byte 0xed"),
    "unknown encoding": ("# coding: klingon\n", (1, "FL901"), "klingon"),
    "encoding that is none": ("# coding: rot13\n", (1, "FL901"), "rot13"),
    "encoding of bytes": ("# coding: base64\n", (1, "FL901"), "base64"),
    "encoding against its mark": (b"\xef\xbb\xbf# coding: latin-1\n", (1, "FL901"), "encoding"),
    "surrogates from an encoding": (
        b"# coding: unicode_escape\nx = '\\ud800'\n",
        (1, "FL901"),
        "unicode_escape",
    ),
    "5 MB": ("x = 1\n" * 850_000, (1, "FL902"), "5.1 MB"),
}


@pytest.mark.parametrize(("source", "place", "reason"), BROKEN.values(), ids=BROKEN)
def test_files_that_are_no_source(tmp_path: Path, source: Source, place: Place, reason: str) -> None:
    plant(tmp_path, {"bad.py": source})
    [found] = look(tmp_path)
    assert (found.filename, found.location.row, found.code) == ("bad.py", *place)
    assert reason in found.message
    assert found.message.count("\n") == 0


def test_all_of_them_at_once_by_the_command(tmp_path: Path) -> None:
    files = {f"bad{number}.py": source for number, (source, _, _) in enumerate(BROKEN.values())}
    plant(tmp_path, files)
    answer = fastlint(tmp_path)
    assert (answer.returncode, answer.stderr) == (1, "")
    found = [(Path(d["filename"]).name, d["location"]["row"], d["code"]) for d in json.loads(answer.stdout)]
    expected = [(f"bad{number}.py", *place) for number, (_, place, _) in enumerate(BROKEN.values())]
    assert sorted(found) == sorted([*expected, ("healthy.py", 6, "FL101")])


HARMLESS: dict[str, Source] = {
    "empty": "",
    "only a comment": "# nothing",
    "only a mark": b"\xef\xbb\xbf",
    "lone carriage return": "\r",
    "form feed": "\f",
    "no line end": "x = 1",
    "a long line": f"x = [{'1, ' * 50_000}]\n",
    "a huge number": f"x = (1, 2)[0x{'9' * 5000}]\n",
    "half a surrogate pair in an escape": "x = open\nx['\\ud800']\ny = '\\ud800'\n",
    "misplaced statements": "return 1\nawait x\nyield\nbreak\ndef f():\n    nonlocal x\ndef g(a, a): pass\n",
    "global in odd places": "global x\nx = x\nclass C:\n    global z\n    z = z\n",
    "odd targets": "[a, *b], *e = x = y\nfor x.y, *z[0] in w: pass\nwith a as b.c, d as (e, f): pass\ndel x\n",
}


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_files_with_nothing_wrong(tmp_path: Path, source: Source) -> None:
    assert places(tmp_path, {"odd.py": source}) == []


# Files that are unusual and whose findings count

FOUND: dict[str, tuple[Source, Place]] = {
    "byte order mark": (b"\xef\xbb\xbf" + route("time.sleep(1)").encode(), (6, "FL101")),
    "declared Latin-1": (
        f"# coding: latin-1\n{route('é = 1; time.sleep(1)')}".encode("latin-1"),
        (7, "FL101"),
    ),
    "CRLF": (route("time.sleep(1)").replace("\n", "\r\n"), (6, "FL101")),
    "CR": (route("time.sleep(1)").replace("\n", "\r"), (6, "FL101")),
    "mixed line ends": (route("x = 1\r    y = 2\r\n    time.sleep(1)"), (8, "FL101")),
    "tabs": (route("time.sleep(1)").replace("    ", "\t"), (6, "FL101")),
    "form feeds": (route("x = 1;\ftime.sleep(1)").replace("@router", "\f@router"), (6, "FL101")),
    "line separators in text": (route("x = '\u2028\x85\x0b'\n    time.sleep(1)"), (7, "FL101")),
    "no line end": (route("time.sleep(1)").rstrip("\n"), (6, "FL101")),
    "backslashes": (route("x = \\\n 1; \\\n time \\\n .sleep(1)"), (8, "FL101")),
    "a long line": (route(f"x = [{'a, ' * 50_000}]{SLEEP}"), (6, "FL101")),
    "a call on a long line": (route(f"time.sleep({'a, ' * 3000})"), (6, "FL101")),
    "many lines": ("x = 1\n" * 50_000 + route("time.sleep(1)"), (50_006, "FL101")),
    "many bindings": (route("x = 1\n" + "    x = x + f(x)\n" * 1500 + "    time.sleep(1)"), (1507, "FL101")),
    "many branches": (
        route("if a: pass\n" + "    elif a: b()\n" * 2000 + "    time.sleep(1)"),
        (2007, "FL101"),
    ),
    "syntax of 3.12": (
        route("def g[T](x: T): return f'{'a'}'\n    type X = int\n    time.sleep(1)"),
        (8, "FL101"),
    ),
    "syntax of 3.14": (
        route("try: pass\n    except A, B: pass\n    x = t'{a}'\n    time.sleep(1)"),
        (9, "FL101"),
    ),
    "syntax of 3.12 with CRLF": (
        route("def g[T](x: T): return f'{'a'}'\n    time.sleep(1)").replace("\n", "\r\n"),
        (7, "FL101"),
    ),
    "text that is no annotation": (
        route("time.sleep(1)", "def f(a: '(', b: 'x = 1', c: '', d: '\\0', e: '\\ud800', g: 'yield'): ...\n"),
        (7, "FL101"),
    ),
}


@pytest.mark.parametrize(("source", "place"), FOUND.values(), ids=FOUND)
def test_unusual_files(tmp_path: Path, source: Source, place: Place) -> None:
    assert places(tmp_path, {"odd.py": source}) == [place]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("time.sleep(1)", 5),
        ("é = 1; time.sleep(1)", 12),
        ("é𝐱 = '漢字🎉'; time.sleep(1)", 17),
        ("'é'; (\n  'éé', time.sleep(1))", 9),
    ],
)
def test_columns_count_characters(tmp_path: Path, line: str, column: int) -> None:
    plant(tmp_path, {"odd.py": route(line)})
    [found] = look(tmp_path)
    text = (tmp_path / "odd.py").read_text(encoding="utf-8").split("\n")[found.location.row - 1]
    assert found.location.column == column
    assert text[column - 1 : found.end_location.column - 1] == "time.sleep(1)"


# Deep nesting

DEEP = {
    "parentheses": f"x = {'(' * 150}1{')' * 150}{SLEEP}",
    "calls": f"x = {'f(' * 80}1{')' * 80}{SLEEP}",
    "chain of attributes": f"x = a{'.b' * 1000}{SLEEP}",
    "chain of calls": f"x = a{'.b()' * 700}{SLEEP}",
    "sum": f"x = {' + '.join(['a'] * 1000)}{SLEEP}",
    "conjunction": f"x = {' and '.join(['a'] * 3000)}{SLEEP}",
    "negation": f"x = {'not ' * 500}a{SLEEP}",
    "choice": f"x = {'a if b else ' * 300}c{SLEEP}",
    "lambda": f"x = {'lambda: ' * 100}c{SLEEP}",
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_read(tmp_path: Path, body: str) -> None:
    assert places(tmp_path, {"deep.py": route(body)}) == [(6, "FL101")]


TOO_DEEP = {
    "parentheses": f"x = {'(' * 500}1{')' * 500}",
    "lists": f"x = {'[' * 5000}{']' * 5000}",
    "open brackets": f"x = {'f([' * 400}",
    "chain": f"x = a{'.b()' * 20_000}",
    "sum": f"x = {' + '.join(['a'] * 30_000)}",
    "negation": f"x = {'not ' * 20_000}a",
}


@pytest.mark.parametrize("body", TOO_DEEP.values(), ids=TOO_DEEP)
def test_deeper_nesting_is_one_diagnostic(tmp_path: Path, body: str) -> None:
    plant(tmp_path, {"deep.py": route(body)})
    [found] = look(tmp_path)
    assert (found.filename, found.code) == ("deep.py", "FL900")


@pytest.mark.parametrize("length", [50, 1000, 5000, 20_000])
@pytest.mark.parametrize("link", [".b", ".b()", "[0]", "()", " + a"])
def test_chains_of_any_length_end_well(tmp_path: Path, link: str, length: int) -> None:
    """Either the file is understood or it is reported; nothing in between."""
    assert places(tmp_path, {"deep.py": route(f"x = a{link * length}{SLEEP}")}) in (
        [(6, "FL101")],
        [(1, "FL900")],
    )


@pytest.mark.parametrize(
    "expression",
    [f"a{'.b()' * 5000}", f"a{'.b()' * 1500} ?", " + ".join(["a"] * 30_000), f"{'not ' * 20_000}a"],
    ids=["chain", "broken chain", "sum", "negation"],
)
def test_deep_nesting_in_a_file_of_newer_or_broken_syntax(tmp_path: Path, expression: str) -> None:
    plant(tmp_path, {"deep.py": route(f"def g[T](x: T): return x\n    x = {expression}")})
    answer = fastlint(tmp_path, timeout=20)
    found = [(Path(d["filename"]).name, d["code"]) for d in json.loads(answer.stdout)]
    assert found in ([("deep.py", "FL900"), ("healthy.py", "FL101")], [("healthy.py", "FL101")])


def test_worker_processes_survive_what_the_run_survives(tmp_path: Path) -> None:
    bad = {f"bad{n}.py": source for n, (source, _, _) in enumerate(BROKEN.values())}
    deep = {f"deep{n}.py": route(body) for n, body in enumerate(DEEP.values())}
    too_deep = {f"toodeep{n}.py": route(body) for n, body in enumerate(TOO_DEEP.values())}
    plant(tmp_path, {**bad, **deep, **too_deep, **{f"module{n}.py": "x = 1\n" for n in range(170)}})
    program = (
        "from fastlint.facts import build\n"
        "build.available_cores = lambda: 2\n"
        "from fastlint.cli.boundary import run\n"
        "if __name__ == '__main__':\n"
        "    raise SystemExit(run(['check', '--output-format', 'json']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (answer.returncode, answer.stderr) == (1, "")
    codes = {Path(d["filename"]).name: d["code"] for d in json.loads(answer.stdout)}
    assert codes == {
        "healthy.py": "FL101",
        **{name: place[1] for name, (_, place, _) in zip(bad, BROKEN.values(), strict=True)},
        **dict.fromkeys(deep, "FL101"),
        **dict.fromkeys(too_deep, "FL900"),
    }


# Programs that go round in circles

CIRCLES: dict[str, dict[str, Source]] = {
    "imports": {"a.py": "from b import g\ndef f(): return g()\n", "b.py": route("a.f()", "import a\n")},
    "own import": {"a.py": "import a\nfrom a import *\nfrom a import x as x\na.x()\n"},
    "star imports": {
        "a.py": "from b import *\n",
        "b.py": "from c import *\n",
        "c.py": "from a import *\nfrom c import *\nfoo()\n",
        "d.py": route("foo()", "from a import *\n"),
    },
    "names": {"a.py": route("x.y()", "x = y\ny = x\nx = x.x\nz: 'z' = z\ndef f(a=f): f()\n")},
    "functions": {"a.py": route("f()", "def f(): g()\ndef g(): f()\n")},
    "functions that return each other": {"a.py": route("f()()()", "def f(): return g\ndef g(): return f\n")},
    "bases": {
        "a.py": route(
            "A().x()", "class A(A): pass\nclass B(B.C): pass\nclass D(D[D]): x: D\nclass E(E()): ...\n"
        )
    },
    "bases in two files": {
        "a.py": "from b import B\nclass A(B): ...\n",
        "b.py": "from a import A\nclass B(A): ...\n",
    },
    "decorators": {"a.py": "@f\ndef f(): ...\n@g.g\ndef g(): ...\n@h()\n@h\ndef h(x): return h\n"},
    "attributes": {
        "a.py": route(
            "C().x.y()()",
            "class C:\n    def __getattr__(self, n): return getattr(self, n)\n    def __iter__(self): return self\n"
            "    def __enter__(self): return self\n    def __call__(self): return self()\n"
            "    @property\n    def p(self): return self.p\n    def __await__(self): return self.__await__()\n",
        )
    },
    "iterators": {
        "a.py": route(
            "[x for x in C()]",
            "class C:\n    def __iter__(self): return D()\nclass D:\n    def __iter__(self): return C()\n",
        )
    },
    "models": {
        "a.py": route(
            "N()",
            "from pydantic import BaseModel\nclass N(BaseModel):\n    n: 'N | None'\n    m: list['N']\n",
        )
    },
    "types": {
        "a.py": "T = list['T']\nU = dict[str, 'U']\ntype V = V | list[V]\ndef f(t: T, u: U, v: V): t[0]\n"
    },
    "dependencies": {"a.py": route("x()", "from fastapi import Depends\ndef d(x=Depends(d)): return d\n")},
    "a provider in its own annotation": {
        "a.py": "from typing import Annotated\nfrom fastapi import Depends, FastAPI\napp = FastAPI()\n"
        "def f() -> Annotated[int, Depends(f)]: ...\n@app.get('/')\nasync def h(x=Depends(f)):\n    x.y()\n"
    },
    "routers": {
        "a.py": route("pass")
        + "router.include_router(router)\nother = APIRouter()\nother.include_router(router)\nrouter.include_router(other)\n"
    },
    "star import of a router into itself": {"a.py": "from a import *\nx.include_router(x)\n"},
}


@pytest.mark.parametrize("files", CIRCLES.values(), ids=CIRCLES)
def test_circles_end(tmp_path: Path, files: dict[str, Source]) -> None:
    assert places(tmp_path, files) == []


ENDLESS = {
    "closures": "def f(g):\n    def h(): return g()\n    return f(h)\n",
    "lambdas": "def f(g):\n    return f(lambda: g())\n",
    "partials": "from functools import partial\ndef f(g):\n    return f(partial(f, g))\n",
    "objects": "class C:\n    def __init__(self, c): self.c = c\ndef f(g):\n    return f(C(g))\n",
    "tuples": "def f(g):\n    return f((g, g))\n",
    "generators": "def f(g):\n    return f(x for x in g)\n",
    "coroutines": "async def h(g): return g\ndef f(g):\n    return f(h(g))\n",
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_functions_that_are_passed_ever_more(tmp_path: Path, text: str) -> None:
    plant(tmp_path, {"a.py": route("f(f)", text)})
    answer = fastlint(tmp_path, timeout=20)
    assert [Path(d["filename"]).name for d in json.loads(answer.stdout)] == ["healthy.py"]


# Expressions where nobody expects them

EXPRESSIONS = [
    "(-x)()", "(not x)().y()", "f'{x}'()", "1()", "None()", "'a'()", "[]()", "(x,)()", "()()", "{}()", "{1: 2}()",
    "(a if b else c)()", "(a or b)()", "(lambda: x)()", "x[1:2]()", "x[1:2].y()", "(y for y in x)()", "(x := 1)()",
    "(a < b)()", "(a + b)()", "...()", "x[1]()", "a()()", "f(*(-x))", "f(**(-x))", "super().x()", "super()()",
    "super(A)()", "super(-x, -y).z()", "getattr()", "getattr(x)", "getattr(-x, -y)()", "setattr()", "isinstance()",
    "type()", "type(x)(y)", "type('a', (), {})()", "iter()", "next()", "map()", "filter()", "zip()", "sorted()",
    "sorted(key=1)", "max(key=f)", "dict(**x)", "list()", "partial()", "partial(*a)()", "open()", "open(**k)",
    "cast()", "cast(-x, y)()", "asyncio.run()", "asyncio.create_task()", "asyncio.gather(*x)", "asyncio.to_thread()",
    "asyncio.wait_for()", "loop.run_in_executor()", "loop.call_later()", "run_in_threadpool()",
    "threading.Thread()", "threading.Thread(target=-x)", "contextlib.ExitStack().enter_context()", "Depends()",
    "Depends(-x)", "app.add_api_route()", "app.add_middleware()", "app.add_middleware(-x)",
    "app.add_exception_handler()", "app.include_router()", "app.mount()", "app.mount('/x')", "BackgroundTask()",
    "background.add_task()", "app.add_event_handler()", "app.get()(f)", "app.get('/x')(-f)", "Route()",
    "StreamingResponse()", "Response(-x)", "app.state.x.y()", "Handler()", "(-x)().Handler()", "a.Handler()()",
    "logging.handlers.SMTPHandler()()", "x.__class__()", "x.__dict__['y']()", "functools.reduce()",
    "singledispatch()", "lru_cache()()", "contextmanager()()", "property()()", "staticmethod()()", "TypeVar()",
    "sessionmaker()()", "ContextVar().get()", "Annotated[()]()", "Union[()]()", "Literal[-x]()",
]  # fmt: skip
IMPORTS = """\
import asyncio, contextlib, functools, logging.handlers, threading
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial, singledispatch
from typing import Annotated, Literal, TypeVar, Union, cast
from fastapi import APIRouter, Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import sessionmaker
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
app = FastAPI()
"""
EVERYWHERE = """\
{0}
x = y = {0}
@({0})
class A(({0}), metaclass={0}):
    a: {0} = {0}
    @({0})
    def b(self, x: {0} = {0}, *c: {0}, **d: {0}) -> {0}: ...
    @({0}).setter
    def e(self): ...
    @({0}).register
    async def g(self): ...
@app.get("/", dependencies=[{0}], response_model={0})
@({0})
async def f(x: ({0}), y=({0}), z: Annotated[{0}, {0}] = 1, w: list[{0}] = 1):
    {0}
    ({0}).a = ({0})[{0}] = {0}
    with ({0}) as v, x as ({0}).b: v()
    async with ({0}) as v: v.y()
    for v in ({0}): v()
    async for v in ({0}): v()
    if isinstance(x, {0}): x.y()
    match x:
        case A(): x()
        case _ if {0}: x()
    try: await ({0})
    except ({0}) as e: e.x()
    yield ({0})
    return {0}
"""


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_odd_expressions_in_every_place(tmp_path: Path, expression: str) -> None:
    files = {"odd.py": IMPORTS + EVERYWHERE.replace("{0}", expression)}
    assert "FL900" not in {code for _, code in places(tmp_path, files)}


# Files and directories

ROUTES_IN_PACKAGE = 'from fastapi import FastAPI\nimport redis\napp = FastAPI()\nclient = redis.Redis()\n@app.get("/x")\nasync def x():\n    client.get("a")\n'


def test_a_module_named_like_the_library_it_imports(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": "",
        "app/redis.py": "import redis\nclient = redis.Redis()\n",
        "app/main.py": ROUTES_IN_PACKAGE,
    }
    assert places(tmp_path, files) == [(7, "FL201")]


def test_a_package_and_a_module_of_the_same_name(tmp_path: Path) -> None:
    work = "import time\ndef work(): time.sleep(1)\n"
    files = {"job.py": work, "job/__init__.py": work, "main.py": route("work()", "from job import work\n")}
    assert places(tmp_path, files) == [(7, "FL101")]


def test_a_directory_named_like_a_file(tmp_path: Path) -> None:
    files = {"job.py/__init__.py": "", "job.py/inner.py": "import job\n", "main.py": route("time.sleep(1)")}
    assert places(tmp_path, files) == [(6, "FL101")]


def test_names_that_no_import_can_spell(tmp_path: Path) -> None:
    names = ["a b.py", "é.py", "x-y.py", "1.py", ".py", "a.b.py", "class.py", "new\nline.py", "-q.py"]
    found = places(tmp_path, dict.fromkeys(names, route("time.sleep(1)")))
    assert found == [(6, "FL101")] * len(names)


def test_links_that_lead_nowhere_or_in_circles(tmp_path: Path) -> None:
    plant(tmp_path, {"pkg/job.py": route("time.sleep(1)")})
    (tmp_path / "pkg" / "up").symlink_to("..")
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to("first")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    assert [(d.filename, d.location.row, d.code) for d in look(tmp_path)] == [("pkg/job.py", 6, "FL101")]


def test_a_dangling_link_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    monkeypatch.chdir(tmp_path)
    assert run(["check", "gone.py"]) == 2
    assert capsys.readouterr().err == "error: gone.py is a link to nowhere\n"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_and_a_directory_without_permission(tmp_path: Path) -> None:
    plant(tmp_path, {"closed.py": "x = 1\n", "shut/inner.py": "x = 1\n"})
    (tmp_path / "closed.py").chmod(0)
    (tmp_path / "shut").chmod(0)
    try:
        assert [(d.filename, d.code) for d in look(tmp_path)] == [("closed.py", "FL901"), ("shut", "FL901")]
    finally:
        (tmp_path / "shut").chmod(0o700)


def test_a_file_that_refuses_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {"closed.py": "x = 1\n"})
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "closed.py":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    [found] = look(tmp_path)
    assert (found.filename, found.code) == ("closed.py", "FL901")
    assert "Permission denied" in found.message


def test_a_directory_that_refuses_to_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {"shut/inner.py": "x = 1\n"})
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    [found] = look(tmp_path)
    assert (found.filename, found.code) == ("shut", "FL901")


def test_a_file_that_vanishes_before_it_is_read(tmp_path: Path) -> None:
    plant(tmp_path, {"a.py": "x = 1\n", "b.py": route("time.sleep(1)")})

    def remove(stage: str, done: int, total: int) -> None:
        if stage == "Reading files" and done == 1:
            (tmp_path / "b.py").unlink()

    settings = Settings(root=tmp_path, paths=(tmp_path,), cwd=tmp_path, cache=False)
    found = [(d.filename, d.code) for d in check(settings, remove).diagnostics]
    assert found == [("b.py", "FL901"), ("healthy.py", "FL101")]


def test_a_file_that_vanishes_after_it_was_read(tmp_path: Path) -> None:
    plant(tmp_path, {"b.py": route("time.sleep(1)")})

    def remove(stage: str, done: int, total: int) -> None:
        if stage == "Following calls":
            (tmp_path / "b.py").unlink(missing_ok=True)

    settings = Settings(root=tmp_path, paths=(tmp_path,), cwd=tmp_path, cache=False)
    found = [(d.filename, d.code) for d in check(settings, remove).diagnostics]
    assert ("healthy.py", "FL101") in found


@pytest.mark.parametrize("name", ["nowhere", "nowhere.py", "healthy.py/inner", "a" * 5000, "no/such/place"])
def test_paths_that_do_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plant(tmp_path, {})
    monkeypatch.chdir(tmp_path)
    assert run(["check", "healthy.py", name]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert (printed.err.count("\n"), printed.out) == (1, "")


# Configuration

CONFIGURATIONS = {
    'selct = ["FL1"]': 'unknown key "selct" in fastlint.toml; did you mean "select"?',
    "select = 1": '"select" in fastlint.toml must be a list of strings, not an integer',
    'ignore = ["FL101", 2]': '"ignore" in fastlint.toml must be a list of strings, not a list with an integer in it',
    "force-exclude = 1": '"force-exclude" in fastlint.toml must be true or false, not an integer',
    'output-format = "xml"': '"output-format" in fastlint.toml must be one of ',
    'per-file-ignores = ["a"]': '"per-file-ignores" in fastlint.toml must be a table, not a list',
    "select = [": "fastlint.toml is not valid TOML: ",
    "\ufeff[": "fastlint.toml is not valid TOML: ",
    'select = ["FL999"]': 'unknown rule "FL999" in "select"',
    'select = ["blocking-slep"]': 'unknown rule "blocking-slep" in "select"; did you mean "blocking-sleep"?',
    'per-file-ignores = {"a.py" = ["FL0"]}': 'unknown rule "FL0" in "per-file-ignores"',
    "catalog = 1": '"catalog" in fastlint.toml must be a table, not an integer',
    "[catalog]\nblock = 1": 'unknown key "block" in the catalog; did you mean "blocks"?',
    "[[catalog.blocks]]\nkind = 'http'\ncost = 'short'": '[[catalog.blocks]] number 1 lacks "names"',
    "[[catalog.blocks]]\nkind = 'htpp'": '"kind" in [[catalog.blocks]] number 1 must be one of ',
    "[catalog.returns]\n'a.b' = 'list['": '"a.b" in [catalog.returns] is "list[", which is no type',
    "[catalog.aliases]\n'a.b' = 'a.b'": '"a.b" in [catalog.aliases] is an alias of itself',
}


@pytest.mark.parametrize(("text", "message"), CONFIGURATIONS.items())
def test_configurations_that_mean_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    message: str,
) -> None:
    plant(tmp_path, {"fastlint.toml": f"{text}\n"})
    monkeypatch.chdir(tmp_path)
    assert run(["check"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {message}")
    assert (printed.err.count("\n"), printed.out) == (1, "")


# Processes


def test_two_runs_at_once(tmp_path: Path) -> None:
    plant(tmp_path, {f"module{n}.py": route("time.sleep(1)") for n in range(20)})
    command = [sys.executable, "-m", "fastlint", "check", "--output-format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    first, second = [process.communicate() for process in running]
    assert first == second
    assert len(json.loads(first[0])) == 21
    assert [process.returncode for process in running] == [1, 1]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs the signals of a terminal")
@pytest.mark.parametrize("files", [3, 200])
def test_an_interrupt_from_the_terminal(tmp_path: Path, files: int) -> None:
    """The signal reaches the command and its worker processes, as it does from a terminal."""
    plant(tmp_path, {f"module{n}.py": route("time.sleep(1)") for n in range(files)})
    program = (
        "import os, signal, time\n"
        "from contextlib import contextmanager\n"
        "from fastlint.cli import check\n"
        "from fastlint.facts import build\n"
        "build.available_cores = lambda: 2\n"
        "def interrupt(stage, done, total):\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    time.sleep(5)\n"
        "@contextmanager\n"
        "def progress(wanted):\n"
        "    yield interrupt\n"
        "check.progress = progress\n"
        "from fastlint.cli.boundary import run\n"
        "if __name__ == '__main__':\n"
        "    raise SystemExit(run(['check']))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
    )
    assert (answer.returncode, answer.stderr.strip(), answer.stdout) == (130, "fastlint: interrupted", "")
