import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
engine = create_engine("sqlite:///shop.db", pool_size=4, max_overflow=0, pool_timeout=0.3)
SessionLocal = sessionmaker(engine)


def get_session() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


def get_user(n: int, session: Annotated[Session, Depends(get_session)]) -> int:
    return session.execute(text("select :n"), {"n": n}).scalar_one()


@app.get("/")
async def root(user: Annotated[int, Depends(get_user)]) -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        for number in range(20):
            await asyncio.sleep(0.02)
            yield f"{user} {number}\n"

    return StreamingResponse(pieces())
