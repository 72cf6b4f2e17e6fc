import time

from fastapi import BackgroundTasks, FastAPI

app = FastAPI()


async def report(n: int) -> None:
    time.sleep(0.02)


@app.get("/")
async def root(n: int, tasks: BackgroundTasks) -> int:
    tasks.add_task(report, n)
    return n
