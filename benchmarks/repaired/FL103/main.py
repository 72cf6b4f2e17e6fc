from pathlib import Path

from fastapi import FastAPI

app = FastAPI()
FILE = Path(__file__).with_name("words.txt")


@app.get("/")
async def root(n: int) -> int:
    size = 0
    for _ in range(4000):
        size = len(FILE.read_bytes())
    return size + n
