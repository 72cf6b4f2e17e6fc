"""FL705: A program sets the size of a thread pool that its routes do not use."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Event
from fastlint.facts.structure import called_name
from fastlint.project.program import Function
from fastlint.rules.finding import Finding
from fastlint.rules.server.serving import ServerRule

USES_DEFAULT = frozenset({"to_thread", "run_in_executor", "asyncify", "sync_to_async"})
"""What runs in the default executor of the event loop."""
USING_LIBRARIES = frozenset({"aiofiles", "aiosqlite", "motor", "async_lru", "asgiref", "aioboto3"})
POOLED = frozenset({"route", "dependency", "background task", "exception handler"})


class ExecutorSettingNoEffect(ServerRule):
    """A program sets the size of a thread pool that its routes do not use."""

    code = "FL705"

    def find(self) -> Iterator[Finding]:
        """Look at `set_default_executor` in programs whose threads are all those of AnyIO."""
        pooled = [entry for entry in self.application.in_thread.values() if entry.kind in POOLED]
        if not pooled or self._uses_default_executor():
            return
        for function, event in self._settings():
            entry = min(pooled, key=lambda entry: (entry.order, entry.label))
            yield self.finding(
                function,
                event[5],
                f"`set_default_executor` changes nothing for {entry.label} and other `def` code: FastAPI runs it in "
                "the 40 threads of AnyIO",
                "Write `anyio.to_thread.current_default_thread_limiter().total_tokens = N` in the lifespan",
            )

    def _settings(self) -> Iterator[tuple[Function, Event]]:
        for function in self.application.program.functions():
            if function.module.is_test or function.module.is_offline:
                continue
            if "set_default_executor" not in function.module.facts.mentions:
                continue
            for event in function.facts.events:
                if event[0] in ("call", "drop") and called_name(event[1]) == "set_default_executor":
                    yield function, event

    def _uses_default_executor(self) -> bool:
        for module in self.application.program.modules.values():
            names = set(module.facts.mentions)
            if not module.is_test and (names & USES_DEFAULT or names & USING_LIBRARIES):
                return True
        return False
