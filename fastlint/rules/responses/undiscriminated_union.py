"""FL509: Pydantic tries the members of a union one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.unions import Union, literal_fields, undiscriminated_unions
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

FEWEST = 4
"""With fewer members than this, a discriminator saves next to nothing."""


class UndiscriminatedUnion(ModelRule):
    """Pydantic tries the members of a union one after the other."""

    code = "FL509"

    def find(self) -> Iterator[Finding]:
        """Look at unions of many models, all of which have a field that says which one it is."""
        for union in undiscriminated_unions(self.application):
            name = self._telling_field(union)
            if name:
                route = self.application.label(union.route)
                yield self.finding(
                    union.frame.function,
                    union.expr[-1],
                    f"{route}: each of the {len(union.members)} models of the union is tried in turn, "
                    f"though `{name}` says which one it is",
                    f'Write `Annotated[..., Field(discriminator="{name}")]`',
                    entries=self.application.serving([union.route]),
                )

    def _telling_field(self, union: Union) -> str:
        """Return the field whose literal values belong to one member each."""
        if len(set(union.members)) < FEWEST:
            return ""
        fields = [literal_fields(self.application, cls) for cls in dict.fromkeys(union.members)]
        for name in fields[0]:
            if all(name in known for known in fields):
                values = [render(value) for known in fields for value in known[name]]
                if len(values) == len(set(values)):
                    return name
        return ""
