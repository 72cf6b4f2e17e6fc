"""The files that fixes look at and change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from fastlint.diagnostics import Fix
from fastlint.fixes.module import Module
from fastlint.fixes.text import SourceText

MOST_MODULES = 8
"""Files whose syntax is kept: trees are large, and fixes that follow each other look at the same ones."""
LONGEST_MODULES = 500_000
"""Characters of all of them together; a tree takes fifty times the room of its text."""


class Files:
    """Gives the files of a run by the names that diagnostics have for them."""

    def __init__(self, text_of: Callable[[str], str]) -> None:
        self._text_of = text_of
        self._modules: OrderedDict[str, Module] = OrderedDict()

    def python(self, path: str) -> Module:
        """Return a Python file, the same one as long as it is one of those that were asked for last."""
        if path not in self._modules:
            self._modules[path] = Module(path, self._text_of(path))
        self._modules.move_to_end(path)
        while len(self._modules) > 1 and self._are_too_many():
            self._modules.popitem(last=False)
        return self._modules[path]

    def _are_too_many(self) -> bool:
        length = sum(len(module.text) for module in self._modules.values())
        return len(self._modules) > MOST_MODULES or length > LONGEST_MODULES

    def text(self, path: str) -> SourceText:
        """Return a file of another kind."""
        return SourceText(path, self._text_of(path))


FixMaker = Callable[[Files], Fix]
"""Makes the fix of a finding when somebody asks for it; raises `NoFix` with the reason if there is none."""
