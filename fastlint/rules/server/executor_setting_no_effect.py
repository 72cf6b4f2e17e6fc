"""FL705: A program sets the size of a thread pool that its routes do not use."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.model import POOLED
from fastlint.facts.model import Event, Expr
from fastlint.facts.structure import called_name
from fastlint.project.program import Frame, Function
from fastlint.rules.finding import Finding
from fastlint.rules.rendering import render
from fastlint.rules.server.limited_threads import limited_threads
from fastlint.rules.server.serving import ServerRule

USES_DEFAULT = frozenset({"to_thread", "run_in_executor", "asyncify", "sync_to_async"})
"""What runs in the default executor of the event loop."""
USING_LIBRARIES = frozenset({"aiofiles", "aiosqlite", "motor", "async_lru", "asgiref", "aioboto3"})
ASYNCIO = ("to_thread", "run_in_executor")
USES_ANYIO = frozenset(
    {
        "run_sync",
        "run_in_threadpool",
        "iterate_in_threadpool",
        "FileResponse",
        "StaticFiles",
        "StreamingResponse",
        "UploadFile",
    }
)
"""What runs in the threads of AnyIO, beside `def` code."""


class ExecutorSettingNoEffect(ServerRule):
    """A program sets the size of a thread pool that its routes do not use."""

    code = "FL705"

    def find(self) -> Iterator[Finding]:
        """Look at programs whose threads are all those of AnyIO, or all those of the default executor."""
        pooled = [entry for entry in self.application.in_thread.values() if entry.kind in POOLED]
        if not pooled:
            yield from self._limits()
            return
        if self._mentions(USES_DEFAULT | USING_LIBRARIES):
            return
        for function, event in self._settings("set_default_executor"):
            entry = min(pooled, key=lambda entry: (entry.order, entry.label))
            yield self.finding(
                function,
                event[5],
                f"`set_default_executor` changes nothing for {entry.label} and other `def` code: FastAPI runs it in "
                "the 40 threads of AnyIO",
                "Write `anyio.to_thread.current_default_thread_limiter().total_tokens = N` in the lifespan",
                fix=limited_threads(function, event[5]),
            )

    def _limits(self) -> Iterator[Finding]:
        """Yield where the limiter of AnyIO is set, if nothing but the default executor is used."""
        using = next(filter(_is_default, self.application.requests.calls(*ASYNCIO)), None)
        if using is None or self._mentions(USES_ANYIO):
            return
        for function, event in self._settings("current_default_thread_limiter"):
            if not any(e[0] == "set" and e[1][2] == "total_tokens" for e in function.facts.events):
                continue
            frame, call = using
            yield self.finding(
                function,
                event[5],
                f"The limiter of AnyIO changes nothing for `{render(call[1])}`{self.where(frame)}, which runs in the "
                "default executor of the event loop",
                "Write `asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(N))`, or call "
                "`anyio.to_thread.run_sync` instead",
            )

    def _settings(self, name: str) -> Iterator[tuple[Function, Event]]:
        """Yield the calls of a name that set the size of a pool, outside of tests and scripts."""
        for function in self.application.program.functions_naming((name,)):
            if function.module.is_offline:
                continue
            for event in function.facts.events:
                if event[0] in ("call", "drop") and called_name(event[1]) == name:
                    yield function, event

    def _mentions(self, names: frozenset[str]) -> bool:
        modules = self.application.program.modules.values()
        return any(not module.is_test and module.mentions(*names) for module in modules)


def _is_default(found: tuple[Frame, Expr]) -> bool:
    """Tell whether a call runs something in the default executor: `to_thread(f)`, `run_in_executor(None, f)`."""
    call = found[1]
    return called_name(call) == "to_thread" or call[2][:1] == (("const", None),)
