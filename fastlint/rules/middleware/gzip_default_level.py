"""FL604: `GZipMiddleware` compresses at level 9."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.middleware import added_middleware
from fastlint.facts.model import Expr
from fastlint.project.bindings import call_argument
from fastlint.project.values import LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule

GZIP = frozenset({"fastapi.middleware.gzip.GZipMiddleware", "starlette.middleware.gzip.GZipMiddleware"})


class GzipDefaultLevel(ModelRule):
    """`GZipMiddleware` compresses at level 9."""

    code = "FL604"

    def find(self) -> Iterator[Finding]:
        """Look at where the middleware is added."""
        for added in added_middleware(self.application.inference):
            if isinstance(added.value, LibraryName) and added.value.name in GZIP and _is_slowest(added.expr):
                yield self.finding(
                    added.frame.function,
                    added.expr[-1],
                    "`GZipMiddleware` compresses at level 9, which takes longest and saves little more than level 5",
                    "Pass `compresslevel=5`",
                )


def _is_slowest(call: Expr) -> bool:
    given = call_argument(call, None, "compresslevel")
    return given in (None, ("const", 9)) and all(name is not None for name, _ in call[3])
