"""What clients send."""

from __future__ import annotations

import socket

from pydantic import BaseModel, field_validator


def has_address(domain: str) -> bool:
    try:
        socket.getaddrinfo(domain, 25)
    except socket.gaierror:
        return False
    return True


class Registration(BaseModel):
    email: str
    password: str

    @field_validator("email")
    @classmethod
    def check_domain(cls, email: str) -> str:
        if not has_address(email.rpartition("@")[2]):  # FL111
            raise ValueError("this domain does not exist")
        return email


class Login(BaseModel):
    email: str
    password: str

    @field_validator("email")
    @classmethod
    def normalise(cls, email: str) -> str:
        return email.strip().lower()


class Order(BaseModel):
    sku: str
    count: int
    currency: str = "EUR"
    email: str
