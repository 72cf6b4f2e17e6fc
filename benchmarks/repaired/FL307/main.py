from collections.abc import Iterator

from fastapi import FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
engine = create_engine("sqlite:///shop.db", pool_size=4, max_overflow=0, pool_timeout=0.3)
SessionLocal = sessionmaker(engine)


def get_session() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


@app.get("/")
def root(n: int) -> int:
    session = next(get_session())
    return session.execute(text("select :n"), {"n": n}).scalar_one()
