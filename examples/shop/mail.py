"""Mail, sent after the response."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

from shop.settings import get_settings


def compose(address: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["To"] = address
    message["Subject"] = "Your order"
    message.set_content(text)
    return message


def deliver(message: EmailMessage) -> None:
    with smtplib.SMTP(get_settings().smtp_host) as smtp:
        smtp.send_message(message)


async def send_receipt(address: str, text: str) -> None:
    """Awaits nothing, and runs on the event loop."""
    deliver(compose(address, text))  # FL110


def send_welcome(address: str) -> None:
    """FastAPI runs a `def` background task in the thread pool."""
    deliver(compose(address, "Welcome"))
