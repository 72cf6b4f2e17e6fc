"""Orders: the warehouse, the bank and the mail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends

from shop import mail
from shop.clients import rates
from shop.models import Order
from shop.services import OrderService, get_order_service

router = APIRouter(prefix="/orders")
Service = Annotated[OrderService, Depends(get_order_service)]


@router.post("/")
async def place_order(order: Order, service: Service, tasks: BackgroundTasks) -> str:
    reservation = await service.place(order)
    tasks.add_task(mail.send_receipt, order.email, reservation)
    return reservation


@router.get("/stock/{sku}")
async def read_stock(sku: str, service: Service) -> int:
    """The warehouse is asked in the thread pool."""
    return await service.left(sku)


@router.post("/{sku}/settle")
async def settle(sku: str, service: Service) -> bool:
    return service.settle(sku)  # FL101


@router.post("/{sku}/settle-later")
def settle_later(sku: str, service: Service) -> bool:
    """The same wait takes a thread for two seconds; the loop goes on."""
    return service.settle(sku)


@router.get("/price/{currency}")
async def quote(currency: str, price: int, service: Service) -> float:
    return service.price_in(currency, price)  # FL109


@router.get("/rate/{currency}")
async def read_rate(currency: str) -> float:
    """The asynchronous client, awaited."""
    return await rates.rate(currency)
