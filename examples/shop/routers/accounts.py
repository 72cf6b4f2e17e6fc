"""Accounts: passwords and mail."""

from __future__ import annotations

from fastapi import APIRouter, BackgroundTasks, HTTPException
from fastapi.concurrency import run_in_threadpool

from shop import mail
from shop.models import Login, Registration
from shop.security import check_password, store_account

router = APIRouter(prefix="/accounts")


@router.post("/")
async def register(registration: Registration, tasks: BackgroundTasks) -> None:
    store_account(registration.email, registration.password)  # FL106
    tasks.add_task(mail.send_welcome, registration.email)


@router.post("/login")
async def log_in(login: Login) -> None:
    """bcrypt lets other threads run while it computes."""
    if not await run_in_threadpool(check_password, login.email, login.password):
        raise HTTPException(401)


@router.post("/check")
def check_registration(registration: Registration) -> None:
    """A `def` route, and yet its body is validated on the event loop."""
