from urllib.request import urlopen

from fastapi import FastAPI

app = FastAPI()


def ask(n: int) -> str:
    with urlopen(f"http://127.0.0.1:8799/{n}", timeout=5) as answer:
        return str(answer.read().decode())


async def pause() -> None:
    return None


@app.get("/")
async def root(n: int) -> dict[str, str]:
    await pause()
    return {"answer": ask(n)}
