"""The fix of a dump before the return: return the model itself."""

from __future__ import annotations

from fastlint.application.contexts import Application
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, walk
from fastlint.fixes.arguments import call_at
from fastlint.fixes.comprehensions import without_call
from fastlint.fixes.files import Files, FixMaker
from fastlint.project.annotations import annotated_values
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import Collection, Instance
from fastlint.rules.rendering import render

OWN_WAYS = frozenset({
    "field_serializer", "field_validator", "model_serializer", "model_validator", "root_validator", "serializer",
    "validator",
})  # fmt: skip
"""Decorators of methods that change values when a model is made, or written."""
ALIASES = frozenset({"alias", "exclude", "serialization_alias", "validation_alias"})
"""Arguments of `Field` by which what a model writes is not what it reads."""
HARMLESS_SETTINGS = frozenset(
    {"arbitrary_types_allowed", "from_attributes", "frozen", "json_schema_extra", "title"}
)
"""Settings of a model that leave its values and their names alone."""


def undumped(application: Application, frame: Frame, dump: Expr, models: set[ProjectClass]) -> FixMaker:
    """Return what returns a model instead of its dump.

    It is safe if all fields of the model are dumped, and come out of the validation as they went in.
    """

    def make(files: Files) -> Fix:
        module = files.python(frame.function.module.path)
        call = call_at(module, dump[-1])
        is_same = len(models) == 1 and not dump[2] and not dump[3]
        is_plain = is_same and all(
            writes_what_it_reads(application.inference, model, set()) for model in models
        )
        return Fix(
            f"Return `{render(dump[1][1])}` itself",
            Applicability.SAFE if is_plain else Applicability.UNSAFE,
            (without_call(module, call),),
        )

    return make


def writes_what_it_reads(inference: Inference, model: ProjectClass, seen: set[ProjectClass]) -> bool:
    """Tell whether a model, and the models in it, write what they read."""
    if model in seen:
        return True
    seen.add(model)
    for base in inference.mro(model):
        if not isinstance(base, ProjectClass):
            continue
        for method in base.methods():
            names = {
                part[2] if part[0] == "attr" else part[1]
                for d in method.facts.decorators
                for part in walk(d)
                if part[0] in ("attr", "name")
            }
            if names & OWN_WAYS:
                return False
        if base.own("Config") or any(
            part[0] == "call" and {name for name, _ in part[3]} - HARMLESS_SETTINGS
            for _, _, binding in base.own("model_config")
            for part in walk(binding)
        ):
            return False
        scope = inference.program.generic_frame(base.module.functions[base.facts.parent])
        for bindings in base.facts.bindings.values():
            for _, _, binding in bindings:
                if any(
                    part[0] == "call"
                    and called_name(part) == "Field"
                    and ALIASES & {name for name, _ in part[3]}
                    for part in walk(binding)
                ):
                    return False
                if binding[0] != "typed":
                    continue
                if any(
                    part[0] in ("name", "attr") and "Validator" in str(part[1:3]) for part in walk(binding[1])
                ):
                    return False
                for value in annotated_values(inference, binding[1], scope):
                    for inner in value.items if isinstance(value, Collection) else (value,):
                        if (
                            isinstance(inner, Instance)
                            and isinstance(inner.cls, ProjectClass)
                            and not writes_what_it_reads(inference, inner.cls, seen)
                        ):
                            return False
    return True
