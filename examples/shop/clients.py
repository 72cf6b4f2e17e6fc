"""The services of other people: the warehouse and the bank."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
import requests

from shop.settings import get_settings


class WarehouseClient:
    """The warehouse speaks HTTP, and this client of it is synchronous."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._http = requests.Session()

    def reserve(self, sku: str, count: int) -> str:
        return self._post("/reservations", {"sku": sku, "count": count})["id"]

    def stock(self, sku: str) -> int:
        return self._post("/stock", {"sku": sku})["left"]

    def _post(self, path: str, body: dict[str, object]) -> dict:
        response = self._http.post(self._base_url + path, json=body, timeout=5)
        response.raise_for_status()
        return response.json()


class RatesClient:
    """The bank's exchange rates; this client is asynchronous."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.AsyncClient(base_url=base_url)

    async def rate(self, currency: str) -> float:
        response = await self._http.get(f"/rates/{currency}")
        return response.json()["rate"]


warehouse = WarehouseClient(get_settings().warehouse_url)
rates = RatesClient(get_settings().rates_url)


def current_rate(currency: str) -> float:
    """For callers that cannot await."""
    return asyncio.run(rates.rate(currency))


def wait_until(condition: Callable[[], bool], attempts: int = 20) -> bool:
    for _ in range(attempts):
        if condition():
            return True
        time.sleep(0.1)
    return False
