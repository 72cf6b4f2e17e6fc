"""FL604: `GZipMiddleware` compresses at level 9."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.middleware import added_middleware
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.arguments import call_at, has_keyword, keyword_of, with_keyword
from fastlint.fixes.files import Files, FixMaker
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
                    fix=_faster(added.frame.function.module.path, added.expr),
                )


def _faster(path: str, call: Expr) -> FixMaker:
    """Return what passes a level that is faster; it is unsafe where another one was chosen."""

    def make(files: Files) -> Fix:
        module = files.python(path)
        node = call_at(module, call[-1])
        title = "Pass `compresslevel=5`"
        if has_keyword(node, "compresslevel"):
            edit = module.replace_node(keyword_of(node, "compresslevel").value, "5")
            return Fix(title, Applicability.UNSAFE, (edit,))
        return Fix(title, Applicability.SAFE, with_keyword(module, node, "compresslevel=5"))

    return make


def _is_slowest(call: Expr) -> bool:
    given = call_argument(call, None, "compresslevel")
    return given in (None, ("const", 9)) and all(name is not None for name, _ in call[3])
