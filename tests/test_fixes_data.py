"""Fixes of databases and caches in code that pages do not show."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fastlint.fixes.applying import splice
from fastlint.fixes.arguments import with_keyword, without_keyword
from fastlint.fixes.hoisting import hoist_classes, hoist_expression
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix

from .linting import repair


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
        (
            "from a import f\n\n\ndef g():\n    y = 2\n    # one\n    x = f(1)  # two\n    return x + y\n",
            "from a import f\n\n# one\nx = f(1)  # two\n\n\ndef g():\n    y = 2\n    return x + y\n",
        ),
        (
            "from a import f\n\n\ndef h():\n    x = f( 1 )\n    return x\n\n\ndef g():\n    x = f(1)\n    return x\n",
            "from a import f\n\nx = f( 1 )\n\n\ndef h():\n    return x\n\n\ndef g():\n    x = f(1)\n    return x\n",
        ),
        ("from a import f\n\n\nclass A: ...\ndef g():\n    return f(1)\n", "from a import f\n\n\nclass A: ...\n\n\nX = f(1)\n\n\ndef g():\n    return X\n"),
        ("from a import f\n\n\nclass A: ...\n\n# it\ndef g():\n    return f(1)\n", "from a import f\n\n\nclass A: ...\n\n\nX = f(1)\n\n\n# it\ndef g():\n    return X\n"),
        ("from a import f\ndef g():\n    return f(1)\n", "from a import f\n\nX = f(1)\n\n\ndef g():\n    return X\n"),
        ("from a import f\nx = 1\n\ndef g():\n    return f(1)\n", "from a import f\nx = 1\nX = f(1)\n\n\ndef g():\n    return X\n"),
        ("from a import f\nif f:\n    x = 1\n\ndef g():\n    return f(1)\n", "from a import f\nif f:\n    x = 1\n\n\nX = f(1)\n\n\ndef g():\n    return X\n"),
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


SETUP = """
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import ForeignKey, Table, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

app = FastAPI()
SessionLocal = sessionmaker(create_engine("postgresql://localhost/shop"), expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "owners"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int] = mapped_column(ForeignKey("owners.id"))
    owner: Mapped[Owner] = relationship()


class Small(Item):
    pass


PARTS = Table("parts", Base.metadata)


def get_session() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


DB = Annotated[Session, Depends(get_session)]


def log(item: Item) -> None:
    print(item)


def send(item: Item) -> None:
    import httpx

    httpx.post("https://mail.example", json={"item": item.id}, timeout=5)


"""


def _repaired(tmp_path: Path, code: str, route: str, newline: str = "\n") -> tuple[str, list[str]]:
    """What the fix of a rule makes of a route (the lines that changed), and why there is none."""
    text = (SETUP + route).replace("\n", newline)
    (tmp_path / "main.py").write_text(text, encoding="utf-8", newline="")
    result = repair(tmp_path, code, unsafe=True)
    after = result.after.get("main.py", text)
    assert (newline == "\r\n") == ("\r\n" in after)
    assert not newline.endswith("\r\n") or "\n" not in after.replace("\r\n", "")
    compile(after, "main.py", "exec")
    return after.replace(newline, "\n").partition("@app")[2], [
        d.unfixed for d in result.remaining.diagnostics if d.unfixed
    ]


COMMITS = [
    (
        "    for name in names:\n        if name:\n            db.add(Item(name=name))\n            # done\n            db.commit()  # now\n    return 1\n",
        "    for name in names:\n        if name:\n            db.add(Item(name=name))\n    # done\n    db.commit()  # now\n    return 1\n",
    ),
    (
        "    for name in names:\n        item = Item(name=name)\n        db.add(item)\n        db.commit()\n        ids.append(item.id)\n    return 1\n",
        "    for name in names:\n        item = Item(name=name)\n        db.add(item)\n        db.flush()\n        ids.append(item.id)\n    db.commit()\n    return 1\n",
    ),
    ("    for name in names:\n        db.add(Item(name=name)); db.commit()\n    return 1\n", None),
    ("    for name in names:\n        item = Item(name=name)\n        db.add(item)\n        db.commit()\n        log(item)\n    return 1\n", None),
    ("    for name in names:\n        item = Item(name=name)\n        db.add(item)\n        send(item)\n        db.commit()\n    return 1\n", None),
    ("    for name in names:\n        db.add(Item(name=name))\n        db.commit()\n    else:\n        print(1)\n    return 1\n", None),
]  # fmt: skip


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("body", "after"), COMMITS)
def test_commit(tmp_path: Path, body: str, after: str | None, newline: str) -> None:
    head = '.post("/items")\ndef add_items(names: list[str], db: DB) -> int:\n    ids = []\n'
    found, unfixed = _repaired(tmp_path, "FL207", f"@app{head}{body}", newline)

    assert found == head + (after or body)
    assert bool(unfixed) == (after is None)


COUNTS = [
    ("    return len(db.scalars(select(Item)).all())\n", "    return db.scalars(select(func.count()).select_from(Item)).one()\n"),
    ("    return len(\n        db.scalars(select(Item)).all()\n    )\n", "    return (\n        db.scalars(select(func.count()).select_from(Item)).one()\n    )\n"),
    (
        "    result = db.execute(select(Item).filter_by(name=name))\n    items = result.scalars().all()\n    return len(items)\n",
        "    result = db.execute(select(func.count()).select_from(Item).filter_by(name=name))\n    count = result.scalar_one()\n    return count\n",
    ),
    ("    return len(db.execute(select(Item.name)).all())\n", "    return db.execute(select(func.count()).select_from(Item)).scalar_one()\n"),
    (
        "    return len(db.scalars(select(Item.name).where(Item.owner_id == 3)).all())\n",
        "    return db.scalars(select(func.count()).select_from(Item).where(Item.owner_id == 3)).one()\n",
    ),
    ("    return len(db.execute(select(Item.owner)).all())\n", None),
    ("    return len(db.scalars(select(Small.name)).all())\n", "    return db.scalars(select(func.count()).select_from(Small)).one()\n"),
    ("    return len(db.execute(select(Item.name + 'x')).all())\n", None),
    ("    return len(db.execute(select(Item.name.label('x'))).all())\n", None),
    ("    return len(db.execute(select(func.upper(Item.name))).all())\n", None),
    ("    return len(db.execute(select(PARTS)).all())\n", "    return db.execute(select(func.count()).select_from(PARTS)).scalar_one()\n"),
    ("    return len(db.execute(select(PARTS.c.id)).all())\n", None),
    ("    items = db.query(Item).filter_by(name=name).all()\n    return len(items) + len(items)\n", "    count = db.query(Item).filter_by(name=name).count()\n    return count + count\n"),
    ("    items = db.query(Item).join(Owner).all()\n    return len(items)\n", None),
    ("    return len(db.scalars(select(Item).order_by(Item.name)).all())\n", None),
    ("    items = db.scalars(select(Item)).all()\n    if not items:\n        return 0\n    return 1\n", "    items = db.scalars(select(Item).limit(1)).all()\n    if not items:\n        return 0\n    return 1\n"),
    ("    items = db.scalars(select(Item)).all()\n    if not items:\n        return 0\n    return len(items)\n", None),
    (
        "    query = select(Item)\n    if name:\n        query = query.where(Item.name == name)\n    return 1 if db.scalars(query).all() else 0\n",
        "    query = select(Item)\n    if name:\n        query = query.where(Item.name == name)\n    return 1 if db.scalars(query.limit(1)).all() else 0\n",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "after"), COUNTS)
def test_counted(tmp_path: Path, body: str, after: str | None) -> None:
    head = '.get("/items")\ndef items(name: str, db: DB) -> int:\n'
    found, _ = _repaired(tmp_path, "FL206", f"@app{head}{body}")

    assert found == head + (after or body)


@pytest.mark.parametrize(
    ("body", "trust"),
    [
        ("    items = db.scalars(select(Item)).all()\n    return 1 if items else 0\n", ["safe"]),
        ("    items = db.scalars(select(Item)).all()\n    return items[0].id if items else 0\n", ["unsafe"]),
        ("    return len(db.scalars(select(Item)).all())\n", ["safe"]),
        ("    return len(db.scalars(select(Item)).all())\n\n\n@event.listens_for(Session, \"do_orm_execute\")\ndef changed(state): ...\n", ["unsafe"]),
        ("    return len(db.query(Item).all())\n", ["unsafe"]),
    ],
)  # fmt: skip
def test_how_far_a_count_is_trusted(tmp_path: Path, body: str, trust: list[str]) -> None:
    route = f"@app.get('/items')\ndef items(name: str, db: DB) -> int:\n{body}"
    (tmp_path / "main.py").write_text(SETUP + route)
    fixed = repair(tmp_path, "FL206", unsafe=True).fixed

    assert [str(found.fix.applicability) for found in fixed if found.fix is not None] == trust


EAGER = [
    ("    return [i.owner.name for i in db.scalars(select(Item))]\n", "    return [i.owner.name for i in db.scalars(select(Item).options(selectinload(Item.owner)))]\n"),
    (
        "    items = (\n        db.query(Item)\n        .limit(5)\n        .all()\n    )\n    return [i.owner.name for i in items]\n",
        "    items = (\n        db.query(Item)\n        .options(selectinload(Item.owner))\n        .limit(5)\n        .all()\n    )\n    return [i.owner.name for i in items]\n",
    ),
    ("    item = db.get(Item, 1)\n    return [item.owner.name]\n", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "after"), EAGER)
def test_eager(tmp_path: Path, body: str, after: str | None) -> None:
    head = '.get("/items")\ndef items(db: DB) -> list[str]:\n'
    found, _ = _repaired(tmp_path, "FL204", f"@app{head}{body}")

    assert found == head + (after or body)


ABOVE = """from functools import wraps

from fastapi import FastAPI

app = FastAPI()


def kept(function):
    @wraps(function)
    async def inner(*args, **kwargs):
        return await function(*args, **kwargs)

    return inner


def bare(function):
    async def inner(*args, **kwargs):
        return await function(*args, **kwargs)

    return inner


def demanding(function):
    @wraps(function)
    async def inner(user, **kwargs):
        return await function(**kwargs)

    return inner


def marked(function):
    return function


"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@kept  # a\n# b\n@app.get(\n    '/a',\n)  # c\n@app.get('/b')\n@marked\nasync def f(): ...\n",
         "@app.get(\n    '/a',\n)  # c\n@app.get('/b')\n@kept  # a\n# b\n@marked\nasync def f(): ...\n"),
        ("@app.get('/a')\n@kept\n@app.get('/b')\nasync def f(): ...\n", "@app.get('/a')\n@app.get('/b')\n@kept\nasync def f(): ...\n"),
        ("@kept\n@marked\n@app.get('/a')\nasync def f(): ...\n", None),
        ("@kept\n@app.get('/a')\ndef f(): ...\n", None),
        ("@bare\n@app.get('/a')\nasync def f(): ...\n", None),
        ("@demanding\n@app.get('/a')\nasync def f(): ...\n", None),
    ],
)  # fmt: skip
def test_decorators(tmp_path: Path, before: str, after: str | None) -> None:
    (tmp_path / "main.py").write_text(ABOVE + before, encoding="utf-8")
    result = repair(tmp_path, "FL407", unsafe=True)

    assert result.after == ({} if after is None else {"main.py": ABOVE + after})
    assert bool(result.remaining.diagnostics) == (after is None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('def f():\n\t"""What."""\n\treturn(get_openapi(title="a", version="1", routes=app.routes))  # it\n',
         'def f():\n\t"""What."""\n\tif app.openapi_schema:\n\t\treturn app.openapi_schema\n\tapp.openapi_schema = (get_openapi(title="a", version="1", routes=app.routes))  # it\n\treturn app.openapi_schema\n'),
        ('def f(): return get_openapi(title="a", version="1", routes=app.routes)\n', None),
        ('def f():\n    if True:\n        return get_openapi(title="a", version="1", routes=app.routes)\n', None),
    ],
)  # fmt: skip
def test_schema(tmp_path: Path, before: str, after: str | None) -> None:
    head = (
        "from fastapi import FastAPI\nfrom fastapi.openapi.utils import get_openapi\n\napp = FastAPI()\n\n\n"
    )
    tail = "\n\napp.openapi = f\n"
    (tmp_path / "main.py").write_text(head + before + tail, encoding="utf-8")
    result = repair(tmp_path, "FL414", unsafe=True)

    assert result.after == ({} if after is None else {"main.py": head + after + tail})
    assert bool(result.remaining.diagnostics) == (after is None)


TEMPLATES = """from fastapi import FastAPI
from jinja2 import DictLoader, Environment, Template
from pydantic import Field, TypeAdapter

app = FastAPI()


def setup(env): ...


"""


@pytest.mark.parametrize(
    ("lines", "is_fixed"),
    [
        (["return Template('a').render()"], True),
        (["t = Template('a')", "t.globals['user'] = 1", "return t.render()"], False),
        (["env = Environment(loader=DictLoader({}))", "return env.get_template('a').render()"], True),
        (["env = Environment(loader=DictLoader({}))", "return env.get_template('a', globals={'u': 1}).render()"], False),
        (["env = Environment(loader=DictLoader({}))", "setup(env)", "return env.get_template('a').render()"], False),
        (["env = Environment(loader=DictLoader({}))", "t = env.get_template('a')", "t.globals['u'] = 1", "return t.render()"], False),
    ],
)  # fmt: skip
def test_templates(tmp_path: Path, lines: list[str], *, is_fixed: bool) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    (tmp_path / "main.py").write_text(f"{TEMPLATES}@app.get('/a')\ndef a():\n{body}")

    assert not repair(tmp_path, "FL402", unsafe=False).fixed
    assert bool(repair(tmp_path, "FL402", unsafe=True).fixed) is is_fixed


def test_two_constants_do_not_share_a_name(tmp_path: Path) -> None:
    routes = "".join(
        f"@app.get('/{word}')\ndef {word}():\n    return Template('{word}').render()\n\n\n"
        for word in ("hello", "bye")
    )
    (tmp_path / "main.py").write_text(TEMPLATES + routes)
    after = repair(tmp_path, "FL402", unsafe=True).after["main.py"]

    assert after.count("template = Template(") == 1
    assert after.count("    return template.render()") == 1


@pytest.mark.parametrize(
    ("made", "trust"),
    [
        ("TypeAdapter(list[int])", ["safe"]),
        ("TypeAdapter(list['Later'])", ["unsafe"]),
        ("TypeAdapter(Literal['a', 'b'])", ["safe"]),
        ("TypeAdapter(Annotated[int, Field(le=int(os.environ['MOST']))])", ["unsafe"]),
    ],
)
def test_how_far_an_adapter_is_trusted(tmp_path: Path, made: str, trust: list[str]) -> None:
    imports = "import os\nfrom typing import Annotated, Literal\n"
    route = f"@app.get('/a')\ndef a(v: str):\n    return {made}.validate_json(v)\n"
    (tmp_path / "main.py").write_text(imports + TEMPLATES + route)
    fixed = repair(tmp_path, "FL405", unsafe=True).fixed

    assert [str(found.fix.applicability) for found in fixed if found.fix is not None] == trust
