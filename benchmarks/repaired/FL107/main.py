import zlib

from fastapi import FastAPI, Request

app = FastAPI()
DATA = bytes(range(256)) * 40_000


@app.get("/")
async def root(n: int, request: Request) -> int:
    await request.body()
    return len(zlib.compress(DATA, 9)) + n
