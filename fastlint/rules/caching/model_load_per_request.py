"""FL404: A request loads a trained model."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.makings import Makings
from fastlint.facts.model import Expr, FunctionFacts
from fastlint.facts.structure import last_name, mentions, names_bound_to, outlives_call, unwrapped, walk
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

ANYTHING = frozenset({"joblib.load", "torch.load"})
"""Functions that load whatever was saved: a model, but just as well data of the request."""


class ModelLoadPerRequest(ModelRule):
    """A request loads a trained model."""

    code = "FL404"

    def find(self) -> Iterator[Finding]:
        """Look at what loads weights on the request path, unless it is kept for the next request."""
        makings = Makings(self.application)
        for use in self.application.requests.uses("weights"):
            call = unwrapped(use.expr)
            if call[0] != "call" or makings.is_kept(call, use.frame):
                continue
            if _is_returned(call, use.frame) and self._is_assigned(use.frame):
                continue
            if _is_looked_up(call, use.frame.function.facts):
                continue
            if use.name in ANYTHING and makings.varying(call, use.frame):
                continue
            yield self.finding(
                use.frame,
                use.span,
                f"`{render(use.expr)}` loads a model for each request{self.where(use.frame)}",
                "Load it once, in the lifespan of the application or in a function under `@lru_cache`",
            )

    def _is_assigned(self, frame: Frame) -> bool:
        """Tell whether some caller puts what a function returns into an attribute: `app.state.model = load()`."""
        name = frame.function.facts.name
        return any(
            attribute not in ("[]", "[+]") and mentions(value, name)
            for function in self.application.program.functions_naming((name,))
            for _, attribute, value in function.facts.stores
        )


def _is_returned(call: Expr, frame: Frame) -> bool:
    facts = frame.function.facts
    names = names_bound_to(facts, call)
    return any(unwrapped(r) is call or (r[0] == "name" and r[1] in names) for r in facts.returns)


def _is_looked_up(call: Expr, facts: FunctionFacts) -> bool:
    """Tell whether a function puts what it makes of a model into a container that it asks first."""
    made = _made_of(call, facts)
    filled = {
        last_name(base)
        for base, attribute, value in facts.stores
        if attribute == "[]" and outlives_call(base, facts, is_maker=False) and _has_any(value, call, made)
    }
    return bool(filled) and any(
        kind == "test" and last_name(part) in filled
        for kind, expr, *_ in facts.events
        for part in walk(expr)
        if part[0] in ("name", "attr")
    )


def _made_of(call: Expr, facts: FunctionFacts) -> set[str]:
    """Return the variables that hold what a call gives, or what is made of that."""
    found: set[str] = set()
    while True:
        more = {
            name
            for name, bindings in facts.bindings.items()
            if name not in found and any(_has_any(value, call, found) for _, _, value in bindings)
        }
        if not more:
            return found
        found |= more


def _has_any(value: Expr, call: Expr, names: set[str]) -> bool:
    return any(part is call or (part[0] == "name" and part[1] in names) for part in walk(value))
