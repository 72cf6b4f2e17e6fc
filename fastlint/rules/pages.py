"""The rule book: one Markdown page per rule, found without loading any rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_FILE_NAME = re.compile(r"(?P<code>FL\d{3})-(?P<name>[a-z0-9-]+)\.md")


@dataclass(frozen=True, slots=True)
class Page:
    """The page of one rule."""

    code: str
    name: str
    path: Path

    def read(self) -> str:
        """The Markdown text."""
        return self.path.read_text(encoding="utf-8")


def book() -> Path:
    """The directory of the pages: in the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "_rules"
    return installed if installed.is_dir() else _PACKAGE.parent / "rules"


def all_pages() -> tuple[Page, ...]:
    """Every page, in the order of the codes."""
    matches = ((path, _FILE_NAME.fullmatch(path.name)) for path in book().glob("FL*.md"))
    pages = [Page(match["code"], match["name"], path) for path, match in matches if match]
    return tuple(sorted(pages, key=lambda page: page.code))


def find_page(rule: str) -> Page | None:
    """The page of the rule with this code or name, in upper or lower case."""
    word = rule.casefold()
    return next((page for page in all_pages() if word in (page.code.casefold(), page.name)), None)
