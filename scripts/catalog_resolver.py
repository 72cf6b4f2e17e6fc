"""Finds the object of a dotted name among the installed libraries, or the reason why there is none."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
from typing import Any

# Functions in Python 3.11 and 3.12, classes from 3.13 on; an instance shows the methods in all of them.
FACTORIES = {"threading.Lock", "threading.RLock"}
# Names of the standard library that the oldest supported Python does not have yet.
NEWER = {
    "pathlib.Path.copy": (3, 14),
    "pathlib.Path.copy_into": (3, 14),
    "pathlib.Path.move": (3, 14),
    "pathlib.Path.move_into": (3, 14),
    "pathlib.Path.walk": (3, 12),
    "typing.override": (3, 12),
    "warnings.deprecated": (3, 13),
}


class WrongError(Exception):
    """The catalog says something that the installed library does not."""


class UncheckedError(Exception):
    """Nothing short of using the library can tell whether the catalog is right."""


def import_module(name: str) -> types.ModuleType | None:
    """Return the module, or None where there is no module of that name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (error.name == name or name.startswith(error.name + ".")):
            return None
        if error.name is None or "is not a package" in str(error):
            return None
        raise UncheckedError(f"importing {name} needs {error.name}, which is not installed") from error
    except BaseException as error:
        raise UncheckedError(f"importing {name} failed: {type(error).__name__}: {error}") from error


def resolve(name: str) -> Any:
    """Return the object of a dotted name, or raise why there is none."""
    since = NEWER.get(name, (3, 0))
    if sys.version_info < since:
        raise UncheckedError(f"new in Python {since[0]}.{since[1]}")
    parts = name.split(".")
    found: Any = import_module(parts[0])
    if found is None:
        raise WrongError(f"no module {parts[0]}")
    for index, part in enumerate(parts[1:], start=1):
        owner = ".".join(parts[:index])
        following = member(found, part, owner)
        if following is MISSING and isinstance(found, types.ModuleType):
            following = import_module(f"{owner}.{part}") or MISSING
        if following is MISSING:
            shadowed = sys.modules.get(owner)
            following = getattr(shadowed, part, MISSING) if shadowed else MISSING
        if following is MISSING:
            raise explain_missing(found, owner, part)
        found = following
    return found


MISSING = object()


def member(owner: Any, name: str, owner_name: str) -> Any:
    """Return what an attribute of a module or class is, seen from the class where there is one."""
    if owner_name in FACTORIES and not inspect.isclass(owner):
        owner = type(owner())
    if inspect.isclass(owner) and name.startswith("__") and name.endswith("__"):
        # getattr() would also find what the metaclass has: every class is callable.
        if not any(name in vars(base) for base in owner.__mro__ if base is not object):
            return MISSING
        return inspect.getattr_static(owner, name)
    try:
        return getattr(owner, name, MISSING)
    except Exception as error:
        raise UncheckedError(f"reading it failed: {type(error).__name__}: {error}") from error


def explain_missing(owner: Any, owner_name: str, name: str) -> Exception:
    """Tell a typo from a name that only instances have."""
    if inspect.isclass(owner):
        if shows_instance_attribute(owner, name):
            return UncheckedError("set on the instance, as the source of the class shows")
        if any("__getattr__" in vars(base) for base in owner.__mro__):
            return UncheckedError("dynamic: the class defines __getattr__")
        return WrongError(f"{owner_name} has no attribute {name}")
    if callable(owner):
        return WrongError(f"{owner_name} is a function: its result's methods belong to the class it returns")
    return WrongError(f"{owner_name} has no {name}")


def shows_instance_attribute(owner: type, name: str) -> bool:
    """Whether an annotation or an assignment in the source of the class or a base makes the attribute."""
    for base in owner.__mro__:
        if name in getattr(base, "__annotations__", {}) or name in getattr(base, "model_fields", {}):
            return True
        try:
            source = inspect.getsource(base)
        except (OSError, TypeError):
            continue
        if re.search(rf"\bself\.{re.escape(name)}\b", source):
            return True
    return False
