"""FL320: `Depends` is given what a call returns instead of something to call."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fastlint.application.dependencies import Need
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.project.bindings import call_argument
from fastlint.project.members import class_attribute
from fastlint.project.program import ProjectClass
from fastlint.project.values import AwaitableOf, Collection, Instance, Suspended, Text, Tuple, Value
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

NOT_CALLABLE = (
    "sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.engine.Engine",
    "sqlalchemy.ext.asyncio.AsyncEngine", "sqlalchemy.engine.Connection", "httpx.Client", "httpx.AsyncClient",
    "redis.Redis", "redis.asyncio.Redis", "aiohttp.ClientSession", "requests.Session",
    "builtins.int", "builtins.float", "builtins.bool", "builtins.str", "builtins.bytes",
)  # fmt: skip
"""Classes of libraries whose objects cannot be called."""
PLAIN_BASES = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol", "enum.Enum"})
PLAIN_LIBRARIES = frozenset({"pydantic", "pydantic_settings", "sqlmodel"})
"""Libraries of whose classes no object can be called, unless a class says otherwise."""
KINDS = {
    "coroutine": "a coroutine",
    "generator": "a generator",
    "asyncgen": "an asynchronous generator",
    "context": "a context manager",
}


def _uncalled(need: Need, target: Expr, *, is_provider: bool) -> FixMaker:
    """Return what gives `Depends` the function in place of what it returns."""

    def make(files: Files) -> Fix:
        if target[0] != "call" or target[2] or target[3]:
            raise NoFix("the call has arguments, which a function has to give")
        if not is_provider:
            raise NoFix("whether one for each request is meant, or one for all, is not known")
        module = files.python(need.frame.function.module.path)
        call = module.expression(target[4])
        if not isinstance(call, ast.Call):
            raise NoFix("it is not written as a call")
        edit = module.replace_node(call, module.code(call.func))
        return Fix(f"Depend on `{module.code(call.func)}` itself", Applicability.UNSAFE, (edit,))

    return make


class DependsOnCallResult(ModelRule):
    """`Depends` is given what a call returns instead of something to call."""

    code = "FL320"

    def find(self) -> Iterator[Finding]:
        """Look at every `Depends(f())` of the program."""
        needs: dict[int, list[Need]] = {}
        for injection in self.application.dependencies.all():
            found = needs.setdefault(id(injection.need.call), [])
            if injection.need not in found:
                found.append(injection.need)
        for alternatives in needs.values():
            call = alternatives[0].call
            target = call_argument(call, 0, "dependency") if call[0] == "call" else None
            if target is None or target[0] not in ("call", "await"):
                continue
            words = [self._what(need.provider) for need in alternatives]
            if all(words):
                yield self._finding(alternatives[0], target, words[0], self._is_suspended(alternatives))

    def _is_suspended(self, needs: list[Need]) -> bool:
        """Tell whether what is called is a generator or coroutine function, which FastAPI would call itself."""
        return all(isinstance(need.provider, Suspended) for need in needs)

    def _finding(self, need: Need, target: Expr, what: str, is_provider: bool) -> Finding:
        inner = target[1] if target[0] == "await" else target
        name = render(inner[1])
        given = inner[2] or inner[3]
        advice = (
            f"Write a function that returns `{name}(...)` and depend on that function"
            if given
            else f"Write `Depends({name})`, without the call"
        )
        return self.finding(
            need.frame,
            need.call[4],
            f"`Depends` is given {what}, made once when the module is imported, and nothing that it can call: "
            "FastAPI refuses to start",
            advice,
            entries=(),
            fix=_uncalled(need, target, is_provider=is_provider),
        )

    def _what(self, value: Value) -> str:
        """Return what a value is that surely cannot be called; nothing if it may be callable."""
        match value:
            case Suspended():
                return KINDS.get(value.kind, "")
            case AwaitableOf():
                return "an awaitable"
            case Collection():
                return f"a {value.kind}" if value.kind in ("list", "dict", "set", "tuple") else ""
            case Tuple():
                return "a tuple"
            case Text():
                return "a string"
            case Instance(cls=str() as name):
                known = any(self.application.inference.is_subclass(value, base) for base in NOT_CALLABLE)
                return f"an object of `{name.rpartition('.')[2]}`" if known else ""
            case Instance(cls=ProjectClass() as cls):
                return f"an object of `{cls.facts.name}`" if self._is_plain(value, cls) else ""
        return ""

    def _is_plain(self, value: Instance, cls: ProjectClass) -> bool:
        """Tell whether a class and all its bases are known to have no `__call__`."""
        inference = self.application.inference
        if class_attribute(inference, cls, "__call__", value) is not None:
            return False
        for base in inference.mro(cls):
            if isinstance(base, ProjectClass):
                if not all(self._is_known(expr, base) for expr in base.facts.bases):
                    return False
            elif base not in PLAIN_BASES and base.partition(".")[0] not in PLAIN_LIBRARIES:
                return False
        return True

    def _is_known(self, base: Expr, cls: ProjectClass) -> bool:
        scope = self.application.program.frame_around(cls)
        named = base[1] if base[0] == "sub" else base
        return bool(self.application.inference.values(named, scope))
