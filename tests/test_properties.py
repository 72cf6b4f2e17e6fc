"""What holds for every program: no crash, the same answer twice, places that exist.

`HYPOTHESIS_PROFILE=long` looks at many more programs.
"""

from __future__ import annotations

import ast
import asyncio
import http
import json
import logging
import marshal
import os
import random
import re
import string
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic, Location
from fastlint.engine.run import check
from fastlint.facts.build import text_facts
from fastlint.facts.model import ModuleFacts, unpack

settings.register_profile(
    "short",
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("long", parent=settings.get_profile("short"), max_examples=3000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

TESTS = Path(__file__).parent
FIXTURES = TESTS / "fixtures"

ANCHOR = """\
import time
from fastapi import FastAPI
from first import *
import first, second, package
app = FastAPI()
app.include_router(first.router)
@app.get("/anchor")
async def anchor(x=first.a):
    time.sleep(1)
    first.f(x).g()
"""
ANCHORED = ("anchor.py", 9, "FL101")
"""What is wrong with the file that is part of every program."""

NAMES = (
    "a", "b", "f", "g", "C", "D", "self", "cls", "args", "first", "second", "package", "router", "app",
    "time", "open", "requests", "asyncio", "partial", "super", "print", "isinstance", "getattr", "list",
)  # fmt: skip
ATTRIBUTES = (
    "a", "b", "f", "g", "C", "D", "get", "state", "sleep", "session", "post", "run", "append", "__call__",
    "__class__", "__init__", "add_task", "mount", "include_router", "setter", "register", "Handler",
)  # fmt: skip
METHODS = (
    "f", "g", "a", "__init__", "__call__", "__enter__", "__exit__", "__aenter__", "__iter__", "__next__",
    "__await__", "__getattr__", "__getitem__", "__add__", "__eq__", "__get__", "dispatch", "__new__",
)  # fmt: skip
IMPORTS = (
    "import time, requests, asyncio",
    "from functools import partial, lru_cache, cached_property, wraps",
    "from first import f, C as D, a",
    "from second import *",
    "from first import *",
    "from . import first",
    "from .second import g",
    "from package import D, first as f",
    "from package.inner import C, g",
    "from .. import a",
    "import package.inner as b",
    "from fastapi import FastAPI, APIRouter, Depends, Request, BackgroundTasks",
    "from pydantic import BaseModel, field_validator",
    "from contextlib import contextmanager, asynccontextmanager",
    "from starlette.concurrency import run_in_threadpool",
)
DECORATORS = (
    "property", "staticmethod", "classmethod", "f", "g()", "C", "a.setter", "lru_cache", "cached_property",
    "contextmanager", "asynccontextmanager", "app.get('/f')", "router.post('/g/{a}', response_model=C)",
    "app.middleware('http')", "app.exception_handler(D)", "app.on_event('startup')", "wraps(f)",
    "field_validator('a')", "app.websocket('/w')", "f.register(int)", "partial(f, a)", "b.b.b",
)  # fmt: skip
CALLS = (
    "time.sleep(1)", "requests.get(a)", "open(a)", "asyncio.run(f())", "asyncio.to_thread(f, a)",
    "Depends(f)", "Depends()", "partial(f, a)", "asyncio.create_task(f())", "super().f()", "C().f(a)",
    "run_in_threadpool(g, b)", "getattr(a, 'f')()", "BackgroundTasks().add_task(f)", "FastAPI(lifespan=f)",
    "APIRouter(prefix='/a')", "isinstance(a, C)", "app.add_middleware(C)", "app.mount('/', app)",
    "app.include_router(router)", "router.include_router(router)", "map(f, a)", "(yield)", "(await f())",
)  # fmt: skip

names = st.sampled_from(NAMES)
attributes = st.sampled_from(ATTRIBUTES)
constants = st.sampled_from(("None", "True", "1", "-1", "0.5", "'a'", "'é'", "'/x'", "b''", "...", "''", "1j"))
atoms = st.one_of(names, names, names, constants, st.sampled_from(CALLS))


def _joined(parts: st.SearchStrategy[str], separator: str = ", ", most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(parts, max_size=most).map(separator.join)


def _filled(template: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.fixed_dictionaries(dict(parts)).map(lambda values: template.format(**values))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions around other expressions."""
    argument = st.one_of(
        inner, inner, _filled("*{x}", x=inner), _filled("{n}={x}", n=attributes, x=inner), _filled("**{x}", x=inner)
    )
    clause = st.one_of(
        _filled("for {n} in {x}", n=names, x=inner),
        _filled("for {n}, *a in {x} if {y}", n=names, x=inner, y=inner),
        _filled("async for {n} in {x}", n=names, x=inner),
    )
    return st.one_of(
        _filled("({x}).{a}", x=inner, a=attributes),
        _filled("{n}.{a}", n=names, a=attributes),
        _filled("({x})({args})", x=inner, args=_joined(argument)).filter(_parses),
        _filled("{n}({args})", n=names, args=_joined(argument)).filter(_parses),
        _filled("{n}.{a}({args})", n=names, a=attributes, args=_joined(argument)).filter(_parses),
        _filled("({x})[{y}]", x=inner, y=inner),
        _filled("{n}[{x}:{y}, {y}]", n=names, x=inner, y=inner),
        _filled(
            "({x} {op} {y})",
            x=inner,
            y=inner,
            op=st.sampled_from(("+", "|", "@", "**", "and", "or", "is not", "in", "<", "==")),
        ),
        _filled("({op} {x})", x=inner, op=st.sampled_from(("not", "-", "~"))),
        _filled("({x} if {y} else {z})", x=inner, y=inner, z=inner),
        _filled("(lambda {n}, *, a={x}: {y})", n=st.sampled_from(("b", "self", "f")), x=inner, y=inner),
        _filled("[{x}]", x=_joined(inner)),
        _filled("({x},)", x=inner),
        _filled("{{{x}: {y}, **{z}}}", x=inner, y=inner, z=inner),
        _filled("[{x} {c}]", x=inner, c=clause),
        _filled("({x} {c} {d})", x=inner, c=clause, d=clause),
        _filled("{{{x}: {y} {c}}}", x=inner, y=inner, c=clause),
        _filled("(await {x})", x=inner),
        _filled("(yield {x})", x=inner),
        _filled("(yield from {x})", x=inner),
        _filled("(({n} := {x}))", n=names, x=inner),
        _filled('f"é{{({n}).{a}!r:>{{{n}}}}}"', n=names, a=attributes),
    )


def _parses(expression: str) -> bool:
    try:
        ast.parse(expression, mode="eval")
    except SyntaxError:
        return False
    return True


expressions = st.recursive(atoms, _larger, max_leaves=6)

annotations = st.one_of(
    names,
    names.map(repr),
    st.sampled_from((
        "int | None", "'list[C] | D'", "Annotated[C, Depends(f)]", "Annotated[a, Depends(D)]", "type[C]",
        "dict[str, 'C']", "Callable[[int], C]", "Literal['a', 'b']", "Optional['D']", "BackgroundTasks", "Request",
        "'not an annotation'", "''", "Union[C, D]", "Iterator[C]", "AsyncIterator['C']", "C.D", "tuple[C, ...]",
    )),
    expressions,
)  # fmt: skip
targets = st.one_of(
    names,
    _filled("{n}.{a}", n=names, a=attributes),
    _filled("{n}[{x}]", n=names, x=expressions),
    _filled("{n}, *{m}.{a}", n=names, m=names, a=attributes),
    _filled("[{n}, ({m}, {o})]", n=names, m=names, o=names),
)
decorators = st.one_of(st.sampled_from(DECORATORS), expressions)


@st.composite
def parameters(draw: st.DrawFn) -> str:
    wanted = draw(st.lists(st.sampled_from(("self", "cls", "a", "b", "f", "db", "request")), unique=True, max_size=3))
    parts = []
    for number, name in enumerate(wanted):
        annotation = f": {draw(annotations)}" if draw(st.booleans()) else ""
        default = f" = {draw(expressions)}" if number == len(wanted) - 1 and draw(st.booleans()) else ""
        parts.append(name + annotation + default)
    return ", ".join([*parts, *draw(st.sampled_from(([], ["*args"], ["*, g=f"], ["*args", "**kwargs"])))])


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines] or ["    pass"]


@st.composite
def blocks(draw: st.DrawFn, depth: int) -> list[str]:
    """The lines of a few statements."""
    lines: list[str] = []
    for _ in range(draw(st.integers(0 if depth else 1, 4))):
        lines += draw(statements(depth))
    return lines


@st.composite
def functions(draw: st.DrawFn, depth: int, in_class: bool = False) -> list[str]:
    lines = [f"@{decorator}" for decorator in draw(st.lists(decorators, max_size=2))]
    name = draw(st.sampled_from(METHODS if in_class else ("f", "g", "a", "D")))
    prefix = draw(st.sampled_from(("", "async ")))
    returns = f" -> {draw(annotations)}" if draw(st.booleans()) else ""
    lines.append(f"{prefix}def {name}({draw(parameters())}){returns}:")
    scope = draw(st.sampled_from(([], [], [], ["    global b"], ["    '''text'''"], ["    global a, C"])))
    return [*lines, *scope, *_indented(draw(blocks(depth + 1)))]


@st.composite
def classes(draw: st.DrawFn, depth: int) -> list[str]:
    lines = [f"@{decorator}" for decorator in draw(st.lists(decorators, max_size=1))]
    bases = ", ".join(draw(st.lists(annotations, max_size=2)))
    lines.append(f"class {draw(st.sampled_from(('C', 'D', 'a')))}({bases}):")
    body: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        body += draw(functions(depth + 1, in_class=True))
    return [*lines, *_indented([*draw(blocks(depth + 1)), *body])]


simple = st.one_of(
    expressions,
    expressions,
    _filled("{t} = {x}", t=targets, x=expressions),
    _filled("{n} = {t} = {x}", n=names, t=targets, x=expressions),
    _filled("{n}: {a} = {x}", n=names, a=annotations, x=expressions),
    _filled("{n}.{b}: {a}", n=names, b=attributes, a=annotations),
    _filled("{n} += {x}", n=names, x=expressions),
    _filled("self.{a} = {x}", a=attributes, x=expressions),
    _filled("return {x}", x=expressions),
    _filled("raise {x}", x=expressions),
    _filled("assert {x}, {y}", x=expressions, y=expressions),
    _filled("del {t}", t=targets.filter(lambda target: "*" not in target)),
    st.sampled_from(("return", "pass", "break", "nonlocal_ = 1", "...")),
    st.sampled_from(IMPORTS),
)


@st.composite
def statements(draw: st.DrawFn, depth: int) -> list[str]:
    kind = draw(st.integers(0, 11 if depth < 3 else 4))
    if kind <= 4:
        return [draw(simple)]
    if kind <= 6:
        return draw(functions(depth))
    if kind == 7:
        return draw(classes(depth))
    body = _indented(draw(blocks(depth + 1)))
    test = draw(expressions)
    if kind == 8:
        words = draw(st.sampled_from(("if {x}:", "if {n} is None:", "if isinstance({n}, C):", "while {x}:")))
        head = words.format(x=test, n=draw(names))
        return [head, *body, *(["else:", *_indented(draw(blocks(depth + 1)))] if draw(st.booleans()) else [])]
    if kind == 9:
        return [f"{draw(st.sampled_from(('', 'async ')))}for {draw(targets)} in {test}:", *body]
    if kind == 10:
        as_target = f" as {draw(names)}" if draw(st.booleans()) else ""
        return [f"{draw(st.sampled_from(('', 'async ')))}with {test}{as_target}:", *body]
    handler = draw(st.sampled_from(("except Exception as a:", "except (C, D):", "except* C as b:", "finally:")))
    matching = ["match a:", "    case C(b=1) as f:", *_indented(body), "    case [D(), *b] | {'a': b}:", "        f(b)"]
    return draw(st.sampled_from((["try:", *body, handler, *body], matching)))


@st.composite
def modules(draw: st.DrawFn) -> str:
    lines = [*draw(st.lists(st.sampled_from(IMPORTS), max_size=3)), *draw(blocks(0)), *draw(functions(0))]
    text = "\n".join([*lines, *draw(st.sampled_from(([], ["router = APIRouter()", "app = FastAPI()"])))])
    try:
        ast.parse(text)
    except SyntaxError:
        assume(False)
    return f"{text}\n"


programs = st.fixed_dictionaries({
    "anchor.py": st.just(ANCHOR),
    "first.py": modules(),
    "second.py": modules(),
    "package/__init__.py": modules(),
    "package/inner.py": modules(),
})


@contextmanager
def planted(files: dict[str, str]) -> Iterator[Path]:
    """The files in a directory of their own."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8", newline="")
        yield root


def run(root: Path, *paths: Path) -> tuple[Diagnostic, ...]:
    return check(Settings(root=root, paths=paths or (root,), cwd=root, cache=False)).diagnostics


def found_in(files: dict[str, str]) -> tuple[Diagnostic, ...]:
    with planted(files) as root:
        return run(root)


def marks(diagnostics: tuple[Diagnostic, ...]) -> set[tuple[str, int, str]]:
    return {(found.filename, found.location.row, found.code) for found in diagnostics}


def assert_places_exist(root: Path, diagnostics: tuple[Diagnostic, ...]) -> None:
    """Every place lies in its file, and what a diagnostic underlines is an expression."""
    for found in diagnostics:
        lines = (root / found.filename).read_text(encoding="utf-8").split("\n")
        places = [(found.filename, found.location), (found.filename, found.end_location)]
        places += [(step.filename, step.location) for step in found.chain]
        places += [(entry.filename, entry.location) for entry in found.entry_points]
        for filename, place in places:
            text = (root / filename).read_text(encoding="utf-8").split("\n")
            assert 1 <= place.row <= len(text)
            assert 1 <= place.column <= len(text[place.row - 1]) + 1
        assert found.location < found.end_location
        assert _parses(f"({_between(lines, found.location, found.end_location)})")


def _between(lines: list[str], start: Location, end: Location) -> str:
    rows = lines[start.row - 1 : end.row]
    rows[-1] = rows[-1][: end.column - 1]
    rows[0] = rows[0][start.column - 1 :]
    return "\n".join(rows)


@given(programs)
def test_any_program_is_understood(files: dict[str, str]) -> None:
    with planted(files) as root:
        diagnostics = run(root)
        assert ANCHORED in marks(diagnostics)
        assert not [found for found in diagnostics if found.code.startswith("FL9")]
        assert_places_exist(root, diagnostics)
