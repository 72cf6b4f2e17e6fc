"""Reads the pages of the rule book: headings, example programs and the marks on their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

BOOK = Path(__file__).parent.parent / "rules"
EXAMPLE_SECTIONS = ("Flagged", "Allowed")

_TITLE = re.compile(r"(?P<code>FL\d{3}) (?P<name>[a-z0-9-]+)")
_FENCE = re.compile(r'\w+ title="(?P<path>[^"]+)"')
_MARK = re.compile(r"# error(?:: \[(?P<codes>FL\d{3}(?:, FL\d{3})*)\])?\s*$")

Marks = set[tuple[str, int, str]]
"""(path in the program, row, code)"""


@dataclass
class Example:
    """A program that fits on a page: its files by path."""

    page: str
    section: str
    title: str
    row: int
    files: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)
    """What the rule's fix makes of the files that it changes."""
    is_unsafe: bool = False
    """Whether only `--unsafe-fixes` does so."""

    @property
    def id(self) -> str:
        return re.sub(r"[^\w.:]+", "-", f"{self.page}:{self.row} {self.title}")

    def write(self, directory: Path) -> None:
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if path.suffix == ".py" else unmarked(text), encoding="utf-8")

    def write_unmarked(self, directory: Path) -> None:
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(unmarked(text), encoding="utf-8")

    def expected(self, code: str) -> Marks:
        """What the marks say; a bare `# error` means the rule `code`."""
        return {found for path, text in self.files.items() for found in marks(path, text, code)}


@dataclass
class Page:
    """The page of one rule."""

    path: Path
    code: str = ""
    name: str = ""
    summary: str = ""
    sections: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    code_blocks: list[str] = field(default_factory=list)
    """Every Python block, those of the examples included."""

    def examples_in(self, section: str) -> list[Example]:
        return [example for example in self.examples if example.section == section]


def read_pages() -> list[Page]:
    """Every page of the book, in the order of the codes."""
    return [read_page(path) for path in sorted(BOOK.glob("FL*.md"))]


def read_page(path: Path) -> Page:
    page = Page(path)
    in_fixed = False
    for kind, text, row in _elements(path.read_text(encoding="utf-8")):
        if kind == "h1":
            match = _TITLE.fullmatch(text)
            page.code, page.name = (match["code"], match["name"]) if match else ("", text)
        elif kind == "h2":
            in_fixed = False
            page.sections.append(text)
        elif kind == "h3":
            in_fixed = False
            page.examples.append(Example(path.name, page.sections[-1], text, row))
        elif kind == "paragraph" and not page.sections and not page.summary:
            page.summary = text
        elif kind == "h4":
            assert text in ("Fixed", "Fixed (unsafe)"), f"{path.name}:{row}: a heading {text!r}"
            assert page.sections[-1] == "Flagged", f"{path.name}:{row}: only what is flagged can be fixed"
            in_fixed = True
            page.examples[-1].is_unsafe = text.endswith("(unsafe)")
        elif kind and kind not in ("h4", "h5", "h6", "paragraph"):
            if kind.startswith("python"):
                page.code_blocks.append(text)
            if page.sections and page.sections[-1] in EXAMPLE_SECTIONS:
                example = page.examples[-1]
                _add_file(example, example.fixed if in_fixed else example.files, kind, text)
    return page


def read_table(path: Path) -> list[tuple[str, ...]]:
    """The rows of the first table in a file, without its head, links reduced to their text."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return [tuple(re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", cell) for cell in row) for row in rows]


def marks(path: str, text: str, code: str) -> Iterator[tuple[str, int, str]]:
    for row, line in enumerate(text.splitlines(), 1):
        if match := _MARK.search(line):
            for marked in (match["codes"] or code).split(", "):
                yield path, row, marked


def unmarked(text: str) -> str:
    """The text without its marks, for files in which a comment cannot follow something else on a line."""
    return "\n".join(
        _MARK.sub("", line).rstrip() if _MARK.search(line) else line for line in text.split("\n")
    )


def _add_file(example: Example, files: dict[str, str], info: str, text: str) -> None:
    match = _FENCE.fullmatch(info)
    assert match, f"{example.id}: a file of an example needs a title, not ```{info}"
    assert match["path"] not in files, f"{example.id}: two files {match['path']}"
    files[match["path"]] = text


def _elements(text: str) -> Iterator[tuple[str, str, int]]:
    """Headings ("h1", ...), paragraphs and fenced blocks (their info string), with their text and row."""
    tokens = MarkdownIt("commonmark").parse(text)
    for token, inline in zip(tokens, [*tokens[1:], Token("", "", 0)], strict=True):
        row = token.map[0] + 1 if token.map else 0
        if token.type == "heading_open":
            yield token.tag, inline.content, row
        elif token.type == "paragraph_open" and token.level == 0:
            yield "paragraph", inline.content, row
        elif token.type == "fence":
            yield token.info.strip(), token.content, row
