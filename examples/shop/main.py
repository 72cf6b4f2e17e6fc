"""The application; start it with `uvicorn shop.main:app` in this folder's parent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI

from shop.db import Base, engine
from shop.routers import accounts, orders, products
from shop.settings import Settings, get_settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    Base.metadata.create_all(engine)  # before the first request: nobody waits for it
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(products.router)
app.include_router(orders.router)
app.include_router(accounts.router)


@app.get("/about")
async def about(settings: Annotated[Settings, Depends(get_settings)]) -> str:
    return settings.warehouse_url


@app.get("/health")
async def health() -> str:
    """The settings are in memory after the first call."""
    return get_settings().database_url
