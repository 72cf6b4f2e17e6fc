"""FL502: A response class turns the serialization in Rust off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from fastlint.application.responses import RUST_JSON, ClassChoice
from fastlint.application.routes import Route
from fastlint.project.values import ClassValue, LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render
from fastlint.rules.responses.class_removal import left_out

JSON_CLASSES = frozenset({"JSONResponse", "ORJSONResponse", "UJSONResponse"})
MODULES = ("fastapi.responses.", "starlette.responses.")


class ResponseClassDisablesFastPath(ModelRule):
    """A response class turns the serialization in Rust off."""

    code = "FL502"

    def applies(self) -> bool:
        """Older versions serialize everything in Python."""
        return self.application.versions.is_at_least("fastapi", RUST_JSON)

    def find(self) -> Iterator[Finding]:
        """Look at response classes that are set where routes have a response type."""
        slowed: dict[int, list[Route]] = defaultdict(list)
        choices: dict[int, ClassChoice] = {}
        for route in self.application.routes:
            responses = self.application.responses
            if any(responses.gains_by_type(route, f) for f in self.application.endpoints.get(route, ())):
                for choice in responses.class_choices(route)[:1]:
                    if self._is_json(choice):
                        slowed[id(choice.given)].append(route)
                        choices[id(choice.given)] = choice
        for key, routes in slowed.items():
            yield self._finding(choices[key], routes)

    def _is_json(self, choice: ClassChoice) -> bool:
        values = self.application.inference.values(choice.given, choice.frame)
        names = [
            v.name if isinstance(v, LibraryName) else v.cls
            for v in values
            if isinstance(v, (LibraryName, ClassValue))
        ]
        return bool(names) and all(
            isinstance(name, str) and name.startswith(MODULES) and name.rpartition(".")[2] in JSON_CLASSES
            for name in names
        )

    def _finding(self, choice: ClassChoice, routes: list[Route]) -> Finding:
        name = render(choice.given)
        first = self.application.label(routes[0])
        more = f" and {len(routes) - 1} more" if len(routes) > 1 else ""
        entries = [
            e
            for route in routes
            for f in self.application.endpoints[route]
            for e in self.application.entries_of(f)
        ]
        return self.finding(
            choice.frame.function,
            choice.given[-1] if choice.given[0] == "attr" else choice.call[-1],
            f"`{name}` as response class makes {first}{more} serialize in Python; without it, their response "
            "types are serialized in Rust",
            "Leave the response class out",
            entries=tuple(dict.fromkeys(entries)),
            fix=left_out(self.application, choice, is_default=name.rpartition(".")[2] == "JSONResponse"),
        )
