"""Programs that nobody would write: valid Python out of few names, so that everything meets everything."""

from __future__ import annotations

import ast
import random
import warnings
from collections.abc import Callable

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

NAMES = [
    "a",
    "b",
    "f",
    "g",
    "C",
    "D",
    "self",
    "cls",
    "args",
    "first",
    "second",
    "package",
    "router",
    "app",
    "time",
    "open",
    "requests",
    "asyncio",
    "partial",
    "super",
    "print",
    "isinstance",
    "getattr",
    "list",
]
ATTRIBUTES = [
    "a",
    "b",
    "f",
    "g",
    "C",
    "D",
    "get",
    "state",
    "sleep",
    "session",
    "post",
    "run",
    "append",
    "__call__",
    "__class__",
    "__init__",
    "add_task",
    "mount",
    "include_router",
    "setter",
    "register",
    "Handler",
]
METHODS = [
    "f",
    "g",
    "a",
    "__init__",
    "__call__",
    "__enter__",
    "__exit__",
    "__aenter__",
    "__iter__",
    "__next__",
    "__await__",
    "__getattr__",
    "__getitem__",
    "__add__",
    "__eq__",
    "__get__",
    "__new__",
    "dispatch",
]
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
CONSTANTS = ("None", "True", "1", "-1", "0.5", "'a'", "'é'", "'/x'", "b''", "...", "''", "1j")
CALLS = (
    "time.sleep(1)", "requests.get(a)", "open(a)", "asyncio.run(f())", "asyncio.to_thread(f, a)",
    "Depends(f)", "Depends()", "partial(f, a)", "asyncio.create_task(f())", "super().f()", "C().f(a)",
    "run_in_threadpool(g, b)", "getattr(a, 'f')()", "BackgroundTasks().add_task(f)", "FastAPI(lifespan=f)",
    "APIRouter(prefix='/a')", "isinstance(a, C)", "app.add_middleware(C)", "app.mount('/', app)",
    "app.include_router(router)", "router.include_router(router)", "map(f, a)", "(yield)", "(await f())",
)  # fmt: skip
ANNOTATIONS = (
    "int | None", "'list[C] | D'", "Annotated[C, Depends(f)]", "Annotated[a, Depends(D)]", "type[C]",
    "dict[str, 'C']", "Callable[[int], C]", "Literal['a', 'b']", "Optional['D']", "BackgroundTasks", "Request",
    "'not an annotation'", "''", "Union[C, D]", "Iterator[C]", "AsyncIterator['C']", "C.D", "tuple[C, ...]",
)  # fmt: skip

EXPRESSIONS = (
    "({x}).{a}", "{n}.{a}", "({x})({args})", "{n}({args})", "{n}.{a}({args})", "({x})[{y}]", "{n}[{x}:{y}, {y}]",
    "({x} + {y})", "({x} | {y})", "({x} @ {y})", "({x} and {y})", "({x} or {y})", "({x} in {y} < {x})",
    "(not {x})", "(-{x})", "({x} if {y} else {n})", "(lambda {m}, *, a={x}: {y})", "[{args}]", "({x},)",
    "{{{x}: {y}, **{n}}}", "[{x} for {n} in {y}]", "({x} for {n}, *a in {y} if {x})", "{{{x}: {y} for {n} in {x}}}",
    "[{x} async for {n} in {y}]", "(await {x})", "(yield {x})", "(yield from {x})", "({n} := {x})",
    'f"é{{({n}).{a}!r:>{{{m}}}}}"',
)  # fmt: skip
TARGETS = ("{n}", "{n}", "{n}.{a}", "{n}[{x}]", "{n}, *{m}.{a}", "[{n}, ({m}, {n})]")
STATEMENTS = (
    "{x}", "{x}", "{t} = {x}", "{t} = {x}", "{n} = {t} = {x}", "{n}: {annotation} = {x}", "{n}.{a}: {annotation}",
    "{n} += {x}", "self.{a} = {x}", "return {x}", "raise {x}", "assert {x}, {y}", "del {n}.{a}", "pass", "break",
)  # fmt: skip
HEADS = (
    "if {x}:", "if {n} is None:", "if isinstance({n}, C) and {x}:", "while {x}:", "for {t} in {x}:",
    "async for {n} in {x}:", "with {x} as {n}, {y}:", "async with {x} as {t}:",
)  # fmt: skip


class Writer:
    """Writes random modules; the same seed gives the same text."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def module(self, size: int) -> str:
        """A module of about `size` statements at its top."""
        pick = self.random.choice
        for _ in range(100):
            blocks = [[pick(IMPORTS)] for _ in range(self.random.randint(0, 3))]
            blocks += [self._statement(0) for _ in range(size)]
            blocks.append(pick((["router = APIRouter()"], ["app = FastAPI()"], ["a = f"])))
            text = "\n".join(line for block in blocks for line in block if _is_valid(block)) + "\n"
            if _is_valid([text]):
                return text
        return "pass\n"

    def _fill(self, template: str, depth: int) -> str:
        pick = self.random.choice
        parts: dict[str, Callable[[], str]] = {
            "{n}": lambda: pick(NAMES),
            "{m}": lambda: pick(NAMES),
            "{a}": lambda: pick(ATTRIBUTES),
            "{x}": lambda: self._expression(depth + 1),
            "{y}": lambda: self._expression(depth + 1),
            "{t}": lambda: self._fill(pick(TARGETS), depth + 1),
            "{args}": lambda: self._arguments(depth + 1),
            "{annotation}": lambda: self._annotation(depth + 1),
        }
        used = {name[1:-1]: part() for name, part in parts.items() if name in template}
        return template.format(**used)

    def _expression(self, depth: int = 0) -> str:
        kind = self.random.random()
        if depth > 3 or kind < 0.35:
            return self.random.choice(NAMES)
        if kind < 0.45:
            return self.random.choice(CONSTANTS)
        if kind < 0.6:
            return self.random.choice(CALLS)
        return self._fill(self.random.choice(EXPRESSIONS), depth)

    def _arguments(self, depth: int) -> str:
        shapes = ("{x}", "{x}", "{x}", "*{x}")
        found = [self._fill(self.random.choice(shapes), depth) for _ in range(self.random.randint(0, 2))]
        if self.random.random() < 0.3:
            found.append(self._fill(self.random.choice(("{a}={x}", "**{x}")), depth))
        return ", ".join(found)

    def _annotation(self, depth: int = 0) -> str:
        kind = self.random.random()
        if kind < 0.4:
            return self.random.choice(ANNOTATIONS)
        name = self.random.choice(("C", "D", "a", "b", "int", "first.C", "package.inner.D"))
        return name if kind < 0.7 else repr(name) if kind < 0.85 else self._expression(depth)

    def _parameters(self) -> str:
        count = self.random.randint(0, 3)
        wanted = self.random.sample(("self", "cls", "a", "b", "f", "db", "request"), count)
        parts = [f"{n}: {self._annotation()}" if self.random.random() < 0.5 else n for n in wanted]
        if parts and self.random.random() < 0.5:
            parts[-1] += f" = {self._expression(1)}"
        return ", ".join([*parts, *self.random.choice(([], ["*args"], ["*, g=f"], ["*args", "**kwargs"]))])

    def _statement(self, depth: int) -> list[str]:
        kind = self.random.randrange(12 if depth < 3 else 5)
        if kind < 1:
            return [self.random.choice(IMPORTS)]
        if kind < 5:
            return [self._fill(self.random.choice(STATEMENTS), 0)]
        if kind < 8:
            return self._function(depth)
        if kind < 9:
            return self._class(depth)
        if kind < 11:
            head = self._fill(self.random.choice(HEADS), 0)
            other = ["else:", *self._body(depth)] if self.random.random() < 0.3 and "with" not in head else []
            return [head, *self._body(depth), *other]
        if self.random.random() < 0.5:
            handler = self.random.choice(
                ("except Exception as a:", "except (C, D):", "except* C as b:", "finally:")
            )
            return ["try:", *self._body(depth), handler, *self._body(depth)]
        patterns = "C(b=1) as f", "[D(), *b] | {'a': b}", "{'a': b, **a}", "str() | None", "f if f.a()", "_"
        return [
            "match a:",
            f"    case {self.random.choice(patterns)}:",
            *(f"    {line}" for line in self._body(depth)),
        ]

    def _body(self, depth: int) -> list[str]:
        lines = [line for _ in range(self.random.randint(1, 3)) for line in self._statement(depth + 1)]
        return [f"    {line}" for line in lines]

    def _function(self, depth: int, names: tuple[str, ...] | list[str] = ("f", "g", "a", "D")) -> list[str]:
        lines = [f"@{decorator}" for decorator in self._decorators()]
        returns = f" -> {self._annotation()}" if self.random.random() < 0.5 else ""
        start = self.random.choice(("def", "async def"))
        lines.append(f"{start} {self.random.choice(names)}({self._parameters()}){returns}:")
        scope = self.random.choice(([], [], [], ["    global b"], ["    'text'"], ["    global a, C"]))
        return [*lines, *scope, *self._body(depth)]

    def _class(self, depth: int) -> list[str]:
        lines = [f"@{decorator}" for decorator in self._decorators()]
        bases = ", ".join(self._annotation() for _ in range(self.random.randint(0, 2)))
        lines.append(f"class {self.random.choice(('C', 'D', 'a'))}({bases}):")
        methods = [self._function(depth + 1, METHODS) for _ in range(self.random.randint(0, 3))]
        return [*lines, *self._body(depth), *(f"    {line}" for method in methods for line in method)]

    def _decorators(self) -> list[str]:
        count = self.random.choice((0, 0, 1, 1, 2))
        return [
            self.random.choice(DECORATORS) if self.random.random() < 0.8 else self._expression(1)
            for _ in range(count)
        ]


def _is_valid(lines: list[str]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse("\n".join(lines))
        except SyntaxError:
            return False
    return True


def random_program(seed: int, size: int) -> dict[str, str]:
    """Files by path: five modules that import each other, and one with a known mistake."""
    paths = ("first.py", "second.py", "package/__init__.py", "package/inner.py")
    writer = Writer(seed)
    return {"anchor.py": ANCHOR} | {path: writer.module(size) for path in paths}
