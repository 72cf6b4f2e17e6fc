from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
engine = create_engine("sqlite:///shop.db", pool_size=20)
SessionLocal = sessionmaker(engine)


@event.listens_for(engine, "connect")
def slow(connection, record):
    import time

    connection.create_function("pause", 0, lambda: time.sleep(0.02))


def get_session() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


async def pause() -> None:
    return None


@app.get("/")
async def root(n: int, session: Annotated[Session, Depends(get_session)]) -> int:
    await pause()
    session.execute(text("select pause()")).all()
    return session.execute(text("select :n"), {"n": n}).scalar_one()
