"""Passwords."""

from __future__ import annotations

import bcrypt

_hashes: dict[str, bytes] = {}


def hash_password(password: str) -> bytes:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt())


def store_account(email: str, password: str) -> None:
    _hashes[email] = hash_password(password)


def check_password(email: str, password: str) -> bool:
    return email in _hashes and bcrypt.checkpw(password.encode(), _hashes[email])


def forget_account(email: str) -> None:
    _hashes.pop(email, None)
