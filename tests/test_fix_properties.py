"""Whatever a blocking call looks like, its fix compiles and evaluates the same things in the same order."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fastlint.config.settings import Settings
from fastlint.engine.fixing import FixResult, fix

from .random_calls import random_function
from .test_properties import planted


def fixed(root: Path) -> FixResult:
    return fix(Settings(root=root, paths=(root,), cwd=root, cache=False, select=("FL1",), unsafe_fixes=True))


def outcome(text: str, path: Path) -> tuple[Any, Any]:
    """What the route of a program returns or raises, and the order in which everything was evaluated."""
    names: dict[str, Any] = {"__file__": str(path), "__name__": "program"}
    exec(compile(text, str(path), "exec", dont_inherit=True), names)
    names["LOG"].clear()
    try:
        result = names["route"]()
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
    except Exception as error:
        result = repr(error)
    return result if isinstance(result, int | str | list | tuple | dict) else None, names["LOG"]


@given(st.integers(0, 2**32))
def test_fix_keeps_values_and_order(seed: int) -> None:
    text = random_function(seed)
    with planted({"main.py": text}) as root:
        result = fixed(root)
        after = result.after.get("main.py", text)

        assert outcome(after, root / "main.py") == outcome(text, root / "main.py")
        result.write()
        assert not fixed(root).after
