"""Products: the database."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.db import DatabaseSession, Product

router = APIRouter(prefix="/products")


def find(session: Session, sku: str) -> Product | None:
    return session.scalar(select(Product).where(Product.sku == sku))


@router.get("/")
async def list_products(session: DatabaseSession) -> list[str]:
    products = session.scalars(select(Product).limit(100))  # FL202
    return [product.name for product in products]


@router.get("/{sku}/price")
async def read_price(sku: str, session: DatabaseSession) -> int:
    product = find(session, sku)  # FL202
    if product is None:
        raise HTTPException(404)
    return product.price


@router.get("/{sku}")
def read_product(sku: str, session: DatabaseSession) -> str:
    """The same query, in the thread pool."""
    product = find(session, sku)
    if product is None:
        raise HTTPException(404)
    return product.name
