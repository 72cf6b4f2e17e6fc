from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlint.facts import lowering
from fastlint.facts.lowering import lower

NUMBERED = re.compile(r"\bcall\d+(?=\()")

CONSTRUCTS = {
    "except": """
        try:
            call1()
        except ValueError, errors.Other:
            call2()
        """,
    "except one line": """
        try: call1()
        except A, B: call2()
        except C , (D): call3()
        except(E), F:
            call4()
        """,
    "except group": """
        try:
            call1()
        except* A, B:
            call2()
        except *C, D:  # why
            call3()
        """,
    "function type parameters": """
        def f[T: (int, str) = int, *Ts = *tuple[int, ...], **P = [int]](x: T = call1()) -> T:
            return call2()
        """,
    "function type parameters on several lines": """
        async def f[
            T,  # the ] (items):
            U: dict[str, int],
        ](x: T, y: U = call1()): return call2()
        """,
    "class type parameters": """
        class A[T]: x = (call1())
        class B[T](A[T], metaclass=call2()): y = call3()
        class C[
            T = int,
        ]:
            z = call4()
        class D[T] ( A ):
            z = call5()
        """,
    "type alias": """
        if call1(): type X = Annotated[int, call2()]; call3()
        type LongName[T: int, *Ts] = dict[str, call4()]
        type Y[
            T,  # the item
        ] = list[call5()]
        type Z \\
            = call6()
        """,
    "nested quotes": """
        x = f"a {call1()["key"]} b {call2(f"{call3("y")}")}", call4()
        """,
    "backslash": r"""
        x = f"{"\n".join(call1())} \N{BULLET}{call2('\\')}" + call3()
        """,
    "field on several lines": """
        x = f"a {
            call1(  # why }
                call2(),
            )
        } b {call3()}" + call4()
        """,
    "conversion and line end": """
        raise ValueError(f"a {
            call1()!r
        } b {call2()!s  # why
        } {call3() = !a }", call4())
        """,
    "format specification": """
        x = f"{call1():>{call2()}.{call3():{call4()}}} {call5()=} {call6()!r:{"x"}}", call7()
        """,
    "braces": """
        x = f"{{{call1()}}} {{}} { {"a": call2()}["a"] }" + call3()
        """,
    "triple quotes": """
        x = f'''a {
            call1('''b''')
        } \\
        c {call2():
            %H {call3()}
        }''', call4()
        """,
    "adjacent strings": """
        x = ("a" f"{call1("b")}"  # why
             'c' rf'\\{call2('''d''')}' F"", call3())
        y = f"" "b" \\
            f"{call4("c")}".join(call5())
        """,
    "only text": """
        x = f"a" if call1(f"", F'''b
        ''') else f"{call2("")}"
        """,
    "places of strings": """
        @call1(f"{call2("")}")
        def f(a: f"{x["a"]}" = call3()):
            with call4(f"{call5("")}") as y, z:
                d[f"{call6("")}"] = (f"{call7("")}", *call8())
                match f"{call9("")}":
                    case "a" if call10():
                        assert f"{call11("")}", f"{call12("")}"
            return f"{call13("")}".strip()(call14())[f"{call15("")}":]
        """,
    "yield and await": """
        async def f():
            x = f"{(yield call1(""))} {await call2()}"
            return f"{(lambda: call3(""))} {(y := call4())} {call5() if call6() else call7()}"
        """,
    "template": """
        x = t"a {call1("b")!r:{call2()}} {
            call3()
        }"
        y = rt'''{call4("")}''', call5()
        """,
    "unpacking in comprehensions": """
        x = [*call1() for y in call2()], {*call3() for y in z}, {**call4() for y in z}, call5()
        call6(*call7() for y in z)
        """,
    "unicode": """
        é = f"ö {call1("ü")} 🎉", call2()
        def ñ[Ünï](ä): return "ß", call3()
        type Ö = dict["ä", call4()]
        try: ü()
        except Ä, Ö: "é", call5()
        """,
    "together": """
        from __future__ import annotations

        app = call1()


        @app.get(f"/{call2("a")}")
        async def f[T](x: T) -> T:
            try:
                return f"{call3(
                    x
                )!r}"
            except A, B:
                type Y[U] = list[U]
                return call4()


        class C[T](B[T]):
            x = '''

        def call5(): no definition
        '''

            def g[U](self): return call6(t"{call7('')}")


        call8()
        """,
}


def dedent(text: str) -> str:
    return textwrap.dedent(text).removeprefix("\n") + "call99()\n"


@pytest.fixture
def rewrites_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewrite what the running Python parses too, so that every version tests the same."""
    monkeypatch.setattr(lowering, "_parses", lambda text: False)


@pytest.fixture(params=["new syntax", "everything"])
def rewriting(request: pytest.FixtureRequest) -> None:
    """Rewrite what the running Python does not parse, then everything."""
    if request.param == "everything":
        request.getfixturevalue("rewrites_everything")


def places_of_calls(text: str) -> dict[str, tuple[int, int]]:
    """Where each numbered call stands, by searching the text; columns count bytes as in `ast`."""
    lines = re.split(r"\r\n|\r|\n", text)
    return {
        match[0]: (row, len(line[: match.start()].encode()))
        for row, line in enumerate(lines, 1)
        for match in NUMBERED.finditer(line)
    }


def calls(tree: ast.AST) -> dict[str, tuple[int, int]]:
    return {
        node.func.id: (node.lineno, node.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and NUMBERED.match(node.func.id + "(")
    }


def parse(text: str) -> ast.Module:
    tree = lower(text)
    assert tree is not None
    return tree


def shape(text: str) -> str:
    """The lowered statements as Python 3.11 would write them."""
    return ast.unparse(parse(text))


@pytest.mark.usefixtures("rewriting")
@pytest.mark.parametrize("change", ["\n", "\r\n", "\r", "\t", "indented"])
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_every_call_stays_where_it_was(name: str, change: str) -> None:
    text = dedent(CONSTRUCTS[name])
    if change == "\t":
        text = text.replace("    ", "\t")
    elif change == "indented":
        text = "def outer():\n" + textwrap.indent(text, "  ", lambda line: True)
    else:
        text = text.replace("\n", change)
    expected = places_of_calls(text)
    expected.pop("call5" if name == "together" else "", None)
    assert calls(parse(text)) == expected


@pytest.mark.usefixtures("rewrites_everything")
@pytest.mark.parametrize("name", CONSTRUCTS)
def test_nodes_stay_where_a_newer_python_has_them(name: str) -> None:
    text = dedent(CONSTRUCTS[name])
    try:
        native = ast.parse(text)
    except SyntaxError:
        pytest.skip("this Python does not parse it")
    if "type " in name or name in ("unicode", "together"):
        pytest.skip("type parameters and alias names are not kept")
    kinds = (ast.stmt, ast.Name, ast.Attribute, ast.Subscript, ast.Starred, ast.Lambda, ast.arg)

    def places(tree: ast.AST) -> set[tuple[str, int, int, int, int]]:
        return {
            (type(n).__name__, n.lineno, n.col_offset, n.end_lineno or 0, n.end_col_offset or 0)
            for n in ast.walk(tree)
            if isinstance(n, kinds)
        }

    assert places(parse(text)) == places(native)


@pytest.mark.usefixtures("rewrites_everything")
def test_lazy_imports() -> None:
    text = dedent("""
        lazy import json, os.path as p; call1()
        lazy  from . import a
        lazy from b.c import (
            d,
            e as f,
        )
        lazy = call2()
        """)
    tree = parse(text)
    assert calls(tree) == places_of_calls(text)
    assert ast.unparse(tree).splitlines() == [
        "import json, os.path as p",
        "call1()",
        "from . import a",
        "from b.c import d, e as f",
        "lazy = call2()",
        "call99()",
    ]


@pytest.mark.usefixtures("rewrites_everything")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("try: a\nexcept A,B: b\n", "try:\n    a\nexcept (A, B):\n    b"),
        ("try: a\nexcept*A,B:b\n", "try:\n    a\nexcept* (A, B):\n    b"),
        ("try: a\nexcept(A),B:b\n", "try:\n    a\nexcept (A, B):\n    b"),
        ("try: a\nexcept \\\n A, B:\n b\n", "try:\n    a\nexcept (A, B):\n    b"),
        ("try: a\nexcept (A, B) as e: b\nexcept C, D: c\n", None),
        ("def f[T](x: T) -> T: pass\n", "def f(x: T) -> T:\n    pass"),
        ("async def f[*T] \\\n (x): pass\n", "async def f(x):\n    pass"),
        ("class A[T]: pass\n", "class A:\n    pass"),
        ("class A[T](B[T], k=1): pass\n", "class A(B[T], k=1):\n    pass"),
        ("\ftry: a\nexcept A, B : b\n", "try:\n    a\nexcept (A, B):\n    b"),
        ("type X = int\n", "X = int"),
        ("type X[T = int] = list[T]\n", "X = list[T]"),
        ("type type = type\n", "type = type"),
        ("x = [*a for a in b]\n", None),
    ],
)
def test_what_the_statements_become(text: str, expected: str | None) -> None:
    if expected is None:
        assert parse(text)
    else:
        assert shape(text) == expected


@pytest.mark.usefixtures("rewrites_everything")
@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('f"{a["b"]} {c!r:>{d}}"', ["a['b']", "c", "d"]),
        ('f"{a["b"], c}"', ["(a['b'], c)"]),
        ('f"{a["b"],}"', ["(a['b'],)"]),
        ('f"{yield a["b"]} {yield}"', ["(yield a['b'])", "(yield)"]),
        ('f"{*a["b"], c}{d}"', ["(*a['b'], c)", "d"]),
        ('f"{a["b"]:=5} {"" = }"', ["a['b']", "''"]),
        ('"a" f"{b[""]}" "c" f"{d}"', ["b['']", "d"]),
        ('t"{a[""]}"', ["a['']"]),
        ('f"{f"{f"{a}"}"}"', ["f'{f'{a}'}'"]),
    ],
)
def test_a_string_stays_a_string(text: str, fields: list[str]) -> None:
    (statement,) = parse(f"x = {text}\n").body
    assert isinstance(statement, ast.Assign)
    value = statement.value
    assert isinstance(value, ast.JoinedStr)
    assert (value.col_offset, value.lineno) == (4, 1)
    found = [part.value for part in value.values if isinstance(part, ast.FormattedValue)]
    assert len(found) == len(fields) == len(value.values)
    if not text.startswith('f"{f"'):
        assert [ast.unparse(part) for part in found] == fields


@pytest.mark.usefixtures("rewrites_everything")
def test_nested_strings_stay_strings() -> None:
    tree = parse('x = f"{f"{f"{a()}", b}"}"\n')
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    assert [node.col_offset for node in strings] == [4, 7, 11]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) != 2]


def test_a_tuple_that_starts_with_a_string_stays_a_tuple() -> None:
    tree = parse('x = f"{a[""]}", b\ntry: pass\nexcept A, B: pass\n')
    assert isinstance(tree.body[0], ast.Assign)
    assert isinstance(tree.body[0].value, ast.Tuple)
    assert isinstance(tree.body[0].value.elts[0], ast.JoinedStr)


@pytest.mark.parametrize(
    "text",
    [
        "print 'x'\n",
        "def f(:\n",
        "x = (\n",
        "x = '\n",
        "f'{'\n",
        "try: a\nexcept A, B as e: b\n",
        "  x\n y\n",
        "x = 1\0\n",
        "x = '\ud800' 1\n",
        "(" * 100_000,
        "x = " + "[" * 3_000 + "]" * 3_000,
        "f'{" * 3_000,
        "try: a\nexcept A, B: x = " + "+".join(["y"] * 2_000) + "\n",
        "try: a\nexcept A, B:\n" + "".join(" " * i + "if x:\n" for i in range(1, 150)) + " " * 150 + "pass",
    ],
)
def test_what_no_python_parses_is_none(text: str) -> None:
    assert lower(text) is None


@settings(deadline=None)
@given(st.text(st.sampled_from("ft'\"{}()[]:=,!# \n\t\rax\\é\ud800\f\0except*lazytypedef"), max_size=40))
def test_it_never_raises(text: str) -> None:
    tree = lower(text)
    assert tree is None or isinstance(tree, ast.Module)


def test_libcst_is_imported_only_when_needed() -> None:
    code = "import sys, fastlint.facts.lowering; assert 'libcst' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Whole programs

OLD_FIELDS = [
    "{call()}",
    "{x}",
    "{call(x)!r}",
    "{call():>{call()}}",
    "{call() = }",
    "{ [call() for x in y][0] }",
]


def expressions(modern: bool) -> st.SearchStrategy[str]:
    names = st.sampled_from(["x", "1", "'s'", '"ö 🎉"', "ünï", "call()", "call(1, *call())", "'''a\nb'''"])

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        field: st.SearchStrategy[str] = st.sampled_from(OLD_FIELDS)
        if modern:
            layout = st.sampled_from(
                ["{ %s}", "{\n  %s\n}", "{ %s !r}", "{(%s)!s\n}", "{ %s  # é }\n}", "{ %s:>{ %s }}", "{ %s=}"]
            )
            grown = st.builds(lambda shape, e: shape.replace("%s", f"({e})"), layout, inner)
            field = field | grown
        text = st.lists(field | st.sampled_from(["a", "{{", " ü ", "}}"]), max_size=4).map("".join)
        quotes = st.sampled_from(['"', "'", '"""', "'''"])
        prefix = st.sampled_from(["f", "F", "rf", "fR"])
        string = st.builds(lambda p, q, t: f"{p}{q}{t}{q}", prefix, quotes, text)
        long_string = st.builds(lambda a, t, b: f"f'''{a}\n{t}\n{b}'''", text, text, text)
        return st.one_of(
            string,
            long_string,
            st.builds("({} 'é'\n {})".format, string, string),
            st.builds("call({}, k={})".format, inner, inner),
            st.builds("({} if {} else {})".format, inner, inner, inner),
            st.builds("({},\n\t{})".format, inner, inner),
            st.builds("[{} for z in {}]".format, inner, inner),
            st.builds("({}).attr[{}]".format, inner, inner),
            st.builds("(lambda z: {})".format, inner),
        )

    return st.recursive(names, grow, max_leaves=8)


def programs(modern: bool) -> st.SearchStrategy[str]:
    """Programs whose calls have numbers, in syntax of 3.11 or also in newer syntax."""
    value = expressions(modern)
    simple = st.one_of(
        value,
        st.builds("x = y = {}".format, value),
        st.builds("return {}".format, value),
        st.builds("é: {} = {}".format, value, value),
        st.just("import a.b as c, d"),
    )
    if modern:
        alias = st.sampled_from(["type X = {}", "type Ü[T: int] = {}", "type X[\n T,\n  *Ts] = {}"])
        simple = simple | st.builds(lambda shape, e: shape.format(e), alias, value)
    shapes = [
        "if {0}:\n{1}\nelse:\n{2}",
        "for x in {0}:\n{1}",
        "while {0}: call()",
        "with call({0}) as y:\n{1}",
        "try:\n{1}\nexcept (A, B) as e:\n{2}\nfinally: call()",
        "@call({0})\nasync def f(a, b={0}, *c) -> {0}:\n{1}",
        "class A(B, k={0}):\n{1}",
        "match {0}:\n case C(d=1) if {0}:\n  call()",
    ]
    if modern:
        shapes += [
            "try:\n{1}\nexcept A, B:\n{2}",
            "try:\n{1}\nexcept* A, é.B: call()",
            "def f[T: int, *Ts](a={0}): return call()",
            "async def é[\n T = int,  # ö\n](a={0}):\n{1}",
            "class A[T]:\n{1}",
            "class A[T, **P](B, k={0}):\n{1}",
        ]
    tabs = st.sampled_from(["\t", " ", "    "])

    def nest(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        body = st.lists(inner, min_size=1, max_size=3)
        return st.builds(compound, st.sampled_from(shapes), value, body, body, tabs)

    statement = st.recursive(simple, nest, max_leaves=6)
    gaps = st.sampled_from(["\n", "\n\n\n", "\n# ü\n"])
    program = st.lists(st.builds("{}{}".format, statement, gaps), min_size=1, max_size=4).map("".join)
    return st.builds(finish, program, st.sampled_from(["\n", "\r\n"]))


def compound(shape: str, value: str, body: list[str], other: list[str], tab: str) -> str:
    def block(statements: list[str]) -> str:
        return textwrap.indent("\n".join(statements), tab, lambda line: True)

    return shape.format(value, block(body), block(other))


def finish(program: str, newline: str) -> str:
    numbers = iter(range(1, 10_000))
    program = re.sub(r"\bcall(?=\()", lambda match: f"call{next(numbers)}", program)
    return program.replace("\n", newline)


@settings(deadline=None, max_examples=60)
@given(programs(modern=False))
def test_what_already_parses_stays_in_place(text: str) -> None:
    ast.parse(text)
    rewritten, _ = lowering.rewrite(text.replace("\r\n", "\n"))
    assert calls(ast.parse(rewritten)) == places_of_calls(text)


@settings(deadline=None, max_examples=60)
@given(programs(modern=True))
def test_newer_programs_stay_in_place(text: str) -> None:
    assert calls(parse(text)) == places_of_calls(text)
