"""Findings about responses and requests that are advice only: shown where the rule is selected by name."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from fastlint.config.settings import Settings
from fastlint.engine.run import check

HEAD = """\
import hashlib
import io
import json

import httpx
from fastapi import FastAPI, File, Request, UploadFile
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str


class Basket(BaseModel):
    items: list[Item]


ITEM = Item(name="shoe")
"""


def advice(directory: Path, code: str, program: str, *, selected: bool = True) -> list[tuple[str, str]]:
    """What a rule says about a program: severity and advice."""
    (directory / "main.py").write_text(HEAD + dedent(program), encoding="utf-8")
    root = directory.resolve()
    select = (code,) if selected else None
    found = check(Settings(root=root, paths=(root,), cwd=root, cache=False, select=select)).diagnostics
    return [(str(d.severity), d.advice) for d in found if d.code == code]


@pytest.mark.parametrize(
    ("code", "program", "instead"),
    [
        ("FL501", '@app.get("/")\nasync def read():\n    return ITEM', "Annotate what the route returns"),
        (
            "FL501",
            '@app.get("/")\nasync def read():\n    return ["shoe", str(1)]',
            "Annotate what the route returns",
        ),
        (
            "FL504",
            '@app.get("/")\nasync def read():\n    return JSONResponse(jsonable_encoder(ITEM))',
            "declare its type",
        ),
        (
            "FL505",
            '@app.get("/")\nasync def read() -> Item:\n    return ITEM.model_dump()',
            "Return `ITEM` itself",
        ),
        (
            "FL506",
            '@app.post("/")\nasync def read(request: Request) -> Item:\n    return Item(**json.loads(await request.body()))',
            "Item.model_validate_json(await request.body())",
        ),
        (
            "FL506",
            """
            @app.get("/")
            async def read(request: Request) -> Item:
                client: httpx.AsyncClient = request.app.state.client
                answer = await client.get("https://shop.example")
                return Item.model_validate(answer.json())
            """,
            "Item.model_validate_json(answer.content)",
        ),
        (
            "FL506",
            '@app.get("/")\nasync def read() -> Item:\n    return Item(**ITEM.model_dump())',
            "ITEM.model_copy()",
        ),
        (
            "FL508",
            '@app.post("/")\nasync def read(file: UploadFile) -> str:\n    return (await file.read()).decode()',
            "if file.size > LIMIT",
        ),
        (
            "FL508",
            '@app.post("/")\nasync def read(file: bytes = File()) -> str:\n    return file.decode()',
            "Declare `file: UploadFile`",
        ),
    ],
)
def test_what_costs_little_is_advice(code: str, program: str, instead: str, tmp_path: Path) -> None:
    ((severity, found),) = advice(tmp_path, code, program)

    assert severity == "info"
    assert instead in found
    assert advice(tmp_path, code, program, selected=False) == []


def test_a_model_with_lists_of_models_is_as_large_as_a_list(tmp_path: Path) -> None:
    program = '@app.get("/")\nasync def read():\n    return Basket(items=[ITEM])'

    assert [severity for severity, _ in advice(tmp_path, "FL501", program)] == ["warning"]


def test_an_answer_with_several_statuses_is_more_than_one_line_to_change(tmp_path: Path) -> None:
    program = """
    @app.get("/{key}")
    async def read(key: int):
        if key:
            return JSONResponse(jsonable_encoder([ITEM]), status_code=201)
        return JSONResponse(jsonable_encoder([ITEM]))
    """

    assert [severity for severity, _ in advice(tmp_path, "FL504", program)] == ["info", "info"]


@pytest.mark.parametrize(
    ("content", "instead"),
    [
        ("open('report.csv')", "Return `FileResponse(path)`"),
        ("report()", "yields pieces"),
        ("io.BytesIO(b'shoe')", "Response(buffer.getvalue(), media_type=...)"),
        ("'shoe'", "Return `Response(...)` with it"),
    ],
)
def test_a_stream_is_replaced_by_what_fits_its_content(content: str, instead: str, tmp_path: Path) -> None:
    program = f"""
    from typing import BinaryIO

    def report() -> BinaryIO:
        return store.open()

    @app.get("/")
    def read() -> StreamingResponse:
        return StreamingResponse({content})
    """
    ((severity, found),) = advice(tmp_path, "FL507", program)

    assert severity == "error"
    assert instead in found


def test_what_is_hashed_is_read_in_pieces(tmp_path: Path) -> None:
    program = """
    @app.post("/")
    async def read(file: UploadFile) -> str:
        content = await file.read()
        return hashlib.sha256(content).hexdigest()
    """
    ((severity, found),) = advice(tmp_path, "FL508", program)

    assert severity == "warning"
    assert found == "Read pieces: `while chunk := await file.read(1024 * 1024)`"
