"""FL307: the generator of a dependency is called by hand, so that nothing runs its clean-up in time."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.providers import Provider, closings
from fastlint.diagnostics import Severity
from fastlint.facts.model import Event, Expr, FunctionFacts
from fastlint.facts.structure import names_bound_to
from fastlint.project.program import Frame, Function
from fastlint.project.values import Suspended
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.injected import inject
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

STEPS = frozenset({"next", "anext"})
METHODS = frozenset({"__next__", "__anext__", "send", "asend"})
OF_GENERATORS = METHODS | {
    "close", "aclose", "throw", "athrow", "gi_frame", "gi_running", "ag_frame", "ag_running", "__iter__", "__aiter__",
}  # fmt: skip


class DependencyGeneratorCalledManually(ModelRule):
    """Looks at code of requests that calls the generator functions of dependencies."""

    code = "FL307"

    def find(self) -> Iterator[Finding]:
        """Report generators that are advanced by hand, or taken for what they yield."""
        self._functions = {
            provider.frame.function
            for provider in self.application.providers.dependencies()
            if provider.yields
        }
        names = STEPS | METHODS | {function.facts.name for function in self._functions}
        seen = set()
        for frame in self.application.requests:
            if frame.function in seen or not frame.function.module.mentions(*names):
                continue
            seen.add(frame.function)
            yield from self._in_function(frame)

    def _in_function(self, frame: Frame) -> Iterator[Finding]:
        facts = frame.function.facts
        for event in facts.events:
            if event[0] in ("call", "drop"):
                advanced = _advanced(event[1])
                if advanced is not None:
                    yield from self._advanced(frame, event, advanced)
                else:
                    yield from self._mistaken(frame, event)
            elif event[0] in ("iter", "aiter") and event[1][0] == "call":
                provider = self._generator(event[1], frame)
                if (
                    provider is not None
                    and provider.frame.function is not frame.function
                    and not facts.is_generator
                ):
                    yield self._about_loop(frame, event, provider)
        for parameter in facts.parameters:
            default = parameter.default
            if default is not None and default[0] == "call":
                outer = frame.parent or self.application.inference.defining_frame(frame.function)
                advanced = _advanced(default)
                provider = self._generator(default if advanced is None else advanced, outer)
                if provider is not None and advanced is None:
                    yield self._about_value(frame, default, provider)
                elif provider is not None:
                    yield self._about_default(frame, default, provider)

    def _generator(self, expr: Expr, frame: Frame, *, any_resource: bool = False) -> Provider | None:
        """Return the dependency whose generator an expression makes."""
        for value in self.application.inference.values(expr, frame):
            if isinstance(value, Suspended) and value.kind in ("generator", "asyncgen"):
                provider = self.application.providers.of(value.frame)
                is_handed_out = any_resource and any(a in provider.held for a in provider.given)
                if value.frame.function in self._functions or is_handed_out:
                    return provider
        return None

    def _advanced(self, frame: Frame, event: Event, generator: Expr) -> Iterator[Finding]:
        """`next(get_db())`."""
        provider = self._generator(generator, frame, any_resource=True)
        if provider is None:
            return
        facts = frame.function.facts
        name = provider.facts.name
        if any(closings(facts, [value]) for value in names_bound_to(facts, event[1])):
            message = (
                f"what `{name}()` yields was closed before it is used{self.where(frame)}, as nothing keeps its "
                "generator; it is closed again here, so that only the clean-up of a dependency is lost"
            )
            severity = Severity.INFO
        elif generator[0] == "call":
            message = (
                f"nothing keeps the generator of `{name}()`, so its clean-up runs at once, or never: what it yielded "
                f"is used{self.where(frame)} after it was closed, and a session then opens a connection that nobody "
                "gives back"
            )
            severity = Severity.ERROR
        else:
            if generator[0] != "name" or _is_ended(facts, generator[1], event):
                return
            message = (
                f"the clean-up of `{name}` runs when Python happens to drop the generator `{generator[1]}`"
                f"{self.where(frame)}, not when the work is done"
            )
            severity = Severity.INFO
        fix = inject(self.application, frame, generator) if severity is Severity.ERROR else None
        yield self.finding(frame, event[5], message, self._advice(provider), severity, fix=fix)

    def _mistaken(self, frame: Frame, event: Event) -> Iterator[Finding]:
        """`db = get_db()`, and then `db.query(...)`."""
        provider = self._generator(event[1], frame) if _names_one(event[1], self._functions) else None
        if provider is None:
            return
        facts = frame.function.facts
        for name in names_bound_to(facts, event[1]):
            bindings = facts.bindings[name]
            if len(bindings) == 1 and bindings[0][2] is event[1] and _is_used_as_value(facts, name):
                yield self._about_value(frame, event[1], provider)
                return

    def _about_value(self, frame: Frame, call: Expr, provider: Provider) -> Finding:
        name = provider.facts.name
        message = (
            f"`{name}()` is a generator, not what it yields: outside of `Depends({name})` nothing runs it"
            f"{self.where(frame)}, and nothing runs its clean-up"
        )
        return self.finding(frame, call[4], message, self._advice(provider))

    def _about_default(self, frame: Frame, call: Expr, provider: Provider) -> Finding:
        message = (
            f"`{render(call)}` runs once, when the module is imported, and every call{self.where(frame)} gets the same "
            "value, after its clean-up"
        )
        return self.finding(frame, call[4], message, self._advice(provider))

    def _about_loop(self, frame: Frame, event: Event, provider: Provider) -> Finding:
        message = (
            f"leaving this loop by `return`, `break` or an error{self.where(frame)} leaves the clean-up of "
            f"`{provider.facts.name}` to the moment when Python drops the generator"
        )
        return self.finding(frame, event[5], message, self._advice(provider), Severity.INFO)

    def _advice(self, provider: Provider) -> str:
        name = provider.facts.name
        start, make = (
            ("async with", "asynccontextmanager") if provider.facts.is_async else ("with", "contextmanager")
        )
        return f"Ask for it with `Depends({name})`, or write `{start} {make}({name})() as value:`"


def _advanced(call: Expr) -> Expr | None:
    """Return the generator that a call advances: `next(g)`, `g.__next__()`, `g.send(None)`."""
    callee = call[1]
    if callee[0] == "name" and callee[1] in STEPS and call[2]:
        return call[2][0]  # type: ignore[no-any-return]
    if callee[0] == "attr" and callee[2] in METHODS:
        return callee[1]  # type: ignore[no-any-return]
    return None


def _names_one(call: Expr, functions: set[Function]) -> bool:
    callee = call[1]
    name = callee[2] if callee[0] == "attr" else callee[1] if callee[0] == "name" else ""
    return any(function.facts.name == name for function in functions)


def _is_ended(facts: FunctionFacts, name: str, event: Event) -> bool:
    """Tell whether a function closes a generator itself, or advances it to its end."""
    again = [
        e
        for e in facts.events
        if e[0] in ("call", "drop")
        and e is not event
        and _advanced(e[1]) is not None
        and _advanced(e[1])[:2] == ("name", name)  # type: ignore[index]
    ]
    return (
        bool(again)
        or bool(closings(facts, [name]))
        or any(
            "with" in region[0]
            and ("name", name) in [part[:2] for part in (region[2], *region[2][1:2]) if part]
            for region in facts.regions
        )
    )


def _is_used_as_value(facts: FunctionFacts, name: str) -> bool:
    """Tell whether an attribute is asked for that no generator has."""
    for _, expr, *_ in facts.events:
        while expr[0] in ("call", "attr", "await"):
            if expr[0] == "attr" and expr[1][0] == "name" and expr[1][1] == name:
                return expr[2] not in OF_GENERATORS
            expr = expr[1]
    return False
