"""FL414: A function that replaces `app.openapi` builds the schema at each visit."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.routes import is_router
from fastlint.facts.structure import called_name
from fastlint.project.program import Function
from fastlint.project.values import FunctionValue
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading

KEPT = "openapi_schema"
"""The attribute in which FastAPI keeps the schema: fastapi/applications.py, FastAPI.openapi."""


class OpenapiNotMemoised(ModelRule):
    """A function that replaces `app.openapi` builds the schema at each visit."""

    code = "FL414"

    def find(self) -> Iterator[Finding]:
        """Look at functions that are assigned to `app.openapi`."""
        inference = self.application.inference
        for function in self.application.program.functions():
            for base, name, value in function.facts.stores:
                frame = self.application.program.generic_frame(function)
                if name != "openapi" or not any(
                    is_router(inference, v) for v in inference.values(base, frame)
                ):
                    continue
                for custom in inference.values(value, frame):
                    if isinstance(custom, FunctionValue) and _builds_anew(custom.function):
                        yield self.finding(
                            custom.function,
                            heading(custom.function),
                            f"`{custom.function.facts.name}` builds the whole OpenAPI schema at each visit of the docs",
                            "Return `app.openapi_schema` if it is set, and keep the schema there",
                        )


def _builds_anew(function: Function) -> bool:
    facts = function.facts
    builds = any(e[0] in ("call", "drop") and called_name(e[1]) == "get_openapi" for e in facts.events)
    return builds and not facts.decorators and not any(name == KEPT for _, name, _ in facts.stores)
