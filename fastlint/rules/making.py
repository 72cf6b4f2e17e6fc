"""What rules about things made for each request say of them."""

from __future__ import annotations

from fastlint.application.makings import Made, Makings
from fastlint.rules.rendering import render


def shown(makings: Makings, made: Made) -> str:
    """Return the call that makes something, as code, also where another function is told to make it."""
    maker = makings.handed_over(made)
    return f"{render(maker)}(...)" if maker is not None else render(made.call)
