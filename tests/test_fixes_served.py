"""Serves an application before and after all of its safe fixes: each request is answered as before."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name

import pytest

from fastlint.config.settings import Settings
from fastlint.engine.fixing import fix

from .serving import importable, request

SOURCE = """
import datetime, decimal, enum, io

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field, field_serializer

app = FastAPI()


class Kind(enum.Enum):
    new = "new"


class Part(BaseModel):
    price: decimal.Decimal = decimal.Decimal("1.50")
    at: datetime.datetime = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    takes: datetime.timedelta = datetime.timedelta(seconds=90)
    kind: Kind = Kind.new
    sizes: set[int] = {1}
    names: dict[int, str] = {1: "ü"}
    note: int | None = None
    other: object = {"any": [1, 2.5, decimal.Decimal("1.5")]}
    named: int = Field(3, alias="Named")
    hidden: int = Field(3, exclude=True)

    @field_serializer("kind")
    def write(self, value):
        return "kind " + value.value


class Item(BaseModel):
    name: str
    parts: list[Part] = [Part()]


@app.get("/models")
async def models():
    return [Item(name="shoe") for _ in range(2)]


@app.get("/mixed")
async def mixed(q: str = "z"):
    items = []
    for number in range(2):
        items.append(Item(name=f"{number}"))
    return {"n": len(items), "q": f"é{q}", "items": items, "one": Item(name="o"), "none": None, "in": [{"a": Part()}]}


@app.get("/perhaps")
async def perhaps(wanted: bool = False):
    if wanted:
        return Item(name="shoe")


@app.get("/encoded")
async def encoded():
    return JSONResponse(jsonable_encoder([Item(name="shoe")]))


@app.get("/text")
def text():
    buffer = io.StringIO()
    buffer.write("a,b\\r\\nü\\n")
    buffer.seek(0)
    return StreamingResponse(buffer, media_type="text/csv", headers={"x": "y"})


@app.get("/plain")
def plain():
    return {"a": "x", "b": "y"}


@app.get("/listed", response_class=JSONResponse)
def listed() -> list[Part]:
    return [Part()]
"""
PATHS = ("/models", "/mixed", "/perhaps", "/perhaps?wanted=1", "/encoded", "/text", "/plain", "/listed")


@pytest.mark.anyio
async def test_safe_fixes_leave_the_answers_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "before.py").write_text(SOURCE, encoding="utf-8")
    settings = Settings(
        root=tmp_path, paths=(tmp_path,), cwd=tmp_path, cache=False, extend_select=("FL5", "FL117")
    )
    result = fix(settings)
    assert {found.code for found in result.fixed} == {"FL117", "FL501", "FL507"}
    (tmp_path / "app" / "after.py").write_text(result.after["app/before.py"], encoding="utf-8")
    with importable(tmp_path):
        before, after = resolve_name("app.before").app, resolve_name("app.after").app
        for path in PATHS:
            expected, found = await request(before, "GET", path), await request(after, "GET", path)
            assert (found.status, found.body, found.error) == (expected.status, expected.body, None), path
            assert found.headers["content-type"] == expected.headers["content-type"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
