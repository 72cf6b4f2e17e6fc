"""The table of mapped classes: columns, relationships and how these are loaded."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastlint.facts.model import Expr
from fastlint.facts.structure import walk
from fastlint.project.bindings import call_argument
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, ProjectClass, annotation_parts
from fastlint.project.values import ClassValue, LibraryName, Text

RELATIONSHIPS = frozenset({"sqlalchemy.orm.relationship", "sqlmodel.Relationship"})
COLUMNS = frozenset({"sqlalchemy.orm.mapped_column", "sqlalchemy.Column", "sqlmodel.Field"})
BASES = ("sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.DeclarativeBaseNoMeta", "sqlmodel.SQLModel")
LAZY = "select"
TRUE = ("const", True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a mapped class, as its class body describes it."""

    name: str
    is_primary: bool = False
    is_unique: bool = False
    is_foreign: bool = False
    """Whether it holds the key of another table."""


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship of a mapped class."""

    name: str
    lazy: str = LAZY
    """What `lazy=` says: "select" (a query when it is read), "selectin", "joined", "raise", ...; "?" if unknown."""
    target: str = ""
    """The name of the class on the other side, if the code shows it."""

    @property
    def is_lazy(self) -> bool:
        """Whether reading it may send a query of its own."""
        return self.lazy == LAZY


@dataclass(slots=True)
class Mapped:
    """What a class maps, with what it inherits."""

    cls: ProjectClass
    columns: dict[str, Column] = field(default_factory=dict)
    relationships: dict[str, Relationship] = field(default_factory=dict)


class Models:
    """The mapped classes of a program, described when they are asked for."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        self._known: dict[ProjectClass, Mapped | None] = {}
        self._own: dict[ProjectClass, Mapped] = {}
        self._backrefs: dict[str, list[Relationship]] | None = None

    def fields(self, model: ProjectClass) -> set[str]:
        """Return the fields of a Pydantic model; none for mapped classes, whose relationships are no fields."""
        if self.of(model) is not None:
            return set()
        return {
            name
            for base in self._inference.mro(model)
            if isinstance(base, ProjectClass)
            for name, bindings in base.facts.bindings.items()
            if bindings[-1][2][0] == "typed"
        }

    def of(self, cls: object) -> Mapped | None:
        """Return what a class maps, or None if it is no mapped class."""
        if not isinstance(cls, ProjectClass):
            return None
        if cls not in self._known:
            self._known[cls] = None
            self._known[cls] = self._describe(cls)
        return self._known[cls]

    def lazy_names(self) -> frozenset[str]:
        """Return the names of all lazy relationships of the program."""
        names: set[str] = set()
        for cls in self._inference.program.classes():
            names.update(r.name for r in self._body(cls).relationships.values() if r.is_lazy)
        for added in self._all_backrefs().values():
            names.update(r.name for r in added if r.is_lazy)
        return frozenset(names)

    def own_relationships(self, cls: ProjectClass) -> dict[str, Relationship]:
        """Return the relationships that the body of a class itself declares."""
        return self._body(cls).relationships

    def _describe(self, cls: ProjectClass) -> Mapped | None:
        found = Mapped(cls)
        is_table = False
        for base in reversed(self._inference.mro(cls)):
            if isinstance(base, str):
                continue
            own = self._body(base)
            found.columns.update(own.columns)
            found.relationships.update(own.relationships)
            is_table |= bool({"__tablename__", "__table__"} & base.facts.bindings.keys())
        is_table |= ("table", TRUE) in cls.facts.keywords
        if not is_table and not (found.relationships or any(c.is_primary for c in found.columns.values())):
            return None
        if any(name == "table" for name, _ in cls.facts.keywords) or not self._is_plain_sqlmodel(cls):
            for backref in self._all_backrefs().get(cls.facts.name, ()):
                found.relationships.setdefault(backref.name, backref)
            return found
        return None

    def _is_plain_sqlmodel(self, cls: ProjectClass) -> bool:
        """Tell whether a SQLModel is only a Pydantic model: neither it nor a base has a table."""
        bases = [base for base in self._inference.mro(cls) if isinstance(base, ProjectClass)]
        is_sqlmodel = "sqlmodel.SQLModel" in self._inference.mro(cls)
        return is_sqlmodel and not any(("table", TRUE) in base.facts.keywords for base in bases)

    def _body(self, cls: ProjectClass) -> Mapped:
        known = self._own.get(cls)
        if known is None:
            known = self._own[cls] = Mapped(cls)
            scope = self._inference.program.frame_around(cls)
            for name, bindings in cls.facts.bindings.items():
                self._add(known, name, bindings[-1][2], scope)
            for function in cls.methods():
                if any("declared_attr" in decorator[1:3] for decorator in function.facts.decorators):
                    inner = self._inference.program.generic_frame(function)
                    for value in function.facts.returns:
                        self._add(known, function.facts.name, value, inner)
        return known

    def _add(self, mapped: Mapped, name: str, value: Expr, scope: Frame) -> None:
        annotation: Expr | None = value[1] if value[0] == "typed" else None
        made: Expr | None = value[2] if value[0] == "typed" else value
        if made is None or made[0] != "call":
            if annotation is not None and _named(annotation_parts(annotation)[0]) == "Mapped":
                mapped.columns[name] = Column(name)
            return
        callees = {v.name for v in self._inference.values(made[1], scope) if isinstance(v, LibraryName)}
        if callees & RELATIONSHIPS:
            mapped.relationships[name] = self._relationship(name, made, annotation, scope)
        elif callees & COLUMNS:
            mapped.columns[name] = self._column(name, made, scope)

    def _relationship(self, name: str, call: Expr, annotation: Expr | None, scope: Frame) -> Relationship:
        lazy = LAZY
        given = [call_argument(call, None, "lazy")]
        options = call_argument(call, None, "sa_relationship_kwargs")
        if options is not None and options[0] == "dict":
            keys = [key[1] if key[0] == "const" else "" for key in options[1]]
            given += [value for key, value in zip(keys, options[2], strict=False) if key == "lazy"]
        elif options is not None:
            lazy = self._lazy_of_call(options)
        for value in given:
            if value is not None:
                lazy = self._spelled(value, scope)
        target = self._target(call_argument(call, 0, "argument"), scope) or _innermost(annotation)
        return Relationship(name, lazy, target)

    def _lazy_of_call(self, options: Expr) -> str:
        """Return the loading that `sa_relationship_kwargs=dict(lazy=...)` asks for."""
        if options[0] == "call" and options[1][:2] == ("name", "dict"):
            lazy = call_argument(options, None, "lazy")
            return LAZY if lazy is None else str(lazy[1]) if lazy[0] == "const" else "?"
        return "?"

    def _spelled(self, value: Expr, scope: Frame) -> str:
        if value == TRUE:
            return LAZY
        if value[0] == "const":
            return str(value[1])
        return next((v.text for v in self._inference.values(value, scope) if isinstance(v, Text)), "?")

    def _target(self, argument: Expr | None, scope: Frame) -> str:
        if argument is None:
            return ""
        if argument[0] == "const":
            return str(argument[1]).rpartition(".")[2]
        values = self._inference.values(argument, scope)
        for value in values:
            if isinstance(value, ClassValue) and isinstance(value.cls, ProjectClass):
                return value.cls.facts.name
        return ""

    def _column(self, name: str, call: Expr, scope: Frame) -> Column:
        keywords = dict(call[3])
        foreign = "foreign_key" in keywords
        for argument in call[2]:
            for part in walk(argument):
                if part[0] == "call" and _named(part[1]) == "ForeignKey":
                    foreign = True
        inner = keywords.get("sa_column")
        if inner is not None and inner[0] == "call":
            described = self._column(name, inner, scope)
            foreign |= described.is_foreign
            keywords.update(inner[3])
        return Column(name, keywords.get("primary_key") == TRUE, keywords.get("unique") == TRUE, foreign)

    def _all_backrefs(self) -> dict[str, list[Relationship]]:
        """Return, by the name of the class, the relationships that others add to it with `backref=`."""
        if self._backrefs is None:
            found: dict[str, list[Relationship]] = {}
            self._backrefs = found
            for cls in self._inference.program.classes():
                if "backref" not in str(cls.facts.bindings):
                    continue
                for name, relationship in self._body(cls).relationships.items():
                    value = cls.facts.bindings[name][-1][2] if name in cls.facts.bindings else ("unknown",)
                    call = value[2] if value[0] == "typed" else value
                    backref = call_argument(call, None, "backref") if call and call[0] == "call" else None
                    if backref is None or not relationship.target:
                        continue
                    lazy = LAZY
                    if backref[0] == "call" and backref[2]:
                        given = call_argument(backref, None, "lazy")
                        lazy = str(given[1]) if given is not None and given[0] == "const" else LAZY
                        backref = backref[2][0]
                    if backref[0] == "const":
                        added = Relationship(str(backref[1]), lazy, cls.facts.name)
                        found.setdefault(relationship.target, []).append(added)
        return self._backrefs


def _named(expr: Expr) -> str:
    """Return the last part of a dotted name."""
    return str(expr[1]) if expr[0] == "name" else str(expr[2]) if expr[0] == "attr" else ""


def _innermost(annotation: Expr | None) -> str:
    """Return the class in `Mapped[list["Post"]]`, by its name."""
    if annotation is None:
        return ""
    for part in reversed(list(walk(annotation))):
        if part[0] == "name" and part[1][:1].isupper():
            name = str(part[1])
            if name not in ("Mapped", "List", "Optional", "Set", "Sequence"):
                return name
    return ""
