"""Read the catalog's tables and answer questions about dotted names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastlint.catalog.model import Decorator, Effect, Resource, Runs, Twin, Type, parse_type
from fastlint.catalog.tables import check_table, read_modules, read_table

DATA = Path(__file__).with_name("data")


class Catalog:
    """What is known about library names: effects, types, bases, spellings."""

    def __init__(self) -> None:
        self.effects: dict[str, Effect] = {}
        self.dynamic: dict[str, tuple[Effect, frozenset[str]]] = {}
        self.returns: dict[str, str] = {}
        self.attributes: dict[str, str] = {}
        self.bases: dict[str, tuple[str, ...]] = {}
        self.aliases: dict[str, str] = {}
        self.runs: dict[str, Runs] = {}
        self.decorators: dict[str, Decorator] = {}
        self.acts: dict[str, frozenset[str]] = {}
        """By name; by `Class` or `module` for what is said of all that is in it (`Class.*`)."""
        self.resources: dict[str, Resource] = {}
        self.twins: dict[str, Twin] = {}
        self.classes: set[str] = set()
        self.libraries: set[str] = set()
        """Top-level modules of every library that the catalog has a table for, loaded or not."""
        self._canonical: dict[str, str] = {}
        self._members: dict[tuple[str, str], str | None] = {}

    def add(self, table: Mapping[str, Any]) -> None:
        """Take in one table, which is in the catalog's format."""
        for group in table.get("blocks", ()):
            self._add_blocks(group)
        for group in table.get("runs", ()):
            runs = Runs(group["where"], tuple(group["callable"]))
            self.runs.update(dict.fromkeys(group["names"], runs))
        for group in table.get("decorators", ()):
            blocks = _effect(group) if group["effect"] == "blocks" else None
            self.decorators.update(dict.fromkeys(group["names"], Decorator(group["effect"], blocks)))
        for group in table.get("acts", ()):
            for name in group["names"]:
                self.acts[name] = self.acts.get(name, frozenset()) | {group["act"]}
        for group in table.get("resources", ()):
            resource = Resource(group["resource"], group["cost"], frozenset(group.get("close", ())))
            self.resources.update(dict.fromkeys(group["names"], resource))
        for group in table.get("twins", ()):
            self.twins.update(dict.fromkeys(group["names"], _twin(group)))
        self.returns.update(table.get("returns", {}))
        self.attributes.update(table.get("attributes", {}))
        self.aliases.update(table.get("aliases", {}))
        for name, bases in table.get("bases", {}).items():
            self.bases[name] = tuple(bases)
            self.classes.update((name, *bases))

    def _add_blocks(self, group: Mapping[str, Any]) -> None:
        effect = _effect(group)
        for name in group["names"]:
            if name.endswith(".*"):
                self.dynamic[name[:-2]] = (effect, frozenset(group.get("except", ())))
                self.classes.add(name[:-2])
            else:
                self.effects[name] = effect

    def canonical(self, name: str) -> str:
        """Return the name that the tables use for a library name, by its longest aliased prefix."""
        known = self._canonical.get(name)
        if known is None:
            known = self._canonical[name] = self._resolve_alias(name)
        return known

    def _resolve_alias(self, name: str) -> str:
        for _ in range(5):
            prefix, rest = name, ""
            while prefix and prefix not in self.aliases:
                prefix, _, last = prefix.rpartition(".")
                rest = f".{last}{rest}"
            if not prefix:
                break
            name = self.aliases[prefix] + rest
        return name

    def ancestors(self, cls: str) -> Iterable[str]:
        """Yield the class and the bases that the catalog lists for it, nearest first."""
        seen: set[str] = set()
        queue = [cls]
        while queue:
            name = queue.pop(0)
            if name not in seen:
                seen.add(name)
                yield name
                queue.extend(self.bases.get(name, ()))

    def is_subclass(self, cls: str, base: str) -> bool:
        """Tell whether the catalog lists `base` among the ancestors of `cls`."""
        return any(name == base for name in self.ancestors(cls))

    def member(self, cls: str, attribute: str) -> str:
        """Return the name under which a class's member is known, on itself or on a base."""
        key = (cls, attribute)
        if key not in self._members:
            self._members[key] = self._find_member(cls, attribute)
        return self._members[key] or f"{cls}.{attribute}"

    def _find_member(self, cls: str, attribute: str) -> str | None:
        for ancestor in self.ancestors(cls):
            name = self.canonical(f"{ancestor}.{attribute}")
            tables = (self.effects, self.returns, self.attributes, self.runs, self.acts, self.resources)
            if any(name in table for table in tables):
                return name
            if ancestor in self.dynamic and attribute not in self.dynamic[ancestor][1]:
                return name
        for ancestor in self.ancestors(cls):
            if f"{ancestor}.*" in self.acts:
                return self.canonical(f"{ancestor}.{attribute}")
        return None

    def effect(self, name: str) -> Effect | None:
        """Return what calling the name does to the calling thread, or None if that costs nothing."""
        effect = self.effects.get(name)
        if effect is None:
            owner, _, attribute = name.rpartition(".")
            dynamic = self.dynamic.get(owner)
            if dynamic is not None and not attribute.startswith("_") and attribute not in dynamic[1]:
                return None if name in self.returns else dynamic[0]
        return effect

    def acts_of(self, name: str) -> frozenset[str]:
        """Return what calling the name does, in the words of `ACTS`; nothing if that is unknown."""
        known = self.acts.get(name)
        return known if known is not None else self.acts.get(f"{name.rpartition('.')[0]}.*", frozenset())

    def resource(self, name: str) -> Resource | None:
        """Return what calling the name (or what it names, called) makes, if it has to be given back."""
        return self.resources.get(name) or self.resources.get(f"{name}.__call__")

    def is_described(self, name: str) -> bool:
        """Tell whether some table says what calling the name does or gives."""
        tables = (self.returns, self.runs, self.acts, self.resources)
        return self.effect(name) is not None or any(name in table for table in tables)

    def twin_above(self, name: str) -> Twin | None:
        """Return the twin of a name, or of the class or module around it that has one."""
        while name:
            if name in self.twins:
                return self.twins[name]
            name = name.rpartition(".")[0]
        return None

    def return_type(self, name: str) -> Type | None:
        """Return the type of the result of calling the name, or None if it is unknown."""
        text = self.returns.get(name)
        return parse_type(text) if text is not None else None

    def attribute_type(self, name: str) -> Type | None:
        """Return the type of an attribute or property, or None if it is unknown or a method."""
        text = self.attributes.get(name)
        return parse_type(text) if text is not None else None

    def is_class(self, name: str) -> bool:
        """Tell whether a library name is a class: the tables say so, or its spelling does."""
        return name in self.classes or name.rpartition(".")[2][:1].isupper()


def load_catalog(modules: Iterable[str], extra: Mapping[str, Any] | None = None) -> Catalog:
    """Return the catalog for programs that import these top-level modules.

    Only the tables of libraries that are imported are read; `extra` is the user's own table.

    Raises:
        CatalogError: the user's table is not in the catalog's format.
    """
    catalog = Catalog()
    wanted = set(modules)
    for path in sorted(DATA.glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        covers = read_modules(text)
        catalog.libraries.update(covers or ())
        if covers is None or wanted & covers:
            catalog.add(read_table(text))
    if extra:
        check_table(extra)
        catalog.add(extra)
    for text in (*catalog.returns.values(), *catalog.attributes.values()):
        catalog.classes.update(_classes_in(parse_type(text)))
    for name in (*catalog.returns, *catalog.effects, *catalog.acts, *catalog.resources):
        owner, _, member = name.rpartition(".")
        if member.startswith("__"):
            catalog.classes.add(owner)
    return catalog


def _effect(group: Mapping[str, Any]) -> Effect:
    return Effect(
        group["kind"],
        group["cost"],
        group.get("instead", ""),
        group.get("twin", ""),
        tuple(group.get("unless", ())),
        tuple(group.get("unless_first", ())),
    )


def _twin(group: Mapping[str, Any]) -> Twin:
    lists = ("arguments", "unlike_arguments", "plain", "awaited", "unlike", "written", "iterated", "needs")
    return Twin(
        group["how"],
        group["twin"],
        group.get("because", ""),
        group.get("gives", ""),
        group.get("result", ""),
        group.get("made_with", ""),
        *(frozenset(group.get(key, ())) for key in lists),
    )


def _classes_in(parsed: Type) -> Iterable[str]:
    if parsed[0] == "class":
        yield parsed[1]
    for part in parsed[1:]:
        if isinstance(part, tuple):
            if part and isinstance(part[0], str):
                yield from _classes_in(part)
            else:
                for inner in part:
                    yield from _classes_in(inner)
