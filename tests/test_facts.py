"""The facts of a file: what is bound when, what runs in which order, and what a guard protects."""

from __future__ import annotations

import ast
from dataclasses import astuple
from textwrap import dedent
from typing import Any

import pytest

from fastlint.facts.build import text_facts
from fastlint.facts.extract import extract
from fastlint.facts.model import (
    DIRECTLY,
    FLOW,
    INSIDE,
    NOT_AWAITED,
    UNKNOWN,
    Event,
    Expr,
    FunctionFacts,
    ModuleFacts,
    Problem,
)
from fastlint.facts.packing import from_bytes, to_bytes


def facts_of(text: str) -> ModuleFacts:
    text = dedent(text)
    return extract(ast.parse(text))


def function(text: str, name: str = "f") -> FunctionFacts:
    """The function of that name in a program."""
    [found] = [facts for facts in facts_of(text).functions if facts.name == name]
    return found


def body(text: str) -> FunctionFacts:
    """The facts of a method whose body is given."""
    lines = "\n".join(f"    {line}" for line in dedent(text).strip().split("\n"))
    return function(f"async def f(self, request, key, rows):\n{lines}\n")


def shown(expr: Any) -> str:
    """An expression, as short as it can be recognised."""
    match expr:
        case ("name", name, *_):
            return str(name)
        case ("attr", base, name, _):
            return f"{shown(base)}.{name}"
        case ("call", base, *_):
            return f"{shown(base)}()"
        case ("sub", base, index, _):
            return f"{shown(base)}[{shown(index)}]"
        case ("const", value):
            return repr(value)
        case ("binop", operator, left, right, _):
            return f"{shown(left)} {operator} {shown(right)}"
        case ("await", inner):
            return f"await {shown(inner)}"
        case (("elem" | "aelem" | "enter" | "aenter" | "instance") as tag, inner):
            return f"{tag} {shown(inner)}"
        case ("item", inner, index):
            return f"item {index} of {shown(inner)}"
        case ("any", parts, *_):
            return " or ".join(map(shown, parts))
        case (("tuple" | "list" | "set") as tag, parts):
            return f"{tag}({', '.join(map(shown, parts))})"
        case ("typed", annotation, value):
            return f"{shown(annotation)} = {shown(value)}"
        case _:
            return " ".join(str(part) for part in expr) if expr else "nothing"


def runs(facts: FunctionFacts, *kinds: str) -> list[tuple[str, str]]:
    """The events in order, those of the given kinds or all but the reading of attributes."""
    return [
        (event[0], shown(event[1]))
        for event in facts.events
        if (event[0] in kinds if kinds else event[0] != "attr")
    ]


def calls(facts: FunctionFacts) -> dict[str, Event]:
    """The calls by their text."""
    return {shown(event[1]): event for event in facts.events if event[0] in ("call", "drop")}


def bound(facts: FunctionFacts, name: str) -> list[str]:
    return [shown(value) for _, _, value in facts.bindings[name]]


def kinds_around(facts: FunctionFacts, event: Event) -> list[str]:
    """The kinds of the blocks around an event, the innermost first."""
    found, block = [], event[3]
    while block >= 0:
        block, kind, _ = facts.blocks[block]
        found += [kind] if kind else []
    return found


def guarded(text: str) -> bool:
    """Whether the call of `load` in a function body runs once."""
    facts = body(text)
    return "once" in kinds_around(facts, calls(facts)["load()"])


# What is defined


def test_functions_and_classes_know_where_they_stand() -> None:
    facts = facts_of(
        """
        class A(B, metaclass=M):
            def method(self):
                def inner(): ...
                return lambda: 1
            class Inner:
                async def deep(self): ...
        def plain(): ...
        """
    )
    assert [(f.qualname, f.parent, f.owner, f.is_async) for f in facts.functions] == [
        ("", -1, -1, False),
        ("A.method", 0, 0, False),
        ("A.method.inner", 1, -1, False),
        ("A.method.<lambda>", 1, -1, False),
        ("A.Inner.deep", 0, 1, True),
        ("plain", 0, -1, False),
    ]
    assert [(c.qualname, c.parent, [shown(b) for b in c.bases]) for c in facts.classes] == [
        ("A", 0, ["B"]),
        ("A.Inner", 0, []),
    ]
    assert [name for name, _ in facts.classes[0].keywords] == ["metaclass"]
    assert list(facts.classes[0].bindings) == ["method", "Inner"]


def test_parameters() -> None:
    facts = function("def f(a, /, b: int = 1, *args: str, c=None, **kwargs): ...")
    assert [(p.name, p.kind) for p in facts.parameters] == [
        ("a", "positional"),
        ("b", "positional"),
        ("args", "args"),
        ("c", "keyword"),
        ("kwargs", "kwargs"),
    ]
    assert [p.default for p in facts.parameters] == [None, ("const", 1), None, ("const", None), None]
    assert [p.annotation and shown(p.annotation) for p in facts.parameters] == [
        None,
        "int",
        "str",
        None,
        None,
    ]


def test_defaults_and_decorators_run_in_the_scope_around() -> None:
    text = "@decorate(1)\ndef f(a=make()): work()\n"
    assert runs(function(text, "<module>")) == [("call", "decorate()"), ("call", "make()")]
    assert runs(function(text)) == [("drop", "work()")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("...", True),
        ("pass", True),
        ("'what it does'", True),
        ("'what it does'\nraise NotImplementedError", True),
        ("raise NotImplementedError('later')", True),
        ("raise ValueError", False),
        ("return 1", False),
        ("work()", False),
    ],
)
def test_stubs(text: str, expected: bool) -> None:
    assert body(text).is_stub is expected


def test_generators_and_coroutines() -> None:
    assert body("yield 1").is_generator
    assert body("yield from rows()").is_generator
    assert not body("def inner():\n    yield 1").is_generator
    assert not body("rows = (row for row in table)").is_generator
    assert body("await work()").has_await
    assert not body("async def inner():\n    await work()").has_await


def test_stars_and_mentions() -> None:
    facts = facts_of("from a import *\nfrom ..b import *\nfrom . import c\nc.d.e()\nx = y\n")
    assert facts.stars == [("a", 0), ("b", 2)]
    assert facts.mentions == {"c", "d", "e", "y"}
    assert facts.imports == {("a", 0, None), ("b", 2, None), ("", 1, "c")}


# What is bound


def test_bindings_have_rising_times() -> None:
    facts = body("a = 1\nb = 2\na = b\n")
    times = [(time, name) for name, bindings in facts.bindings.items() for time, _, _ in bindings]
    assert [name for _, name in sorted(times)] == ["a", "b", "a"]
    assert len({time for time, _ in times}) == 3


def test_a_use_comes_after_the_binding_before_it_only() -> None:
    facts = body("a = one\nuse(a)\na = two\n")
    [call] = [event for event in facts.events if event[0] == "drop"]
    _, _, time, block = call[1][2][0]
    first, second = facts.bindings["a"]
    assert first[0] < time < second[0]
    assert block == 0


def test_imports() -> None:
    facts = function("import a.b\nimport c.d as e\nfrom .f import g as h, i\n", "<module>")
    assert {name: value for name, [(_, _, value)] in facts.bindings.items()} == {
        "a": ("import", "a.b", 0, "", (1, 0, 1, 10)),
        "e": ("import", "c.d", 0, None, (2, 0, 2, 15)),
        "h": ("import", "f", 1, "g", (3, 0, 3, 24)),
        "i": ("import", "f", 1, "i", (3, 0, 3, 24)),
    }


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("a = b = c", "b", ["c"]),
        ("a, b = c, d", "b", ["d"]),
        ("a, b = c", "b", ["item 1 of c"]),
        ("(a, [b, *rest]) = c", "b", ["item 0 of item 1 of c"]),
        ("a: int = b", "a", ["int = b"]),
        ("a += b", "a", ["a or b"]),
        ("use(a := b)", "a", ["b"]),
        ("for a in b: ...", "a", ["elem b"]),
        ("async for a in b: ...", "a", ["aelem b"]),
        ("with b as a: ...", "a", ["enter b"]),
        ("async with b as a: ...", "a", ["aenter b"]),
        ("[a for a in b]", "a", ["elem b"]),
        ("try: ...\nexcept B as a: ...", "a", ["instance B"]),
        ("if isinstance(a, B): ...", "a", ["instance B"]),
        ("match b:\n    case C() as a: ...", "a", ["instance C"]),
        ("match b:\n    case a: ...", "a", ["b"]),
    ],
)
def test_what_names_are_bound_to(text: str, name: str, expected: list[str]) -> None:
    assert bound(body(text), name) == expected


def test_global_names_are_bound_in_the_module() -> None:
    text = "client = None\ndef f():\n    global client\n    client = make()\n"
    module, inner = function(text, "<module>"), function(text)
    assert [value[0] for _, _, value in module.bindings["client"]] == ["const", "within"]
    assert inner.bindings == {}
    assert inner.outer_names == ["client"]


def test_nonlocal_names_are_bound_in_the_function_around() -> None:
    text = "def outer():\n    work = a\n    def f():\n        nonlocal work\n        work = b\n"
    assert [value[0] for _, _, value in function(text, "outer").bindings["work"]] == ["name", "within"]


def test_attributes_and_items_are_stores() -> None:
    facts = body("a.b = c\na[0] = d\n")
    assert [(shown(base), name, shown(value)) for base, name, value in facts.stores] == [
        ("a", "b", "c"),
        ("a", "[]", "d"),
    ]
    assert runs(facts) == [("set", "a.b"), ("setitem", "a[0]")]


# What runs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a()", [("drop", "a()")]),
        ("b = a()", [("call", "a()")]),
        ("a(b(), c=d())", [("call", "b()"), ("call", "d()"), ("drop", "a()")]),
        ("a.b()", [("drop", "a.b()")]),
        ("a().b.c", [("call", "a()"), ("attr", "a().b"), ("attr", "a().b.c")]),
        ("a[b()]", [("call", "b()"), ("sub", "a[b()]")]),
        ("a + b()", [("call", "b()"), ("op", "a Add b()")]),
        ("a in b", [("op", "a In b")]),
        ("a is b", []),
        ("a < b < c", [("op", "a Lt b"), ("op", "b Lt c")]),
        ("with a() as b: c()", [("call", "a()"), ("enter", "a()"), ("drop", "c()")]),
        ("async with a: ...", [("aenter", "a")]),
        ("for a in b(): c()", [("call", "b()"), ("iter", "b()"), ("drop", "c()")]),
        ("async for a in b: ...", [("aiter", "b")]),
        ("[a() for b in c]", [("iter", "c"), ("call", "a()")]),
        ("yield from a()", [("call", "a()"), ("iter", "a()")]),
        ("lambda: a()", []),
        ("f'{a()!r:{b()}}'", [("call", "a()"), ("call", "b()")]),
        ("a() if b() else c()", [("call", "b()"), ("call", "a()"), ("call", "c()")]),
        ("-a()", [("call", "a()")]),
        ("x: a() = b()", [("call", "b()")]),
        ("del a[b()]", [("call", "b()"), ("sub", "a[b()]")]),
        ("raise a() from b()", [("call", "a()"), ("call", "b()")]),
    ],
)
def test_events_in_their_order(text: str, expected: list[tuple[str, str]]) -> None:
    assert runs(body(text), *{kind for kind, _ in expected} | {"call", "drop", "op"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a()", NOT_AWAITED),
        ("b = a()", NOT_AWAITED),
        ("await a()", DIRECTLY),
        ("await gather(a(), b())", INSIDE),
        ("await gather(*[a() for _ in c])", INSIDE),
        ("await b(a()).c()", INSIDE),
        ("await b\na()", NOT_AWAITED),
        ("await b(lambda: a())", None),
        ("async with a() as b: ...", DIRECTLY),
        ("async for b in a(): ...", DIRECTLY),
        ("with a() as b: ...", NOT_AWAITED),
    ],
)
def test_how_calls_are_awaited(text: str, expected: int | None) -> None:
    found = calls(body(text)).get("a()")
    assert (found[4] if found else None) == expected


def test_a_lambda_inside_an_awaited_call_is_not_awaited() -> None:
    inner = function("async def f():\n    await run(lambda: a())\n", "<lambda>").events[0]
    assert (shown(inner[1]), inner[4]) == ("a()", NOT_AWAITED)


def test_spans_are_those_of_the_syntax_tree() -> None:
    [event] = body("é = 1; work(\n  1)").events
    assert event[5] == (2, 12, 3, 8)  # the letter takes two bytes


def test_events_know_their_statement() -> None:
    facts = body("if a():\n    b()\nc()\n")
    assert [facts.statements[event[2]][0][0] for event in facts.events if event[0] not in FLOW] == [2, 3, 4]
    span, header = facts.statements[0]
    assert (span, header) == ((2, 4, 3, 11), (2, 4, 3, 8))


# Blocks and guards


def test_blocks_nest() -> None:
    facts = body("for a in b:\n    while c:\n        d()\ne()\n")
    assert kinds_around(facts, calls(facts)["d()"]) == ["while", "loop"]
    assert kinds_around(facts, calls(facts)["e()"]) == []


def test_branches_are_blocks_of_their_own() -> None:
    facts = body("if a:\n    b()\nelse:\n    c()\ntry:\n    d()\nexcept E:\n    e()\n")
    blocks = {name: event[3] for name, event in calls(facts).items()}
    assert blocks["d()"] == 0
    assert len({blocks["b()"], blocks["c()"], blocks["d()"], blocks["e()"]}) == 4


@pytest.mark.parametrize(
    "text",
    [
        "global kept\nif kept is None:\n    kept = load()",
        "global kept\nif not kept:\n    kept = load()",
        "global kept\nif kept is not None:\n    return kept\nkept = load()",
        "global kept\nif kept:\n    return kept\nkept = load()",
        "if self.kept is None:\n    self.kept = load()",
        "if not hasattr(self, 'kept'):\n    self.kept = load()",
        "if not hasattr(self, 'kept'):\n    setattr(self, 'kept', load())",
        "if key not in TABLE:\n    TABLE[key] = load()",
        "if not key in TABLE:\n    TABLE[key] = load()",
        "if key in TABLE:\n    return TABLE[key]\nTABLE[key] = load()",
        "hit = TABLE.get(key)\nif hit is not None:\n    return hit\nTABLE[key] = load()",
        "if (hit := TABLE.get(key)) is None:\n    TABLE[key] = load()",
        "if (hit := TABLE.get(key)) is not None:\n    return hit\nTABLE[key] = load()",
        "if hit := TABLE.get(key):\n    return hit\nTABLE[key] = load()",
        "if app.state.kept is None:\n    app.state.kept = load()",
        "try:\n    asyncio.get_running_loop()\nexcept RuntimeError:\n    load()",
        "if not loop.is_running():\n    load()",
        "if loop.is_running():\n    return\nload()",
        "if loop.is_running():\n    pass\nelse:\n    load()",
        "lazy = (load() for _ in rows)",
    ],
)
def test_what_a_guard_lets_run_once(text: str) -> None:
    assert guarded(text)


@pytest.mark.parametrize(
    "text",
    [
        "load()",
        "if flag:\n    load()",
        "kept = None\nif kept is None:\n    kept = load()",
        "if kept is None:\n    kept = load()",
        "global kept\nif kept is None:\n    other = load()",
        "global kept\nif kept is not None:\n    log(kept)\nkept = load()",
        "global kept\nkept = load()",
        "if self.kept is None:\n    self.other = load()",
        "if request.state.kept is None:\n    request.state.kept = load()",
        "table = {}\nif key not in table:\n    table[key] = load()",
        "if key in TABLE:\n    return TABLE[key]\nreturn load()",
        "try:\n    work()\nexcept RuntimeError:\n    load()",
        "if loop.is_running():\n    load()",
        "rows = [load() for _ in rows]",
        "total = sum(load() for _ in rows)",
    ],
)
def test_what_only_looks_guarded(text: str) -> None:
    assert not guarded(text)


def test_a_guard_ends_with_its_block() -> None:
    facts = body("global kept\nif kept is None:\n    kept = a()\nb()\n")
    assert kinds_around(facts, calls(facts)["b()"]) == []


# Annotations


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("A", "A"),
        ("'A'", "A"),
        ("'a.A'", "a.A"),
        ("list['A']", "list[A]"),
        ("'list[\"A\"]'", "list[A]"),
        ("'A | None'", "A or None"),
        ("A | 'B'", "A or B"),
        ("dict[str, 'A']", "dict[tuple(str, A)]"),
        ("Callable[['A'], B]", "Callable[tuple(list(A), B)]"),
        ("Literal['A', 'B']", "Literal[tuple('A', 'B')]"),
        ("' A '", "A"),
        ("'not a type'", "unknown"),
        ("'('", "unknown"),
        ("''", "unknown"),
        ("'a\\0b'", "unknown"),
    ],
)
def test_text_in_annotations_is_parsed(annotation: str, expected: str) -> None:
    assert shown(function(f"def f(a: {annotation}): ...").parameters[0].annotation) == expected
    assert shown(function(f"def f() -> {annotation}: ...").returns_annotation) == expected
    assert bound(body(f"a: {annotation}"), "a") == [f"{expected} = nothing"]


def test_annotations_run_nothing() -> None:
    assert body("a: make().type[other()] = 1").events == []
    assert function("def f(a: make()) -> make(): ...", "<module>").events == []


# The way from a worker


EVERYTHING = '''
"""Text."""
import a.b as c
from .d import *
TABLE = {"a": 1, **c, (1, 2): [3.0, 4j, b"x", ..., None, True]}
type Alias[T] = list[T]

@decorate(1, *c, **c)
class A[T](c.B, metaclass=M):
    x: "int | None" = None
    @property
    def y(self, a, /, b: int = 1, *args, d=2, **kw) -> "list[A]":
        global z
        z = self.x = [w async for w in v if w]
        self.x[0] += (yield 1)
        return lambda q=1: {r: s for r, s in t}

async def f():
    async with a as b, c: ...
    try:
        await g(*(h for h in i), j := 2)
    except* E as e:
        raise
    match a:
        case A(x=1) as k: ...
        case [1, *l] | {"m": n, **o}: ...
    return f"{p!r:>{q}}" if not r else s @ t
'''


def test_facts_survive_the_way_from_a_worker() -> None:
    facts = text_facts(EVERYTHING)
    assert isinstance(facts, ModuleFacts)
    packed = to_bytes(facts)
    assert packed is not None and from_bytes(packed) == facts


def test_facts_hold_nothing_of_the_syntax_tree() -> None:
    facts = text_facts(EVERYTHING)
    assert isinstance(facts, ModuleFacts)
    plain = (str, int, bool, type(None))
    pending: list[object] = [
        *map(astuple, facts.functions),
        *map(astuple, facts.classes),
        facts.stars,
        [*facts.mentions, *facts.imports],
    ]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending += [*value, *value.values()]
        elif isinstance(value, (list, tuple)):
            pending += value
        else:
            assert isinstance(value, plain), value


def test_what_does_not_parse() -> None:
    problem = text_facts("x = 1\ndef (:\n")
    assert isinstance(problem, Problem)
    assert (problem.code, problem.row, problem.column) == ("FL900", 2, 5)
    assert problem.message == "Invalid syntax, so nothing in this file is checked"


def test_other_operations_keep_what_they_are_made_of() -> None:
    found = body("a = -b\nc = f'{b}!'\nd = b < 2 < c").bindings

    assert {name: (found[name][0][2][0], len(found[name][0][2][1])) for name in "acd"} == {
        "a": ("other", 1),
        "c": ("text", 2),
        "d": ("compare", 3),
    }


def test_an_unknown_expression_says_nothing() -> None:
    expected: Expr = UNKNOWN
    assert [value for _, _, value in body("a = yield").bindings["a"]] == [expected]


def identities(facts: FunctionFacts) -> list[int]:
    """For each expression that a body refers to, which of them is the first that is the same object."""
    exprs: list[Expr] = [value for bound in facts.bindings.values() for _, _, value in bound]
    exprs += [part for base, _, value in facts.stores for part in (base, value)]
    exprs += [event[1] for event in facts.events] + [region[2] for region in facts.regions]
    exprs += [detail for _, _, detail in facts.blocks] + [*facts.returns, *facts.yields]
    seen: dict[int, int] = {}
    parts: list[Expr] = []
    for expr in exprs:
        pending: list[Any] = [expr]
        while pending:
            part = pending.pop()
            if isinstance(part, tuple) and part and not isinstance(part[0], int) and part != UNKNOWN:
                parts.append(part)
                pending += part
    return [seen.setdefault(id(part), len(seen)) for part in parts]


def test_what_is_one_object_is_one_object_after_the_way_from_a_worker() -> None:
    texts = [
        EVERYTHING,
        "async def f(self):\n    a, (b, c) = x = await g(h(), h())\n    x += g(x)\n    self.y[a] = b = a\n",
        "def f(x):\n    with g(x) as y, h(y):\n        for a, b in y.rows(x):\n            x = [i for i in a if not i]\n",
        "def f(x):\n    while (y := g(x)) and isinstance(y, int):\n        yield (y if not x else g(y)), y\n",
    ]
    for text in texts:
        facts = text_facts(text)
        packed = to_bytes(facts)
        assert packed is not None
        again = from_bytes(packed)
        assert isinstance(facts, ModuleFacts) and isinstance(again, ModuleFacts)
        for before, after in zip(facts.functions, again.functions, strict=True):
            assert identities(before) == identities(after)
