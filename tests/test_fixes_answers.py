"""Fixes of answers, streams and servers in code that pages do not show."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastlint.fixes.text import NoFix, SourceText
from fastlint.fixes.words import with_word, without_word

from .linting import repair

HEAD = """from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, ORJSONResponse, StreamingResponse
from pydantic import BaseModel
import asyncio, io, json

app = FastAPI()


class Item(BaseModel):
    name: str


"""


def _repaired(
    directory: Path, code: str, body: str, *, unsafe: bool = True
) -> tuple[str, list[str], list[str]]:
    """What becomes of routes below the head, how far the fixes are trusted, and why others are missing."""
    (directory / "main.py").write_bytes((HEAD + body).encode())
    result = repair(directory, code, unsafe=unsafe)
    after = result.after.get("main.py", HEAD + body)
    trust = [str(found.fix.applicability) for found in result.fixed if found.fix is not None]
    return after, trust, [found.unfixed for found in result.remaining.diagnostics if found.code == code]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '@app.get(\n    "/a",\n    tags=["x"],\n)\nasync def a(\n    s: str = ")",  # a ) in a comment\n):  # noqa\n'
            "\titems = []\n\tfor n in range(9):\n\t\titems.append(Item(name=s))\n\treturn items\n",
            ") -> list[Item]:  # noqa",
        ),
        (
            '@app.get("/a")\ndef a(): return [Item(name="x") for _ in range(3)]\n',
            "def a() -> list[Item]: return",
        ),
        (
            '@app.get("/a")\r\nasync def a(item: Item):\r\n    return {"items": [item], "n": 1}\r\n',
            "async def a(item: Item) -> dict[str, Any]:\r\n",
        ),
        (
            '@app.get("/a")\nasync def a():\n    try:\n        return [Item(name="x")]\n    except KeyError:\n        pass\n',
            "-> list[Item] | None:",
        ),
        ('@app.get("/a")\nasync def a(name: str):\n    return {"name": name}\n', "-> dict[str, str]:"),
        (
            '@app.get("/a")\nasync def a(name: str | None = None):\n    return {"name": name, "n": 1}\n',
            "-> dict[str, Any]:",
        ),
    ],
)
def test_return_types(tmp_path: Path, before: str, after: str) -> None:
    assert after in _repaired(tmp_path, "FL501", before)[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            '@app.get("/a", response_model_exclude_none=True)\nasync def a():\n    return [Item(name="x")]\n',
            "begin to work",
        ),
        ('@app.get("/a", status_code=204)\nasync def a():\n    return [Item(name="x")]\n', "without a body"),
        (
            '@app.get("/a")\nasync def a():\n    x = [Item(name="x")]\n    x.extend([1])\n    return x\n',
            "not known",
        ),
        ('@app.get("/a")\nasync def a():\n    Item = dict\n    return [Item(name="x")]\n', "not known"),
        ('@app.get("/a")\n@wraps\nasync def a():\n    return [Item(name="x")]\n', "decorator"),
    ],
)
def test_no_return_type(tmp_path: Path, body: str, reason: str) -> None:
    after, _, reasons = _repaired(tmp_path, "FL501", body)
    assert after == HEAD + body
    assert reason in reasons[0]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["b = io.BytesIO()", 'b.write(b"x"); b.seek(0)'], ["safe"]),
        (["b = io.BytesIO(b'x')"], ["safe"]),
        (["b = io.BytesIO()", "b.write(b'x')"], []),
        (["b = io.BytesIO()", "b.write(b'x')", "if app: b.seek(0)"], []),
        (["b = io.BytesIO()", "b.seek(0)", "b.read(1)"], []),
        (["b = io.BytesIO()", "b.seek(1)"], []),
    ],
)
def test_only_a_buffer_at_its_beginning_is_sent_whole(
    tmp_path: Path, lines: list[str], expected: list[str]
) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    route = f'@app.get("/a")\ndef a():\n{body}    return StreamingResponse(\n        b,  # it\n    )\n'
    assert _repaired(tmp_path, "FL507", route)[1] == expected


def test_a_rewound_buffer_in_a_file_with_other_line_ends(tmp_path: Path) -> None:
    body = '@app.get("/a")\ndef a() -> StreamingResponse:\n    b = io.BytesIO(b"x")\n    b.seek(0)  # back\n    return StreamingResponse(b)\n'
    after, _, _ = _repaired(tmp_path, "FL507", body.replace("\n", "\r\n"))
    assert (
        'def a() -> Response:\r\n    b = io.BytesIO(b"x")\r\n    return Response(b.getvalue())\r\n' in after
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return (await load()).model_dump()", "return await load()"),
        ("return (await load()).model_dump(  # all\n    )", None),
    ],
)
def test_dumps(tmp_path: Path, before: str, after: str | None) -> None:
    body = f'async def load() -> Item:\n    return Item(name="x")\n\n@app.get("/a")\nasync def a() -> Item:\n    {before}\n'
    found = _repaired(tmp_path, "FL505", body)[0]
    assert found == HEAD + body if after is None else after in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "json.loads(\n        item.model_dump_json(\n            exclude_none=True,\n        )\n    )",
            'item.model_dump(mode="json", exclude_none=True)',
        ),
        ('Item(**json.loads("{}"))', 'Item.model_validate_json("{}")'),
        ("Item.model_validate(item.model_dump())", "item.model_copy()"),
    ],
)
def test_detours(tmp_path: Path, before: str, after: str) -> None:
    body = (
        f'@app.post("/a")\nasync def a(item: Item) -> object:\n    found = {before}\n    return str(found)\n'
    )
    assert f"    found = {after}\n" in _repaired(tmp_path, "FL506", body)[0]


@pytest.mark.parametrize(
    ("body", "is_fixed"),
    [
        (
            "    def rows(names: list[str]):\n        for n in names:\n            yield n\n    return StreamingResponse(content=rows(names))\n",
            True,
        ),
        (
            "    def rows(names: list[str]):\n        for n in names:\n            yield n\n    return list(rows(names)) and StreamingResponse(rows(names))\n",
            False,
        ),
        (
            "    def rows(names: list[str]):\n        yield from names\n        for n in names:\n            yield n\n    return StreamingResponse(rows(names))\n",
            False,
        ),
    ],
)
def test_generators(tmp_path: Path, body: str, *, is_fixed: bool) -> None:
    after = _repaired(tmp_path, "FL112", f'@app.get("/a")\nasync def a(names: list[str]):\n{body}')[0]
    assert ("    async def rows(" in after) is is_fixed


@pytest.mark.parametrize(
    ("statement", "after"),
    [
        ("return asyncio.run(load()).upper()", "return (await load()).upper()"),
        ("return asyncio.run(\n        load()\n    )", "return await load()"),
        ("return asyncio.run(load(), debug=True)", None),
        ("return [f() for f in [lambda: asyncio.run(load())]][0]", None),
    ],
)
def test_nested_loops(tmp_path: Path, statement: str, after: str | None) -> None:
    body = f'async def load() -> str:\n    return "x"\n\n@app.get("/a")\nasync def a() -> str:\n    {statement}\n'
    found = _repaired(tmp_path, "FL109", body)[0]
    assert found == HEAD + body if after is None else after in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('CMD ["uvicorn", "main:app", "--reload"]\n', 'CMD ["uvicorn", "main:app"]\n'),
        ('CMD ["uvicorn", "--reload", "main:app"]\r\n', 'CMD ["uvicorn", "main:app"]\r\n'),
        ("CMD uvicorn main:app --reload --port 80\n", "CMD uvicorn main:app --port 80\n"),
        ("web: uvicorn main:app --reload", "web: uvicorn main:app"),
        ("run: bash -c 'uvicorn main:app --reload'\n", "run: bash -c 'uvicorn main:app'\n"),
        ("args:\n  - main:app\n  - --reload\n  - -p\n", "args:\n  - main:app\n  - -p\n"),
        ("args:\n  - main:app\n  - '--reload'  # no\n", "args:\n  - main:app\n"),
        ("uvicorn a:a \\\n    --reload \\\n    --port 80\n", "uvicorn a:a \\\n    --port 80\n"),
        ("uvicorn a:a \\\n    --reload\n", "uvicorn a:a\n"),
        ("uvicorn a:a $X--reload\n", None),
        ("args:\n  - --reload\nports: []\n", None),
    ],
)
def test_word_goes(before: str, after: str | None) -> None:
    source = SourceText("file", before)
    start = before.index("--reload")
    if after is None:
        with pytest.raises(NoFix):
            without_word(source, start, start + 8)
        return
    edit = without_word(source, start, start + 8)
    assert (
        before[: source.offset_of(edit.start)] + edit.content + before[source.offset_of(edit.end) :] == after
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('CMD ["uvicorn", "a:a", "-p", "80"]\n', 'CMD ["uvicorn", "a:a", "--x", "1", "-p", "80"]\n'),
        ("web: uvicorn a:a --port 80", "web: uvicorn a:a --x 1 --port 80"),
        ("args:\n  - uvicorn\n  - a:a\n", "args:\n  - uvicorn\n  - a:a\n  - --x\n  - 1\n"),
        ("exec uvicorn a:a \\\n  --port 80\n", "exec uvicorn a:a --x 1 \\\n  --port 80\n"),
    ],
)
def test_words_come(before: str, after: str) -> None:
    source = SourceText("file", before)
    edit = with_word(source, before.index("a:a") + 3, ("--x", "1"))
    place = source.offset_of(edit.start)
    assert before[:place] + edit.content + before[place:] == after


def test_what_is_done_to_the_application_where_it_is_served_is_lost_in_other_processes(
    tmp_path: Path,
) -> None:
    body = 'import uvicorn\nif __name__ == "__main__":\n    {}uvicorn.run(app, workers=2)\n'
    assert _repaired(tmp_path, "FL702", body.format(""))[1] == ["safe"]
    assert _repaired(tmp_path, "FL702", body.format("app.add_middleware(X)\n    "))[1] == ["unsafe"]
    assert _repaired(tmp_path, "FL702", body.format("set_up()\n    "))[1] == ["unsafe"]


def test_a_line_of_a_procfile_for_development_watches_its_files(tmp_path: Path) -> None:
    route = '@app.get("/a")\ndef a() -> str:\n    return "x"\n'
    (tmp_path / "Procfile").write_text("web: uvicorn main:app\ndev: uvicorn main:app --reload\n")
    assert not _repaired(tmp_path, "FL701", route)[1]
    (tmp_path / "Procfile").write_text("web: uvicorn main:app --reload\n")
    assert _repaired(tmp_path, "FL701", route)[1] == ["safe"]


def test_connections_are_kept_behind_the_way_that_a_group_is_balanced(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: uvicorn main:app\n")
    (tmp_path / "nginx.conf").write_text(
        "upstream shop {\n    server 127.0.0.1:8000;\n    least_conn;\n}\n"
        "server {\n    location / {\n        proxy_pass http://shop;\n        proxy_set_header A b;\n    }\n}\n"
    )
    (tmp_path / "main.py").write_text(HEAD + '@app.get("/a")\ndef a() -> str:\n    return "x"\n')
    assert "least_conn;\n    keepalive 32;\n}" in repair(tmp_path, "FL710", unsafe=True).after["nginx.conf"]


def test_requirements_with_hashes_come_from_another_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi==0.165\nuvicorn==0.54 \\\n    --hash=sha256:abc\n")
    _, _, reasons = _repaired(tmp_path, "FL703", '@app.get("/a")\ndef a() -> str:\n    return "x"\n')
    assert reasons == ["the file is made from another one"]


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        ("proxy_set_header Host $host;", "", ["safe"]),
        ("", "", ["unsafe"]),
        ("", "proxy_set_header Host $host;", []),
    ],
)
def test_a_header_of_a_block_hides_those_around_it(
    tmp_path: Path, inner: str, outer: str, expected: list[str]
) -> None:
    (tmp_path / "Procfile").write_text("web: uvicorn main:app\n")
    (tmp_path / "nginx.conf").write_text(
        "upstream shop {\n    server 127.0.0.1:8000;\n}\n"
        f"server {{\n    {outer}\n    location / {{\n        proxy_pass http://shop;\n        {inner}\n    }}\n}}\n"
    )
    assert _repaired(tmp_path, "FL710", '@app.get("/a")\ndef a() -> str:\n    return "x"\n')[1] == expected


@pytest.mark.parametrize(
    ("field", "returned", "expected"),
    [
        ("name: str", "JSONResponse(jsonable_encoder(item))", ["unsafe"]),
        ("name: str", "JSONResponse(item.model_dump(mode='json'))", ["unsafe"]),
        ("name: str = Field(alias='n')", "JSONResponse(item.model_dump(mode='json'))", []),
        ("model_config = ConfigDict(alias_generator=f)", "JSONResponse(item.model_dump(mode='json'))", []),
        ("name: str", "JSONResponse(jsonable_encoder(item, exclude_none=True))", []),
        ("name: str", "JSONResponse(jsonable_encoder(item), headers={})", []),
    ],
)
def test_encodings(tmp_path: Path, field: str, returned: str, expected: list[str]) -> None:
    body = (
        "from fastapi.encoders import jsonable_encoder\nfrom pydantic import ConfigDict, Field\n\n"
        f"class Order(BaseModel):\n    {field}\n\n\n"
        f'@app.post("/a")\nasync def a(item: Order):\n    return {returned}\n'
    )
    assert _repaired(tmp_path, "FL504", body)[1] == expected


MODELS = """from typing import Annotated, Any

from fastapi import Depends
from pydantic import ConfigDict, Field


class Plain(BaseModel):
    name: str = "x"
    tags: list[str] | None = None


class Measured(BaseModel):
    size: float


class Again(BaseModel):
    model_config = ConfigDict(revalidate_instances="always")
    name: str


class Open(BaseModel, extra="allow"):
    name: str


class Odd(BaseModel):
    name: int = 1.5


class Made(BaseModel):
    name: str

    def __new__(cls, **kw):
        return super().__new__(Plain)


class Whole(BaseModel):
    parts: dict[str, list[Measured]] = {}


def save(item):
    return item


def get_item() -> Plain:
    return save(Plain())


Current = Annotated[Plain, Depends(get_item)]


"""


@pytest.mark.parametrize(
    ("head", "lines", "expected"),
    [
        ("", ["return Plain()"], ["safe"]),
        ("item: Plain", ["print(item.name)", "return {'item': item.model_dump(), 'n': 1}"], []),
        ("item: Plain", ["print(item.name)", "return item"], ["safe"]),
        ("", ["return [Plain() for _ in range(3)]"], ["safe"]),
        ("", ["return Measured(size=1e-7)"], ["unsafe"]),
        ("", ["return Again(name='x')"], ["unsafe"]),
        ("", ["return Open(name='x', a=1e-7)"], ["unsafe"]),
        ("", ["return Odd()"], ["unsafe"]),
        ("", ["return Made(name='x')"], ["unsafe"]),
        ("", ["return Whole()"], ["unsafe"]),
        ("", ["m = Plain()", "m.name = 1e-7", "return [m for _ in range(3)]"], ["unsafe"]),
        ("", ["m = Plain()", "save(m)", "return m"], ["unsafe"]),
        ("", ["m = Plain()", "m.tags.append(1e-7)", "return m"], ["unsafe"]),
        ("item: Plain", ["item = save(item)", "return item"], []),
        ("item: Current", ["return item"], []),
        ("name: str", ["match {'q': 3}:", "    case {'q': name}: pass", "return {'name': name}"], ["unsafe"]),
        ("name: str", ["match {'q': 3}:", "    case {**name}: pass", "return {'name': name}"], ["unsafe"]),
        ("", ["rows = [{'a': 1}]", "for row in rows: row['t'] = 1e-7", "return rows"], ["unsafe"]),
        ("", ["rows = [[1]]", "for row in rows: row.append('a')", "return rows"], ["unsafe"]),
        ("", ["return {'_sa_key': 1, 'b': 2}"], []),
    ],
)
def test_answers_that_are_the_same_with_a_type(
    tmp_path: Path, head: str, lines: list[str], expected: list[str]
) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    assert (
        _repaired(tmp_path, "FL501", f"{MODELS}@app.post('/a')\nasync def a({head}):\n{body}")[1] == expected
    )


@pytest.mark.parametrize(
    ("routers", "returns", "expected"),
    [
        ("", "Plain", ["safe"]),
        ("", "dict[str, list[Plain]]", ["safe"]),
        ("", "list[Measured]", ["unsafe"]),
        ("", "dict[str, Any]", ["unsafe"]),
        ("app = FastAPI(**dict())", "Plain", ["unsafe"]),
        ("class Own(FastAPI): ...\n\n\napp = Own()", "Plain", ["unsafe"]),
    ],
)
def test_response_class_of_floats(tmp_path: Path, routers: str, returns: str, expected: list[str]) -> None:
    route = f"@app.get('/a', response_class=JSONResponse)\nasync def a() -> {returns}:\n    return save(1)\n"
    assert _repaired(tmp_path, "FL502", f"{MODELS}{routers}\n\n\n{route}")[1] == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["return json.loads(Plain().model_dump_json())"], ["safe"]),
        (["return json.loads(Measured(size=1).model_dump_json())"], ["unsafe"]),
        (["return f'{json.loads(Plain().model_dump_json())}'"], []),
    ],
)
def test_json_of_floats(tmp_path: Path, lines: list[str], expected: list[str]) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    assert (
        _repaired(tmp_path, "FL506", f"{MODELS}@app.get('/a')\nasync def a() -> object:\n{body}")[1]
        == expected
    )


def test_what_is_set_in_the_response_would_begin_to_work(tmp_path: Path) -> None:
    body = (
        "from fastapi import Response\nfrom fastapi.encoders import jsonable_encoder\n\n\n@app.post('/a')\n"
        "async def a(item: Item, response: Response):\n    return JSONResponse(jsonable_encoder(item))\n"
    )
    assert "begin to work" in _repaired(tmp_path, "FL504", body)[2][0]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["b = io.BytesIO()", "b.write(b'x')", "b.seek(0)", "return StreamingResponse(b)"], ["safe"]),
        (["b = io.BytesIO()", "b.seek(0)", "print(b)", "return StreamingResponse(b)"], []),
        (["b = c = io.BytesIO()", "c.write(b'x')", "return StreamingResponse(b)"], ["unsafe"]),
        (["b = io.BytesIO(b'x')", "r = StreamingResponse(b)", "return r"], ["unsafe"]),
        (["b = io.BytesIO(b'x')", "r = StreamingResponse(b)", "print(r.body_iterator)", "return r"], []),
        (["b = io.BytesIO()", "with open(b) as z:", "    b.seek(0)", "    return StreamingResponse(b)"], []),
        (
            ["b = io.BytesIO()", "with open('x'):", "    b.seek(0)", "    return StreamingResponse(b)"],
            ["unsafe"],
        ),
    ],
)
def test_buffers_that_something_else_may_use(tmp_path: Path, lines: list[str], expected: list[str]) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    assert _repaired(tmp_path, "FL507", f"@app.get('/a')\ndef a():\n{body}")[1] == expected


def test_generator_that_sets_a_context_variable_stays_in_its_thread(tmp_path: Path) -> None:
    body = (
        "from contextvars import ContextVar\n\nKEY = ContextVar('key')\n\n\ndef rows(names: list[str]):\n"
        "    KEY.set(1)\n    for n in names:\n        yield n\n\n\n@app.post('/a')\nasync def a(names: list[str]):\n"
        "    return StreamingResponse(rows(names))\n"
    )
    assert all("context variable" in reason for reason in _repaired(tmp_path, "FL112", body)[2])
