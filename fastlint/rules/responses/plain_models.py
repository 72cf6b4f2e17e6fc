"""Models of which it is known what they write: nothing of their own has a part in it."""

from __future__ import annotations

from dataclasses import dataclass

from fastlint.application.dumps import MODEL
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, walk
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, ProjectClass, annotation_parts
from fastlint.project.values import ClassValue, LibraryName, TypeForm

BASES = frozenset({"pydantic.BaseModel", "pydantic.main.BaseModel", "builtins.object", "abc.ABC"})
ENUMS = ("enum.Enum", "enum.StrEnum", "enum.IntEnum")

SETTINGS_OF_FIELDS = frozenset({
    "arbitrary_types_allowed", "defer_build", "from_attributes", "frozen", "json_schema_extra", "orm_mode",
    "protected_namespaces", "title", "use_attribute_docstrings",
})  # fmt: skip
"""Settings that change no value and no name."""
SETTINGS_OF_INPUT = SETTINGS_OF_FIELDS | {
    "alias_generator", "allow_population_by_field_name", "populate_by_name", "str_max_length", "str_min_length",
    "str_strip_whitespace", "str_to_lower", "str_to_upper", "strict", "use_enum_values", "validate_assignment",
    "validate_by_alias", "validate_by_name", "validate_default",
}  # fmt: skip
"""Settings that change what a model reads, or the names that it writes anyway."""
EXTRA = frozenset({"forbid", "ignore"})

SERIALIZERS = frozenset({"computed_field", "field_serializer", "model_serializer"})
VALIDATORS = frozenset({"field_validator", "model_validator", "root_validator", "validator"})
OWN_WRITING = ("__get_pydantic_", "__pydantic_", "__new__", "__iter__", "model_dump", "dict", "json")
OWN_READING = ("__init__", "__setattr__", "__getattr", "model_post_init", "model_validate")

ALIASES = frozenset({"alias", "exclude", "serialization_alias", "validation_alias", "validate_default"})
"""Arguments of `Field` by which what a model writes is not what it reads."""
DETAILS = frozenset({"Body", "Field", "Ge", "Gt", "Le", "Len", "Lt", "MaxLen", "MinLen", "Path", "Query"})
"""What `Annotated` may say of a type without changing its values."""
FACTORIES = frozenset({"list", "dict", "set"})

SINGLE = frozenset({"Optional", "Union"})
HOLDERS = frozenset({
    "dict", "Dict", "frozenset", "FrozenSet", "list", "List", "Mapping", "Sequence", "set", "Set", "tuple", "Tuple",
})  # fmt: skip
SCALARS = frozenset({
    "builtins.bool", "builtins.int", "builtins.str", "datetime.date", "datetime.datetime", "datetime.time",
    "datetime.timedelta", "decimal.Decimal", "pydantic.AnyHttpUrl", "pydantic.AnyUrl", "pydantic.EmailStr",
    "pydantic.HttpUrl", "pydantic.NegativeInt", "pydantic.NonNegativeInt", "pydantic.NonPositiveInt",
    "pydantic.PositiveInt", "pydantic.StrictBool", "pydantic.StrictInt", "pydantic.StrictStr", "pydantic.UUID4",
    "uuid.UUID",
})  # fmt: skip
FLOAT = "builtins.float"
ELLIPSIS = ("lit", "object")
OF_CONSTANTS = {bool: "builtins.bool", int: "builtins.int", str: "builtins.str"}


def writes_alike(inference: Inference, model: ProjectClass) -> bool:
    """Tell whether Python and Rust write the same JSON for a model, and a response type leaves it as it is.

    Floats are written differently (`1e-07` and `1e-7`), and those that are no numbers are an error in Python only.
    """
    return _Plain(inference, SETTINGS_OF_INPUT, SERIALIZERS, OWN_WRITING).holds(model)


def is_written_alike(inference: Inference, annotation: Expr, scope: Frame) -> bool:
    """Tell whether Python and Rust write the same JSON for all that an annotation allows."""
    plain = _Plain(inference, SETTINGS_OF_INPUT, SERIALIZERS, OWN_WRITING)
    return plain.is_plain_type(annotation, scope, set())


def writes_what_it_reads(inference: Inference, model: ProjectClass) -> bool:
    """Tell whether validating what a model dumps gives a model that is the same."""
    own_ways = (*OWN_WRITING, *OWN_READING)
    return _Plain(inference, SETTINGS_OF_FIELDS, SERIALIZERS | VALIDATORS, own_ways, is_read=True).holds(
        model
    )


@dataclass(slots=True)
class _Plain:
    """Looks at a model and at all that its fields hold."""

    inference: Inference
    settings: frozenset[str]
    decorators: frozenset[str]
    """Decorators of methods that a model must not have."""
    methods: tuple[str, ...]
    """How the names of methods begin that a model must not have."""
    is_read: bool = False
    """Whether what is written is read again."""
    seen: set[ProjectClass] | None = None

    def holds(self, model: ProjectClass) -> bool:
        self.seen = self.seen or set()
        if model in self.seen:
            return True
        self.seen.add(model)
        mro = self.inference.mro(model)
        return MODEL in mro and all(
            base in BASES if isinstance(base, str) else self._is_plain(base) for base in mro
        )

    def _is_plain(self, base: ProjectClass) -> bool:
        scope = self._scope(base)
        if base.facts.decorators or not all(self.inference.values(b, scope) for b in base.facts.bases):
            return False
        if not all(self._is_harmless(name, value) for name, value in base.facts.keywords):
            return False
        for method in base.methods():
            names = {
                str(part[2] if part[0] == "attr" else part[1])
                for decorator in method.facts.decorators
                for part in walk(decorator)
                if part[0] in ("attr", "name")
            }
            if names & self.decorators or method.facts.name.startswith(self.methods):
                return False
        return all(
            self._is_plain_binding(base, name, value, scope)
            for name, bindings in base.facts.bindings.items()
            for _, _, value in bindings
        )

    def _is_plain_binding(self, base: ProjectClass, name: str, value: Expr, scope: Frame) -> bool:
        if name == "model_config":
            return self._is_plain_config(value[2] if value[0] == "typed" else value)
        if name == "Config":
            inner = [c for c in base.module.classes if c.facts.qualname == f"{base.facts.qualname}.Config"]
            return len(inner) == 1 and all(
                self._is_harmless(key, bound)
                for key, bindings in inner[0].facts.bindings.items()
                for _, _, bound in bindings
            )
        if value[0] == "typed" and not name.startswith("_"):
            return self._is_plain_field(value[1], value[2], scope)
        return True

    def _is_plain_config(self, value: Expr | None) -> bool:
        if value is not None and value[0] == "call" and called_name(value) == "ConfigDict" and not value[2]:
            return all(self._is_harmless(key, given) for key, given in value[3])
        if value is not None and value[0] == "dict":
            return all(
                key[0] == "const" and self._is_harmless(key[1], given)
                for key, given in zip(value[1], value[2], strict=False)
            )
        return False

    def _is_harmless(self, setting: object, value: Expr) -> bool:
        if setting == "extra":
            return value[0] == "const" and value[1] in EXTRA
        return setting in self.settings

    # Fields

    def _is_plain_field(self, annotation: Expr, default: Expr | None, scope: Frame) -> bool:
        types: set[str] = set()
        if _base_name(annotation) == "ClassVar":
            return True
        if not self.is_plain_type(annotation, scope, types):
            return False
        if default is not None and default[0] == "call":
            if called_name(default) != "Field":
                return False
            return self._are_plain_options(default, types)
        return default is None or self._is_default(default, types)

    def _are_plain_options(self, field: Expr, types: set[str]) -> bool:
        keywords = dict(field[3])
        if None in keywords or (self.is_read and ALIASES & keywords.keys()):
            return False
        factory = keywords.get("default_factory")
        if factory is not None and not (factory[0] == "name" and factory[1] in FACTORIES):
            return False
        given = field[2][0] if field[2] else keywords.get("default")
        return given is None or given == ELLIPSIS or self._is_default(given, types)

    def _is_default(self, value: Expr, types: set[str]) -> bool:
        """Tell whether a default, which nobody checks, is of the type of its field."""
        if value[0] == "const":
            return value[1] is None or OF_CONSTANTS.get(type(value[1]), "") in types
        if value[0] in ("list", "dict"):
            return not any(value[1:])
        return (value[0] == "attr" and ENUMS[0] in types) or (value == ("lit", "float") and FLOAT in types)

    # Types

    def is_plain_type(self, annotation: Expr, scope: Frame, types: set[str]) -> bool:
        """Tell whether a type is known; its scalar types are added to `types`."""
        if annotation[0] == "const":
            if annotation[1] is None:
                types.add("None")
            return annotation[1] is None
        if annotation[0] == "any":
            return self._is_plain_union(annotation[1], scope, types)
        base, arguments = annotation_parts(annotation)
        if not arguments:
            return self._is_plain_name(base, scope, types)
        name = _base_name(base)
        if name == "Annotated":
            first, *details = arguments
            return self.is_plain_type(first, scope, types) and all(
                d[0] == "call" and called_name(d) in DETAILS and self._are_plain_options(d, types)
                for d in details
            )
        if name == "Literal":
            types.update(OF_CONSTANTS.get(type(a[1]), "") for a in arguments if a[0] == "const")
            return all(a[0] == "const" for a in arguments)
        if name in SINGLE:
            return self._is_plain_union(
                (*arguments, *((("const", None),) if name == "Optional" else ())), scope, types
            )
        return name in HOLDERS and all(
            a == ELLIPSIS or self.is_plain_type(a, scope, set()) for a in arguments
        )

    def _is_plain_union(self, parts: tuple[Expr, ...], scope: Frame, types: set[str]) -> bool:
        """Of several models in a union, the first that fits is read, and it may be another one."""
        others = [part for part in parts if part != ("const", None)]
        inner: set[str] = set()
        is_plain = all(self.is_plain_type(part, scope, inner) for part in parts)
        types |= inner
        return is_plain and (len(others) == 1 or not self.is_read)

    def _is_plain_name(self, name: Expr, scope: Frame, types: set[str]) -> bool:
        values = self.inference.values(name, scope)
        if len(values) != 1:
            return False
        match values[0]:
            case TypeForm(expr=expr, frame=frame):
                return self.is_plain_type(expr, frame, types)
            case ClassValue(cls=ProjectClass() as cls):
                if any(enum in self.inference.mro(cls) for enum in ENUMS):
                    types.add(ENUMS[0])
                    return self._is_plain_enum(cls)
                return self.holds(cls)
            case ClassValue(cls=str() as dotted) | LibraryName(name=dotted):
                types.add(dotted)
                return dotted in SCALARS or (self.is_read and dotted == FLOAT)
        return False

    def _is_plain_enum(self, cls: ProjectClass) -> bool:
        bound = [value for bindings in cls.facts.bindings.values() for _, _, value in bindings]
        return not any(True for _ in cls.methods()) and all(
            value[0] == "const" and type(value[1]) in OF_CONSTANTS for value in bound
        )

    def _scope(self, cls: ProjectClass) -> Frame:
        return self.inference.program.frame_around(cls)


def _base_name(annotation: Expr) -> str:
    base, _ = annotation_parts(annotation)
    return str(base[2] if base[0] == "attr" else base[1] if base[0] == "name" else "")
