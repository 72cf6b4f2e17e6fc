"""What happens when somebody orders."""

from __future__ import annotations

from fastapi.concurrency import run_in_threadpool

from shop.clients import WarehouseClient, current_rate, wait_until, warehouse
from shop.models import Order


class OrderService:
    def __init__(self, warehouse: WarehouseClient) -> None:
        self.warehouse = warehouse
        self.pending: set[str] = set()

    async def place(self, order: Order) -> str:
        return self._reserve(order)  # FL102

    async def left(self, sku: str) -> int:
        return await run_in_threadpool(self.warehouse.stock, sku)

    def _reserve(self, order: Order) -> str:
        self.pending.add(order.sku)
        return self.warehouse.reserve(order.sku, order.count)

    def settle(self, sku: str) -> bool:
        is_settled = wait_until(lambda: sku not in self.pending)
        self.pending.discard(sku)
        return is_settled

    def price_in(self, currency: str, price: int) -> float:
        return price * current_rate(currency)


orders = OrderService(warehouse)


async def get_order_service() -> OrderService:
    return orders
