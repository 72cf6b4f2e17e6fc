from fastapi import FastAPI
from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import sessionmaker

app = FastAPI()
engine = create_engine("sqlite:///shop.db", pool_size=20)
SessionLocal = sessionmaker(engine)


@event.listens_for(engine, "connect")
def slow(connection, record):
    import time

    connection.create_function("pause", 0, lambda: time.sleep(0.02))


@app.get("/")
async def root(n: int) -> int:
    with SessionLocal() as session:
        session.execute(text("select pause()")).all()
        return session.execute(text("select :n"), {"n": n}).scalar_one()
