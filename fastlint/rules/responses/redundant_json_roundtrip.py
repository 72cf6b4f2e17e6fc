"""FL506: Data is turned into JSON and back, or into a dictionary and back, for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name
from fastlint.fixes.files import FixMaker
from fastlint.project.members import is_extended
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import ClassValue, Instance, LibraryName
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render
from fastlint.rules.responses.direct_ways import copied, from_text, plain_data

LOADERS = frozenset({"json.loads", "orjson.loads", "ujson.loads", "simplejson.loads", "rapidjson.loads"})
ANSWERS = frozenset({"httpx.Response", "requests.Response", "httpx2.Response", "niquests.Response"})
MODEL = "pydantic.BaseModel"
TO_JSON = frozenset({"model_dump_json", "json"})
TO_DICT = frozenset({"model_dump", "dict"})
VALIDATES = frozenset({"model_validate", "parse_obj"})
UNVALIDATED = frozenset({"model_copy", "model_construct", "copy", "construct"})
"""What these give is not validated, which may be why the model is built again."""
OWN_FORM = frozenset({"indent", "encoder", "ensure_ascii"})
"""Arguments that `model_dump` does not have."""


class RedundantJsonRoundtrip(ModelRule):
    """Data is turned into JSON and back, or into a dictionary and back, for nothing."""

    code = "FL506"

    def applies(self) -> bool:
        """Pydantic 1 does all of this in Python."""
        return self.application.versions.is_at_least("pydantic", "2")

    def find(self) -> Iterator[Finding]:
        """Look at what is decoded, and at what models are made from, where requests are answered."""
        for frame, call in self.application.requests.calls_like(
            lambda call: called_name(call) == "loads" or _only_source(call) is not None
        ):
            yield from self._decoded(call, frame)
            yield from self._built(call, frame)

    def _decoded(self, call: Expr, frame: Frame) -> Iterator[Finding]:
        """`json.loads(m.model_dump_json())`."""
        if called_name(call) != "loads" or len(call[2]) != 1 or call[3]:
            return
        dump = call[2][0]
        if not _is_method(dump, TO_JSON) or not self._is_called(call, frame, LOADERS):
            return
        owners = self.application.inference.values(dump[1][1], frame)
        is_model = bool(owners) and all(self.application.inference.is_subclass(v, MODEL) for v in owners)
        if is_model and not OWN_FORM & {name for name, _ in dump[3]}:
            model = render(dump[1][1])
            rest = ", ..." if dump[3] else ""
            yield self.finding(
                frame,
                call[-1],
                f"`{render(call[1])}(...)` parses the JSON that `{model}` was just written as{self.where(frame)}",
                f'Write `{model}.model_dump(mode="json"{rest})`',
                fix=plain_data(self.application, frame, call),
            )

    def _built(self, call: Expr, frame: Frame) -> Iterator[Finding]:
        """`M.model_validate(json.loads(s))`, `M(**json.loads(s))`, `M(**m.model_dump())`."""
        source = _only_source(call)
        if source is None or source[0] != "call":
            return
        model = self._model(call, frame)
        if model is None:
            return
        name = model.facts.name
        if _is_method(source, TO_DICT) and not source[2] and not source[3]:
            same = source[1][1]
            values = self.application.inference.values(same, frame)
            if _is_method(same, UNVALIDATED) or is_extended(self.application.inference, model):
                return  # an object of a derived class becomes one of this class
            if values and all(isinstance(v, Instance) and v.cls is model for v in values):
                yield self._advice(
                    frame, call, "a dictionary", f"{render(same)}.model_copy()", copied(frame, call)
                )
            return
        text = self._decoded_text(source, frame)
        if text is not None:
            instead = f"{name}.model_validate_json({text})"
            yield self._advice(frame, call, "decoded JSON", instead, from_text(frame, call))

    def _advice(self, frame: Frame, call: Expr, detour: str, instead: str, fix: FixMaker) -> Finding:
        return self.finding(
            frame,
            call[-1],
            f"`{render(call[1])}` goes through {detour} that nothing else needs{self.where(frame)}",
            f"Write `{instead}`",
            Severity.INFO,
            fix=fix,
        )

    def _decoded_text(self, source: Expr, frame: Frame) -> str | None:
        """Return how to write the text or bytes that a call decodes: of `json.loads(s)`, `response.json()`."""
        if source[3]:
            return None
        if len(source[2]) == 1 and self._is_called(source, frame, LOADERS):
            return None if _is_method(source[2][0], TO_JSON) else render(source[2][0])
        if source[1][0] == "attr" and source[1][2] == "json" and not source[2]:
            owners = self.application.inference.values(source[1][1], frame)
            if owners and all(isinstance(v, Instance) and v.cls in ANSWERS for v in owners):
                return f"{render(source[1][1])}.content"
        return None

    def _model(self, call: Expr, frame: Frame) -> ProjectClass | None:
        """Return the model that a call makes an instance of."""
        base = call[1]
        if called_name(call) in VALIDATES and base[0] == "attr":
            base = base[1]
        values = self.application.inference.values(base, frame)
        if len(values) == 1 and isinstance(values[0], ClassValue):
            cls = values[0].cls
            inference = self.application.inference
            is_table = inference.is_subclass(values[0], "sqlmodel.SQLModel")  # made without validation
            if isinstance(cls, ProjectClass) and inference.is_subclass(values[0], MODEL) and not is_table:
                return cls
        return None

    def _is_called(self, call: Expr, frame: Frame, names: frozenset[str]) -> bool:
        values = self.application.inference.values(call[1], frame)
        return any(isinstance(v, LibraryName) and v.name in names for v in values)


def _only_source(call: Expr) -> Expr | None:
    """Return what alone a model is made from: `M(**x)`, `M.model_validate(x)`."""
    if called_name(call) in VALIDATES and len(call[2]) == 1 and not call[3]:
        return call[2][0]  # type: ignore[no-any-return]
    if not call[2] and len(call[3]) == 1 and call[3][0][0] is None:
        return call[3][0][1]  # type: ignore[no-any-return]
    return None


def _is_method(expr: Expr, names: frozenset[str]) -> bool:
    return expr[0] == "call" and expr[1][0] == "attr" and expr[1][2] in names
