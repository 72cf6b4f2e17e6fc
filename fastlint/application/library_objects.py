"""Objects of libraries that requests share: which calls may change them, as far as nobody says that they do not."""

from __future__ import annotations

import datetime

from fastlint.facts.model import Expr
from fastlint.project.infer import Inference
from fastlint.project.program import Frame
from fastlint.project.values import Instance, LibraryName, Value

MADE_FOR_MANY = (
    "abc.", "aiohttp.", "anthropic.", "argon2.", "asyncio.", "authlib.", "azure.", "base64.", "bcrypt.", "boto3.",
    "botocore.", "builtins.", "celery.", "collections.", "concurrent.", "contextvars.", "cryptography.", "datetime.",
    "decimal.", "django.", "enum.", "fastapi.", "functools.", "google.cloud.", "httpx.", "ipaddress.", "itsdangerous.",
    "jinja2.", "jose.", "json.", "jwt.", "logging.", "loguru.", "multiprocessing.", "openai.", "opentelemetry.",
    "passlib.", "pathlib.", "prometheus_client.", "pwdlib.", "pydantic.", "pydantic_settings.", "pymongo.", "pytz.",
    "queue.", "re.", "redis.", "regex.", "requests.", "rq.", "rq_scheduler.", "sentry_sdk.", "slowapi.", "socketio.", "sqlalchemy.",
    "sqlmodel.", "starlette.", "string.", "structlog.", "threading.", "types.", "typing.", "typing_extensions.",
    "urllib.", "urllib3.", "uuid.", "yarl.", "zoneinfo.",
)  # fmt: skip
"""Libraries whose objects never change, are made for many threads, or are looked at elsewhere (containers, sessions)."""
LASTING = frozenset({"engine", "pool", "client", "executor"})
"""Kinds of resources that a program makes once and shares."""
CHANGING = frozenset({
    "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "put", "register", "remove",
    "setdefault", "unregister", "update",
})  # fmt: skip
"""Methods that change what they belong to, whatever that is."""
VALUES = (str, bytes, int, float, dict, datetime.datetime, datetime.timedelta)
"""What an unknown object most often is."""
COMPARING = frozenset({
    "any", "asc", "between", "cast", "collate", "contains", "desc", "has", "ilike", "in_", "is_", "is_not", "isnot",
    "label", "like", "match", "not_in", "notin_", "nulls_first", "nulls_last", "op", "regexp_match",
})  # fmt: skip
"""Methods of columns, which make a piece of a query."""
PLAIN = COMPARING | frozenset(method for cls in VALUES for method in vars(cls)) - CHANGING
"""Methods that change nothing."""


class LibraryObjects:
    """Answers whether calls may change an object that a library made."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._catalog = inference.catalog

    def may_change(self, method: Expr, frame: Frame) -> bool:
        """Tell whether calling a method may change its object."""
        callees = self._inference.values(method, frame)
        if not callees:
            holders = self._inference.values(method[1], frame)
            return not holders and method[2] not in PLAIN
        return any(self._may(callee, str(method[2])) for callee in callees)

    def is_for_one(self, value: Value) -> bool:
        """Tell whether an object of a library may be one that only one thread may use at a time."""
        return isinstance(value, Instance) and isinstance(value.cls, str) and not self._is_for_many(value.cls)

    def _may(self, callee: Value, method: str) -> bool:
        if not isinstance(callee, LibraryName):
            return False
        owner = callee.name.rpartition(".")[0]
        if callee.receiver is None:
            return "." in owner and method in CHANGING and not owner.startswith(MADE_FOR_MANY)
        return not (self._is_for_many(owner) or self._is_described(callee.name))

    def _is_described(self, name: str) -> bool:
        """Tell whether the catalog says what a method does, other than to move on in a file."""
        effect = self._catalog.effect(name)
        return self._catalog.is_described(name) and (effect is None or effect.kind != "file")

    def _is_for_many(self, cls: str) -> bool:
        resource = self._catalog.resource(cls)
        return cls.startswith(MADE_FOR_MANY) or (resource is not None and resource.kind in LASTING)
