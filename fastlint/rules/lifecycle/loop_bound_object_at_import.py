"""FL315: An object that needs a running event loop is made while modules are imported."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Span
from fastlint.facts.structure import blocks_around, regions_around
from fastlint.project.calls import Site
from fastlint.project.program import Frame
from fastlint.project.values import ClassValue, LibraryName
from fastlint.rules.finding import Finding, Link
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

BOUND = {
    "aiohttp.ClientSession": "Make the session in the lifespan and keep it in `app.state`",
    "asyncio.get_running_loop": "Ask for the loop inside the coroutine function that needs it",
    "anyio.to_thread.current_default_thread_limiter": "Set the number of threads in the lifespan",
}
NAMES = frozenset(name.rpartition(".")[2] for name in BOUND)


class LoopBoundObjectAtImport(ModelRule):
    """An object that needs a running event loop is made while modules are imported."""

    code = "FL315"

    def find(self) -> Iterator[Finding]:
        """Follow what the modules of the application run when they are imported."""
        modules = self.application.program.modules.values()
        if not any(module.mentions(*NAMES) for module in modules):
            return
        for module in self.application.imported_modules:
            for name, chain in self._bound(module.frame, set()):
                first = chain[0]
                yield self.finding(
                    first.function,
                    first.span,
                    f"`{render(first.expr)}` needs a running event loop (`{name}`), and there is none while the "
                    "module is imported; the application does not start",
                    BOUND[name],
                    chain=tuple(chain),
                    entries=(),
                )

    def _bound(self, frame: Frame, seen: set[Frame]) -> Iterator[tuple[str, list[Link]]]:
        """Yield what a frame calls that needs the loop, with the calls that lead there."""
        if frame in seen or len(seen) > 200:
            return
        seen.add(frame)
        facts = frame.function.facts
        if frame.function.module.mentions(*NAMES):
            for event in facts.events:
                if event[0] in ("call", "drop") and self._runs(frame, event[3], event[5]):
                    for value in self.application.inference.values(event[1][1], frame):
                        name = value.name if isinstance(value, LibraryName) else getattr(value, "cls", "")
                        if isinstance(value, (LibraryName, ClassValue)) and name in BOUND:
                            yield str(name), [Link(frame.function, event[5], event[1], str(name))]
        for site in self.application.resolver.sites(frame):
            if self._runs(frame, site.event[3], site.event[5]):
                yield from self._below(site, seen)

    def _below(self, site: Site, seen: set[Frame]) -> Iterator[tuple[str, list[Link]]]:
        for callee in site.runs:
            for name, chain in self._bound(callee, seen):
                link = Link(site.frame.function, site.event[5], site.event[1], callee.function.label)
                yield name, [link, *chain]

    def _runs(self, frame: Frame, block: int, span: Span) -> bool:
        """Tell whether a place surely runs: at the top of a module not behind `if`, `try` or `TYPE_CHECKING`."""
        facts = frame.function.facts
        if any(detail[0] != "unknown" or kind == "once" for _, kind, detail in blocks_around(facts, block)):
            return False
        return not regions_around(facts, span, "try")
