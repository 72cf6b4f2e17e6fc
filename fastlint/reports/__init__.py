"""One module per output format; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from fastlint.reports.model import Writer


def writer(output_format: str) -> Writer:
    """The function that writes a report in one of `config.settings.OUTPUT_FORMATS`."""
    return cast("Writer", import_module(f"fastlint.reports.{output_format}").write)
