"""FL217: The driver is no longer maintained, or was merged into another library."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule

SUCCESSORS = {
    "motor": (
        "Motor is no longer developed and uses a thread for each operation",
        "Use `pymongo.AsyncMongoClient`",
    ),
    "aioredis": ("aioredis has become a part of redis-py", "Use `redis.asyncio`"),
    "databases": ("databases is archived", "Use SQLAlchemy's `create_async_engine`, or asyncpg"),
    "aiopg": ("aiopg is no longer developed", "Use psycopg 3 (`psycopg.AsyncConnection`), or asyncpg"),
}


class DeprecatedAsyncDriver(ModelRule):
    """The driver is no longer maintained, or was merged into another library."""

    code = "FL217"

    def find(self) -> Iterator[Finding]:
        """Look at the imports of the application's modules."""
        for module in self.application.imported_modules:
            for function in module.functions:
                for bindings in function.facts.bindings.values():
                    for _, _, value in bindings:
                        top = str(value[1]).partition(".")[0] if value[0] == "import" and not value[2] else ""
                        is_own = (
                            self.application.program.find_module(module, top, 0)
                            if top in SUCCESSORS
                            else None
                        )
                        if top in SUCCESSORS and is_own is None:
                            why, advice = SUCCESSORS[top]
                            yield self.finding(function, value[4], why, advice, entries=())
