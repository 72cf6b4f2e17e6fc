"""FL214: Requests share a session: one of a module, or one of a thread."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.imported import imported_modules
from fastlint.facts.model import Event, Expr
from fastlint.facts.structure import walk
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame, Module
from fastlint.project.values import ClassValue, Instance, LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

SESSIONS = ("sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession")
SCOPED = "sqlalchemy.orm.scoped_session"


class GlobalOrScopedSession(ModelRule):
    """Requests share a session: one of a module, or one of a thread."""

    code = "FL214"

    def find(self) -> Iterator[Finding]:
        """Look at the sessions that modules make at import and that code of requests uses."""
        made = {
            (module, name): (event, is_scoped)
            for module in imported_modules(self.application)
            for name, event, is_scoped in self._made(module)
        }
        if not made:
            return
        names = {name for _, name in made}
        reported: set[tuple[Module, str]] = set()
        for frame in self.application.requests:
            if names.intersection(frame.function.module.facts.mentions):
                for key in self._used(frame):
                    if key in made and key not in reported:
                        reported.add(key)
                        yield self._about(key, *made[key], frame)

    def _made(self, module: Module) -> Iterator[tuple[str, Event, bool]]:
        """Yield the sessions that a module makes at its top: (name, call, whether it is a scoped_session)."""
        facts = module.facts.functions[0]
        calls = {id(event[1]): event for event in facts.events if event[0] == "call" and event[3] == 0}
        for name, bindings in facts.bindings.items():
            for _, block, value in bindings:
                given = value[2] if value[0] == "typed" else value
                event = calls.get(id(given)) if given is not None and block == 0 else None
                if event is None:
                    continue
                callees = self.application.inference.values(given[1], module.frame)
                written = [
                    v.name if isinstance(v, LibraryName) else getattr(v, "cls", "")
                    for v in callees
                    if isinstance(v, (LibraryName, ClassValue))
                ]
                if SCOPED in written:
                    if call_argument(given, 1, "scopefunc") is None:
                        yield name, event, True
                elif any(
                    isinstance(v, Instance)
                    and any(self.application.inference.is_subclass(v, s) for s in SESSIONS)
                    for v in self.application.inference.values(given, module.frame)
                ):
                    yield name, event, False

    def _used(self, frame: Frame) -> Iterator[tuple[Module, str]]:
        """Yield the module-level names that a function uses, with the module that binds them."""
        function = frame.function
        for event in function.facts.events:
            for part in walk(event[1]):
                if (
                    part[0] == "name"
                    and part[1] not in function.facts.bindings
                    and part[1] not in function.parameters
                ):
                    yield from self._resolved(function.module, str(part[1]))

    def _resolved(self, module: Module, name: str) -> Iterator[tuple[Module, str]]:
        yield module, name
        for _, _, value in module.facts.functions[0].bindings.get(name, ()):
            if value[0] == "import" and value[3]:
                target = self.application.program.find_module(module, value[1], value[2])
                if target is not None:
                    yield target, str(value[3])

    def _about(self, key: tuple[Module, str], event: Event, is_scoped: bool, user: Frame) -> Finding:
        call: Expr = event[1]
        why = (
            "gives one session to each thread, and all code on the event loop runs in one thread"
            if is_scoped
            else "is made once, and all requests share its transaction"
        )
        return self.finding(
            key[0].frame.function,
            event[5],
            f"The session `{key[1]}` (`{render(call)}`) {why}; it is used{self.where(user)}",
            "Keep a `sessionmaker` at module level and open a session for each request in a dependency: "
            "`with SessionLocal() as session: yield session`",
            entries=tuple(self.application.entries_of(user)),
        )
