"""FL404: A request loads a trained model."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.makings import Makings
from fastlint.facts.structure import mentions, names_bound_to, unwrapped
from fastlint.project.program import Frame
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


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


def _is_returned(call: tuple[object, ...], frame: Frame) -> bool:
    facts = frame.function.facts
    names = names_bound_to(facts, call)
    return any(unwrapped(r) is call or (r[0] == "name" and r[1] in names) for r in facts.returns)
