"""One program, and what each version of FastAPI and Pydantic deserves to hear about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastlint.config.settings import Settings
from fastlint.diagnostics import Diagnostic
from fastlint.engine.run import check

from .programs import write

PROGRAM = {
    "app/database.py": """
        from collections.abc import Iterator
        from contextlib import suppress

        from sqlalchemy import create_engine
        from sqlalchemy.orm import Session, sessionmaker

        SessionLocal = sessionmaker(create_engine("postgresql://localhost/shop"))


        def committing() -> Iterator[Session]:
            with SessionLocal() as session:
                yield session
                session.commit()  # FL306


        def get_session() -> Iterator[Session]:
            with SessionLocal() as session:
                yield session


        def forgiving() -> Iterator[Session]:
            with SessionLocal() as session, suppress(Exception):  # FL305
                yield session
    """,
    "app/main.py": """
        import json
        from collections.abc import Iterator
        from typing import Annotated

        from fastapi import BackgroundTasks, Depends, FastAPI
        from fastapi.encoders import jsonable_encoder
        from fastapi.responses import JSONResponse, ORJSONResponse, StreamingResponse
        from pydantic import BaseModel
        from sqlalchemy import text
        from sqlalchemy.orm import Session

        from app.database import committing, forgiving, get_session

        app = FastAPI()


        class Item(BaseModel):
            name: str


        ITEMS = [Item(name="shoe")]


        @app.get("/untyped")
        async def untyped():  # FL501
            return ITEMS


        @app.get("/classed", response_class=JSONResponse)  # FL502
        async def classed() -> list[Item]:
            return ITEMS


        @app.get("/deprecated")
        async def deprecated():
            return ORJSONResponse({"items": []})  # FL503


        @app.get("/encoded")
        async def encoded():
            return JSONResponse(jsonable_encoder(ITEMS))  # FL504


        @app.get("/dumped")
        async def dumped() -> list[Item]:
            return [item.dict() for item in ITEMS]  # FL505


        @app.get("/detour")
        async def detour() -> dict[str, str]:
            return json.loads(ITEMS[0].json())  # FL506


        @app.post("/items")
        def add(name: str, session: Annotated[Session, Depends(committing)]) -> None:
            session.execute(text("insert into items values (:name)"), {"name": name})


        @app.delete("/items")
        def clear(session: Annotated[Session, Depends(forgiving)]) -> None:
            session.execute(text("delete from items"))
            session.commit()


        def lines() -> Iterator[str]:
            while True:
                yield "shoe"


        @app.get("/stream")
        def stream(session: Annotated[Session, Depends(get_session)]) -> StreamingResponse:
            session.execute(text("select 1"))
            return StreamingResponse(lines())  # FL311


        def report(session: Session) -> None:
            session.execute(text("insert into reports values (1)"))
            session.commit()


        @app.post("/reports")
        def start(tasks: BackgroundTasks, session: Annotated[Session, Depends(get_session)]) -> None:
            tasks.add_task(report, session)  # FL310
    """,
}
RULES = ("FL305", "FL306", "FL310", "FL311", "FL501", "FL502", "FL503", "FL504", "FL505", "FL506")

BEFORE_THE_ANSWER = {"FL305": "error", "FL310": "error", "FL505": "warning", "FL506": "warning"}
"""From 0.106 on dependencies leave before the answer, so a background task gets a closed session."""
AFTER_THE_ANSWER = BEFORE_THE_ANSWER | {"FL306": "error", "FL310": "warning", "FL311": "error"}
IN_RUST = AFTER_THE_ANSWER | {"FL501": "warning", "FL502": "warning", "FL504": "warning"}


def diagnostics(directory: Path, **settings: str) -> list[Diagnostic]:
    write(directory, PROGRAM)
    root = directory.resolve()
    return check(
        Settings(root=root, paths=(root,), cwd=root, cache=False, select=RULES, **settings)
    ).diagnostics


def heard(found: list[Diagnostic]) -> dict[str, str]:
    return {diagnostic.code: str(diagnostic.severity) for diagnostic in found}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.105", AFTER_THE_ANSWER | {"FL305": "warning"}),
        ("0.109", BEFORE_THE_ANSWER | {"FL305": "warning"}),
        ("0.115", BEFORE_THE_ANSWER),
        ("0.117", BEFORE_THE_ANSWER),
        ("0.118", AFTER_THE_ANSWER),
        ("0.129", AFTER_THE_ANSWER),
        ("0.130", IN_RUST),
        ("0.131", IN_RUST | {"FL503": "info"}),
        ("0.165", IN_RUST | {"FL503": "info"}),
    ],
)
def test_each_version_hears_what_is_true_of_it(
    version: str, expected: dict[str, str], tmp_path: Path
) -> None:
    assert heard(diagnostics(tmp_path, fastapi_version=version)) == expected


@pytest.mark.parametrize(("version", "has_scopes"), [("0.118", False), ("0.120", False), ("0.121", True)])
def test_scopes_are_recommended_where_they_exist(version: str, has_scopes: bool, tmp_path: Path) -> None:
    helps = {found.code: found.advice for found in diagnostics(tmp_path, fastapi_version=version)}

    assert ('Write `Depends(committing, scope="function")`' in helps["FL306"]) is has_scopes
    assert ('scope="function"' in helps["FL311"]) is has_scopes


def test_requirements_tell_the_version(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi==0.115.6\n", encoding="utf-8")

    assert heard(diagnostics(tmp_path)) == BEFORE_THE_ANSWER


def test_pydantic_1_has_no_faster_way(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi==0.115.6\npydantic==1.10.21\n", encoding="utf-8")

    assert heard(diagnostics(tmp_path)) == {"FL305": "error", "FL310": "error"}


def test_where_nothing_is_said_the_newest_is_meant(tmp_path: Path) -> None:
    assert heard(diagnostics(tmp_path)) == IN_RUST | {"FL503": "info"}
