from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
engine = create_engine("sqlite:///shop.db", pool_size=4, max_overflow=0, pool_timeout=0.3)
SessionLocal = sessionmaker(engine)


def get_session() -> Iterator[Session]:
    session = SessionLocal()
    yield session


@app.get("/")
def root(n: int, session: Annotated[Session, Depends(get_session)]) -> int:
    return session.execute(text("select :n"), {"n": n}).scalar_one()
