"""FL706: The event loop runs in debug mode."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.structure import blocks_around, called_name
from fastlint.project.bindings import call_argument
from fastlint.project.program import Function
from fastlint.rules.finding import Finding
from fastlint.rules.server.serving import ServerRule

DEBUGGING = ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE")
ADVICE = "Turn it on only while looking for a coroutine that is slow or never awaited"


class AsyncioDebug(ServerRule):
    """The event loop runs in debug mode."""

    code = "FL706"

    def find(self) -> Iterator[Finding]:
        """Look at the variables that deployment sets, and at the calls that turn the mode on."""
        if not self.servers.serves:
            return
        for variable in self.servers.facts.variables:
            is_set = variable.name in DEBUGGING and variable.value not in ("", "null")
            if is_set and not variable.for_development:
                even = ", as any value turns it on" if variable.value == "0" else ""
                yield self.finding(
                    variable.file.path,
                    variable.span,
                    f"`{variable.name}` runs the event loop in debug mode{even}; each callback takes longer",
                    ADVICE if variable.value != "0" else "Remove the variable",
                )
        for function in self.application.program.functions_naming(("set_debug", "debug")):
            if not function.module.is_offline and function.module.mentions("asyncio"):
                yield from self._calls(function)

    def _calls(self, function: Function) -> Iterator[Finding]:
        for event in function.facts.events:
            if event[0] not in ("call", "drop"):
                continue
            name, call = called_name(event[1]), event[1]
            given = call[2][:1] if name == "set_debug" else [call_argument(call, None, "debug")]
            if name not in ("set_debug", "run") or not given or given[0] != ("const", True):
                continue
            if name == "run" and (call[1][0] != "attr" or call[1][1][:2] != ("name", "asyncio")):
                continue
            if any(block and not kind for block, kind, _ in blocks_around(function.facts, event[3])):
                continue  # behind a condition
            yield self.finding(
                function,
                event[5],
                "The event loop runs in debug mode, and each callback takes longer",
                ADVICE,
            )
