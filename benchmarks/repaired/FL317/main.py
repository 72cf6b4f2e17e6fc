from typing import Annotated

from fastapi import Depends, FastAPI

app = FastAPI()


def paging(n: int, limit: int = 10) -> dict[str, int]:
    return {"skip": n, "limit": min(limit, 100)}


@app.get("/")
async def root(paging: Annotated[dict[str, int], Depends(paging)]) -> dict[str, int]:
    return paging
