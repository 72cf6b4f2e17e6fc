"""Fixes of databases and caches in code that pages do not show."""

from __future__ import annotations

import ast

import pytest

from fastlint.fixes.applying import splice
from fastlint.fixes.arguments import with_keyword, without_keyword
from fastlint.fixes.hoisting import hoist_classes, hoist_expression
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix


def _call(module: Module, name: str) -> ast.Call:
    return next(
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    )


def _edited(module: Module, *edits: object) -> str:
    return splice(
        module.text,
        [(module.offset_of(e.start), module.offset_of(e.end), e.content) for e in edits],  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, echo=True)\n", "f(a)\n"),
        ("f(echo=True)\n", "f()\n"),
        ("f(echo=True,)\n", "f()\n"),
        ("f(echo=True, b=1)\n", "f(b=1)\n"),
        ("f((a), echo=(True), b=1)\n", "f((a), b=1)\n"),
        ("f(\n    a,\n    echo=True,  # log\n    b=1,\n)\n", "f(\n    a,\n    b=1,\n)\n"),
        ("f(\n    a, echo=True,\n    b=1,\n)\n", "f(\n    a,\n    b=1,\n)\n"),
        ("f(\r\n\ta,\r\n\techo=True\r\n)\r\n", "f(\r\n\ta,\r\n)\r\n"),
        ("f(a, echo=True,\n  b=1)\n", "f(a,\n  b=1)\n"),
        ("f(a,\n  echo=True)\n", None),
        ("x = f(\n    echo=True,\n    **options,\n)\n", "x = f(\n    **options,\n)\n"),
    ],
)
def test_keyword_goes(before: str, after: str | None) -> None:
    module = Module("a.py", before)
    if after is None:
        with pytest.raises(NoFix):
            without_keyword(module, _call(module, "f"), "echo")
        return
    assert _edited(module, without_keyword(module, _call(module, "f"), "echo")) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()\n", "f(k=1)\n"),
        ("f(a)\n", "f(a, k=1)\n"),
        ("f((a))\n", "f((a), k=1)\n"),
        ("f(a,)\n", "f(a, k=1,)\n"),
        ("f(\n    a,\n    b=2,  # two\n)\n", "f(\n    a,\n    b=2,  # two\n    k=1,\n)\n"),
        ("f(\n    a,\n    b=2  # two\n)\n", "f(\n    a,\n    b=2,  # two\n    k=1\n)\n"),
        ("f(\r\n    a\r\n)\r\n", "f(\r\n    a,\r\n    k=1\r\n)\r\n"),
        ("f(a,\n  b)\n", "f(a,\n  b, k=1)\n"),
    ],
)
def test_keyword_comes(before: str, after: str) -> None:
    module = Module("a.py", before)

    assert _edited(module, *with_keyword(module, _call(module, "f"), "k=1")) == after
    ast.parse(after)


def test_generator_takes_no_keyword() -> None:
    module = Module("a.py", "f(x for x in y)\n")

    with pytest.raises(NoFix):
        with_keyword(module, _call(module, "f"), "k=1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def g():\n    return f(1)\n", "X = f(1)\n\n\ndef g():\n    return X\n"),
        ("from a import f\n\n\ndef g():\n    x = f(1)\n    return x\n", "from a import f\n\nx = f(1)\n\n\ndef g():\n    return x\n"),
        ("from a import f\nx = 1\n\n\ndef g():\n    x = f(1)\n    return x\n", "from a import f\nx = 1\nX = f(1)\n\n\ndef g():\n    x = X\n    return x\n"),
        ("from a import f\nX = 1\n\n\ndef g():\n    return f(1)\n", None),
        ("from a import f\n\n\ndef g(x):\n    return f(x)\n", None),
        ("from a import f\n\n\ndef g():\n    return [f(x) for x in y]\n", None),
        ("from a import f\n\n\ndef g():\n    return f(A)\n\n\nA = 1\n", None),
        ("from a import f\n\n\ndef g():\n    global x\n    x = f(1)\n    return x\n", "from a import f\n\nX = f(1)\n\n\ndef g():\n    global x\n    x = X\n    return x\n"),
        (
            "from a import f\n\n\n# about g\n@d\ndef g():\n    return f(\n        1,\n    )\n\n\nclass C:\n    def h(self):\n        return f(1)\n",
            "from a import f\n\nX = f(\n    1,\n)\n\n\n# about g\n@d\ndef g():\n    return X\n\n\nclass C:\n    def h(self):\n        return f(1)\n",
        ),
        ("from a import f\n\n\ndef g(): return f(1)\n", "from a import f\n\nX = f(1)\n\n\ndef g(): return X\n"),
    ],
)  # fmt: skip
def test_expression_becomes_a_constant(before: str, after: str | None) -> None:
    before = before if "import f" in before else f"from a import f\n\n\ndef first(): ...\n\n\n{before}"
    module = Module("a.py", before)
    if after is None:
        with pytest.raises(NoFix):
            hoist_expression(module, _call(module, "f"), "X")
        return
    after = after if "import f" in after else f"from a import f\n\n\ndef first(): ...\n\n\n{after}"
    assert _edited(module, *hoist_expression(module, _call(module, "f"), "X")) == after


def test_classes_move_together() -> None:
    module = Module(
        "a.py",
        "from p import B\n\n\nasync def g():\n    n = 1\n\n    class A(B):\n        # what\n        x: int\n\n"
        "    class C(B):\n        a: A\n\n    return C\n",
    )
    classes = [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]

    assert _edited(module, *hoist_classes(module, classes)) == (
        "from p import B\n\n\nclass A(B):\n    # what\n    x: int\n\n\nclass C(B):\n    a: A\n\n\n"
        "async def g():\n    n = 1\n\n    return C\n"
    )


@pytest.mark.parametrize("field", ["x: int = n", "n: int = n", "x: str = '''a\n    b'''"])
def test_classes_of_the_call_stay(field: str) -> None:
    module = Module(
        "a.py", f"from p import B\n\n\ndef g(n):\n    class A(B):\n        {field}\n\n    return A\n"
    )
    classes = [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]

    with pytest.raises(NoFix):
        hoist_classes(module, classes)
