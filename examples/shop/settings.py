"""Settings: read from a file the first time they are asked for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    database_url: str = "sqlite:///shop.db"
    warehouse_url: str = "http://localhost:9001"
    rates_url: str = "http://localhost:9002"
    smtp_host: str = "localhost"


@lru_cache
def get_settings() -> Settings:
    path = Path(os.environ.get("SHOP_SETTINGS", "shop.json"))
    if not path.exists():
        return Settings()
    return Settings(**json.loads(path.read_text(encoding="utf-8")))
