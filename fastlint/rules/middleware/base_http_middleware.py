"""FL601: Every request passes a middleware that is built on `BaseHTTPMiddleware`."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.middleware import AddedMiddleware, added_middleware, is_base_http
from fastlint.diagnostics import Severity
from fastlint.project.program import ProjectClass
from fastlint.project.values import ClassValue, FunctionValue
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule


class BaseHttpMiddleware(ModelRule):
    """Every request passes a middleware that is built on `BaseHTTPMiddleware`."""

    code = "FL601"

    def find(self) -> Iterator[Finding]:
        """Look at what the application adds; a middleware of a library is advice, as nobody here can change it."""
        inference = self.application.inference
        slow = [added for added in added_middleware(inference) if is_base_http(inference, added)]
        more = f"; the program adds {len(slow)} of them" if len(slow) > 1 else ""
        for added in slow if self.application.routes else ():
            name, is_own = _described(added)
            yield self.finding(
                added.frame.function,
                added.expr[-1],
                f"{name} is a `BaseHTTPMiddleware`, which starts a task and a stream for every request{more}",
                "Write it as a plain ASGI class with `async def __call__(self, scope, receive, send)`"
                if is_own
                else "Look for a plain ASGI middleware that does the same",
                Severity.WARNING if is_own else Severity.INFO,
            )


def _described(added: AddedMiddleware) -> tuple[str, bool]:
    """Return what a middleware is called, and whether the project can change it."""
    if isinstance(added.value, FunctionValue):
        return f"`{added.value.function.facts.name}`", True
    if isinstance(added.value, ClassValue) and isinstance(added.value.cls, ProjectClass):
        return f"`{added.value.cls.facts.name}`", True
    name = added.value.cls if isinstance(added.value, ClassValue) else getattr(added.value, "name", "")
    return f"`{str(name).rpartition('.')[2]}`", False
