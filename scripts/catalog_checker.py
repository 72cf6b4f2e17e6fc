"""Checks the names of one catalog file against the libraries that are installed beside this interpreter.

Run by `verify_catalog.py` inside the scratch environment of the file, so it imports the standard library
alone: `python catalog_checker.py FILE.toml RESULT.json`.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from catalog_resolver import FACTORIES, UncheckedError, WrongError, resolve

KINDS = {"sleep", "http", "network", "sdk", "database", "file", "subprocess", "hash", "cpu", "wait", "loop"}
COSTS = {"unbounded", "bounded", "short"}
PLACES = {"thread", "process", "loop", "caller"}
EFFECTS = {"memoises", "offloads", "blocks", "transparent"}
ACTS = {
    "query", "write", "command", "commit", "rollback", "flush", "refresh", "close", "request", "sleep",
    "task", "gather", "compute", "settings", "templates", "schema", "weights", "metadata",
}  # fmt: skip
RESOURCES = {"engine", "pool", "connection", "session", "client", "throwaway", "executor", "file"}
SECTIONS = {
    "distributions",
    "modules",
    "blocks",
    "returns",
    "attributes",
    "bases",
    "aliases",
    "runs",
    "decorators",
    "acts",
    "resources",
    "twins",
}
TWIN_FORMS = {"function", "shared", "client", "result", "exception", "manual"}
CONTAINERS = {"list", "dict", "tuple", "set", "type", "Iterator", "AsyncIterator", "Awaitable"}
PLAIN_TYPES = {"Self", "None", "str", "bytes", "int", "float", "bool", "object"} | CONTAINERS
CALL_FORMS = {"arg", "call", "instance"}


def is_async(target: Any) -> bool:
    """Whether calling the object gives a coroutine or an asynchronous generator."""
    if isinstance(target, staticmethod | classmethod):
        target = target.__func__
    return inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target)


def check_callable(name: str) -> Any:
    """Check that the name can be called, and return the object."""
    target = resolve(name)
    if not callable(target) and not isinstance(target, staticmethod | classmethod):
        raise WrongError(f"is not callable, but {type(target).__name__}")
    return target


def check_blocks(name: str, attributes: dict[str, str]) -> None:
    """Check that the name is a synchronous callable, or a property where it has a type as well."""
    if name.endswith(".*"):
        if not inspect.isclass(resolve(name[:-2])):
            raise WrongError("the wildcard stands on something that is no class")
    elif name in attributes:
        check_property(name)
    elif is_async(check_callable(name)):
        raise WrongError("is a coroutine function, which does not block its caller")


def check_act(name: str) -> None:
    """Check that the name can be called; of a wildcard, that it stands on what has members."""
    if not name.endswith(".*"):
        check_callable(name)
        return
    owner = resolve(name[:-2])
    # Some objects make a function of every attribute: sqlalchemy.func is one.
    if not inspect.isclass(owner) and not inspect.ismodule(owner) and not hasattr(type(owner), "__getattr__"):
        raise WrongError("the wildcard stands on something that is neither a class nor a module")


def check_property(name: str) -> None:
    """Check that reading the attribute runs code: a property, or a descriptor that acts like one."""
    target = resolve(name)
    descriptor = inspect.getattr_static(resolve(name.rpartition(".")[0]), name.rpartition(".")[2], target)
    if inspect.isfunction(descriptor) or not hasattr(type(descriptor), "__get__"):
        raise WrongError(f"has a type in [attributes], but is no property: {type(descriptor).__name__}")


def check_returns(name: str, written: str, warn: Callable[[str], None]) -> None:
    """Check that the name is callable and its result is awaited exactly when the catalog says so."""
    target = check_callable(name)
    said = written.startswith(("Awaitable[", "AsyncIterator[", "arg("))
    if is_async(target) and not said:
        raise WrongError(f"is a coroutine function, but the catalog says {written}")
    if written.startswith("Awaitable[") and not looks_awaitable(target):
        warn(f"{name}: nothing shows that it returns an awaitable")


def looks_awaitable(target: Any) -> bool:
    """Whether the function, what it wraps, or its annotation makes an awaitable."""
    if is_async(target) or is_async(inspect.unwrap(target)):
        return True
    annotation = str(getattr(target, "__annotations__", {}).get("return", ""))
    return bool(re.search(r"Await|Coroutine|Future|Task|async", annotation))


def check_attribute(name: str) -> None:
    """Check that the attribute exists and is no method; one that instances get in `__init__` counts."""
    try:
        target = resolve(name)
    except UncheckedError as error:
        if "as the source of the class shows" in str(error):
            return
        raise
    except WrongError as error:
        if inspect.isclass(resolve(name.rpartition(".")[0])):
            raise UncheckedError("set on instances only; the source of the class does not show it") from error
        raise
    if inspect.isfunction(target) or inspect.ismethod(target):
        raise WrongError("is a method: its result belongs in [returns]")


def check_bases(name: str, bases: list[str]) -> None:
    """Check that the class derives from every base."""
    for base in bases:
        if not issubclass(resolve(name), resolve(base)):
            raise WrongError(f"is no subclass of {base}")


def check_alias(name: str, canonical: str) -> None:
    """Check that both spellings are the same object."""
    first, second = resolve(name), resolve(canonical)
    # Methods of the same class are made anew by each access, and equal.
    if first is not second and not (inspect.ismethod(first) and first == second):
        raise WrongError(f"is not the same object as {canonical}")


def check_type(name: str) -> None:
    """Check that a type the catalog mentions exists."""
    target = resolve(name)
    if inspect.isclass(target) or name in FACTORIES or hasattr(target, "__origin__"):
        return
    raise WrongError(f"is mentioned as a type, but is {type(target).__name__}")


def type_names(written: str) -> Iterator[str]:
    """Yield the dotted class names of a type expression."""
    try:
        pending: list[ast.expr] = [ast.parse(written, mode="eval").body]
    except SyntaxError as error:
        raise WrongError(f"is no type expression: {written}") from error
    while pending:
        match pending.pop():
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                pending += [left, right]
            case ast.Tuple(elts=elements):
                pending += elements
            case ast.Subscript(value=value, slice=inner):
                pending += [value, inner]
            case ast.Constant(value=None):
                pass
            case ast.Name(id=word) if word in PLAIN_TYPES:
                pass
            case ast.Attribute() as dotted:
                yield ast.unparse(dotted)
            case ast.Call(func=ast.Name(id=form), args=[ast.Constant()]) if form in CALL_FORMS:
                pass
            case other:
                raise WrongError(f"is no type expression: {ast.unparse(other)}")


def check_argument(name: str, argument: int | str) -> None:
    """Check that the callable takes the argument, a position (self not counted) or a keyword."""
    target = check_callable(name)
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return
    kinds = {parameter.kind for parameter in parameters}
    if isinstance(argument, str) and not argument.isdecimal():
        if inspect.Parameter.VAR_KEYWORD not in kinds and argument not in {p.name for p in parameters}:
            raise WrongError(f"takes no argument {argument}")
        return
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if positional and positional[0].name == "self":
        positional = positional[1:]
    if inspect.Parameter.VAR_POSITIONAL not in kinds and int(argument) >= len(positional):
        raise WrongError(f"takes no argument at position {argument}")


class Report:
    """What was found about every name of one file."""

    def __init__(self) -> None:
        self.verified: set[str] = set()
        self.unchecked: dict[str, str] = {}
        self.wrong: dict[str, str] = {}
        self.warnings: list[str] = []

    def check(self, name: str, check: Callable[..., object], *arguments: Any) -> None:
        """Run one check and keep its outcome, the worst one where a name has several."""
        try:
            check(name, *arguments)
        except WrongError as error:
            self.wrong[name] = str(error)
        except UncheckedError as error:
            self.unchecked[name] = str(error)
        except Exception as error:
            self.wrong[name] = f"the check failed: {type(error).__name__}: {error}"
        else:
            self.verified.add(name)

    def check_types(self, owner: str, written: str) -> None:
        """Check every class a type expression of `owner` mentions."""
        try:
            for name in type_names(written):
                if importlib.util.find_spec(name.partition(".")[0]) is None:
                    self.unchecked[name] = "its distribution is not among those of the file"
                else:
                    self.check(name, check_type)
        except WrongError as error:
            self.wrong[owner] = str(error)

    def word(self, group: dict[str, Any], key: str, allowed: set[str]) -> None:
        """Check a key of a group against the words the schema has."""
        if group.get(key) not in allowed:
            first = str(group.get("names", ["?"])[0])
            self.wrong[first] = f"{key} is {group.get(key)!r}, not one of {sorted(allowed)}"

    def as_json(self) -> dict[str, Any]:
        """Return the outcome with every name in one list only."""
        unchecked = {name: why for name, why in self.unchecked.items() if name not in self.wrong}
        verified = self.verified - set(unchecked) - set(self.wrong)
        return {
            "names": sorted(verified),
            "unchecked": unchecked,
            "wrong": self.wrong,
            "warnings": self.warnings,
        }


def check_groups(catalog: dict[str, Any], report: Report) -> None:
    """Check the names of the arrays of tables: blocks, runs, decorators, acts and resources."""
    seen: set[tuple[str, str]] = set()
    for group in catalog.get("blocks", []):
        report.word(group, "kind", KINDS)
        report.word(group, "cost", COSTS)
        for name in group["names"]:
            report.check(name, check_blocks, catalog.get("attributes", {}))
            if (name, "blocks") in seen:
                report.wrong[name] = "is listed twice under [[blocks]]"
            seen.add((name, "blocks"))
            for condition in group.get("unless", []):
                report.check(name, check_argument, condition.partition("=")[0])
        for written in group.get("unless_first", []):
            report.check_types(written, written)
        if "twin" in group:
            check_twin(group["twin"], report)
    for group in catalog.get("runs", []):
        report.word(group, "where", PLACES)
        for name in group["names"]:
            if (name, "runs") in seen:
                report.wrong[name] = "is listed twice under [[runs]]"
            seen.add((name, "runs"))
            for argument in group["callable"]:
                report.check(name, check_argument, argument)
    for group in catalog.get("decorators", []):
        report.word(group, "effect", EFFECTS)
        for name in group["names"]:
            report.check(name, check_callable)
    check_uses(catalog, report)
    check_twins(catalog, report)


def check_twins(catalog: dict[str, Any], report: Report) -> None:
    """Check that what a migration puts in the place of a name exists, with the members that it is said to have."""
    for group in catalog.get("twins", []):
        report.word(group, "how", TWIN_FORMS)
        twins = [twin.strip() for twin in group["twin"].split("|")]
        for name in group["names"]:
            report.check(name, resolve)
        for twin in twins:
            check_twin(twin, report)
        if group["how"] == "client":
            for entry in group.get("awaited", []):
                check_twin(f"{twins[0]}.{entry.rpartition('=')[2]}", report)


def check_uses(catalog: dict[str, Any], report: Report) -> None:
    """Check what calls do and make: the acts and the resources."""
    seen: set[tuple[str, str]] = set()
    for section, key, words, check in (
        ("acts", "act", ACTS, check_act),
        ("resources", "resource", RESOURCES, check_callable),
    ):
        for group in catalog.get(section, []):
            report.word(group, key, words)
            if section == "resources":
                report.word(group, "cost", COSTS)
            # A name may do several things, and makes one.
            said = group.get(key, "") if section == "acts" else section
            for name in group["names"]:
                report.check(name, check)
                if (name, said) in seen:
                    report.wrong[name] = f"is listed twice under [[{section}]]"
                seen.add((name, said))


def check_twin(name: str, report: Report) -> None:
    """Check that the asynchronous counterpart exists, where it is installed."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        report.unchecked[name] = "its distribution is not among those of the file"
    else:
        report.check(name, resolve)


def check_tables(catalog: dict[str, Any], report: Report) -> None:
    """Check the tables that say what things are: returns, attributes, bases and aliases."""
    for name, written in catalog.get("returns", {}).items():
        report.check(name, check_returns, written, report.warnings.append)
        report.check_types(name, written)
    for name, written in catalog.get("attributes", {}).items():
        report.check(name, check_attribute)
        report.check_types(name, written)
    for name, bases in catalog.get("bases", {}).items():
        report.check(name, check_bases, bases)
    for name, canonical in catalog.get("aliases", {}).items():
        report.check(name, check_alias, canonical)


def check_spelling(catalog: dict[str, Any], report: Report) -> None:
    """Check that no name is spelled by an alias of the same file, and that every section is known."""
    for section in set(catalog) - SECTIONS:
        report.wrong[section] = "is no section of a catalog file"
    aliases = set(catalog.get("aliases", {}))
    for name in report.verified | set(report.unchecked):
        if name in aliases:
            continue
        for alias in aliases:
            if name.startswith(alias + "."):
                report.wrong[name] = f"is spelled by the alias {alias}"


def main() -> None:
    """Check the file named first and write what was found to the file named second."""
    warnings.simplefilter("ignore")
    catalog = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    report = Report()
    check_groups(catalog, report)
    check_tables(catalog, report)
    check_spelling(catalog, report)
    Path(sys.argv[2]).write_text(json.dumps(report.as_json()), encoding="utf-8")


if __name__ == "__main__":
    main()
