import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def root(n: int) -> int:
    time.sleep(0.02)
    return n
