"""FL214: Requests share a session: one of a module, or one of a thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fastlint.application.model import THREAD
from fastlint.facts.model import Binding, Expr
from fastlint.facts.structure import walk
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame, Module, ProjectClass
from fastlint.project.values import ClassValue, Instance, ModuleValue
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

SESSIONS = ("sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession")
Holder = Module | ProjectClass
"""What binds a name."""
SCOPED = "sqlalchemy.orm.scoped_session"


INJECTING = ("fastapi.", "pydantic.", "dataclasses.", "dependency_injector.")
"""Libraries that put a session of their own there for each object: `session: Session = Depends(get_session)`."""
CLEANING = frozenset({"remove", "registry", "rollback", "commit", "close"})
"""What a function does with a `scoped_session` that only ends the session of its thread."""


class GlobalOrScopedSession(ModelRule):
    """Requests share a session: one of a module or class, or one of a thread."""

    code = "FL214"

    def find(self) -> Iterator[Finding]:
        """Look at the sessions that modules make at import and that code of requests uses."""
        made = {
            (holder, name): (module, call, is_scoped)
            for module in self.application.imported_modules
            for holder, name, call, is_scoped in self._made(module)
        }
        if not made:
            return
        names = {name for _, name in made}
        reported: set[tuple[Holder, str]] = set()
        for frame in self.application.requests:
            if frame.function.module.mentions(*names):
                ended = self._ended(frame)
                for key, written in self._used(frame, names):
                    if key not in made or key in reported or (made[key][2] and written in ended):
                        continue
                    reported.add(key)
                    yield self._about(key, *made[key], frame)

    def _made(self, module: Module) -> Iterator[tuple[Holder, str, Expr, bool]]:
        """Yield the sessions that a module or its classes make: (where, name, call, whether it is a scoped_session)."""
        facts = module.facts.functions[0]
        at_top = {event[5] for event in facts.events if event[0] == "call" and event[3] == 0}
        holders: list[tuple[Holder, dict[str, list[Binding]]]] = [(module, facts.bindings)]
        holders += [(cls, cls.facts.bindings) for cls in module.classes if cls.facts.parent == 0]
        for holder, bindings in holders:
            for name, bound in bindings.items():
                for _, block, value in bound:
                    given = value[2] if value[0] == "typed" else value
                    if given is None or given[0] != "call" or block != 0 or given[4] not in at_top:
                        continue
                    is_scoped = self._is_scoped(given, module)
                    if is_scoped is not None:
                        yield holder, name, given, is_scoped

    def _is_scoped(self, call: Expr, module: Module) -> bool | None:
        """Tell whether a call makes a `scoped_session`; None if it makes no session at all."""
        inference = self.application.inference
        callees = inference.values(call[1], module.frame)
        names = [getattr(v, "name", getattr(v, "cls", "")) for v in callees]
        if SCOPED in names:
            return True if call_argument(call, 1, "scopefunc") is None else None
        if any(str(name).startswith(INJECTING) for name in names):
            return None
        is_session = any(
            isinstance(v, Instance) and any(inference.is_subclass(v, s) for s in SESSIONS)
            for v in inference.values(call, module.frame)
        )
        return False if is_session else None

    def _ended(self, frame: Frame) -> set[str]:
        """Return the names of what a function only cleans up, or uses and removes again in one thread."""
        facts = frame.function.facts
        uses: dict[str, set[str]] = defaultdict(set)
        for event in facts.events:
            for part in walk(event[1]):
                if part[0] == "attr" and part[1][0] == "name":
                    uses[part[1][1]].add(str(part[2]))
                elif part[0] == "call" and part[1][0] == "name":
                    uses[part[1][1]].add("()")
        is_one_thread = self.application.requests.runs_on(frame) == {THREAD} and not facts.is_generator
        return {
            name for name, found in uses.items() if found <= CLEANING or (is_one_thread and "remove" in found)
        }

    def _used(self, frame: Frame, names: set[str]) -> Iterator[tuple[tuple[Holder, str], str]]:
        """Yield the names that a function uses and does not bind, with the module or class that binds them."""
        function = frame.function
        for event in function.facts.events:
            for part in walk(event[1]):
                if part[0] == "name":
                    name = str(part[1])
                    if name not in function.facts.bindings and name not in function.parameters:
                        for key in self._resolved(function.module, name):
                            yield key, name
                elif part[0] == "attr" and part[2] in names:
                    for value in self.application.inference.values(part[1], frame):
                        if isinstance(value, ModuleValue):
                            yield (value.module, str(part[2])), ""
                        elif isinstance(value, (Instance, ClassValue)) and isinstance(
                            value.cls, ProjectClass
                        ):
                            for base in self.application.inference.mro(value.cls):
                                if isinstance(base, ProjectClass):
                                    yield (base, str(part[2])), ""

    def _resolved(self, module: Module, name: str) -> Iterator[tuple[Holder, str]]:
        yield module, name
        for _, _, value in module.facts.functions[0].bindings.get(name, ()):
            if value[0] == "import" and value[3]:
                target = self.application.program.find_module(module, value[1], value[2])
                if target is not None:
                    yield target, str(value[3])

    def _about(
        self, key: tuple[Holder, str], module: Module, call: Expr, is_scoped: bool, user: Frame
    ) -> Finding:
        why = (
            "gives one session to each thread, and all code on the event loop runs in one thread"
            if is_scoped
            else "is made once, and all requests share its transaction"
        )
        return self.finding(
            module.frame.function,
            call[4],
            f"The session `{key[1]}` (`{render(call)}`) {why}; it is used{self.where(user)}",
            "Keep a `sessionmaker` at module level and open a session for each request in a dependency: "
            "`with SessionLocal() as session: yield session`",
            entries=self.application.entries_of(user),
        )
