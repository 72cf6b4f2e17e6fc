from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

app = FastAPI()
engine = create_engine("sqlite:///shop.db", pool_size=4, max_overflow=0, pool_timeout=0.3)
SessionLocal = sessionmaker(engine)


def get_session() -> Iterator[Session]:
    session = SessionLocal()
    try:
        yield session
    except Exception:
        session.rollback()
    finally:
        session.close()


@app.get("/")
def root(n: int, session: Annotated[Session, Depends(get_session)]) -> int:
    if n % 8 == 0:
        raise HTTPException(200, "none")
    return session.execute(text("select :n"), {"n": n}).scalar_one()
