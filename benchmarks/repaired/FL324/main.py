import asyncio

from fastapi import FastAPI

app = FastAPI()


async def report(n: int) -> None:
    await asyncio.sleep(0.01)


@app.get("/")
async def root(n: int) -> int:
    asyncio.create_task(report(n))
    return n
