"""The documentation is true: its programs are linted, its tables complete, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from fastlint.catalog.model import ACTS, COSTS, DECORATOR_EFFECTS, KINDS, PLACES, RESOURCES
from fastlint.config.load import load_settings
from fastlint.config.settings import OUTPUT_FORMATS, Settings
from fastlint.engine.run import check
from fastlint.rules.registry import RULES

from .rule_pages import marks

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path for pattern in ("*.md", "*/*.md") for path in ROOT.glob(pattern) if not path.match(".*/*")
)
TITLE = re.compile(r'\w+ title="(?P<path>[^"]+)"')
LINK = re.compile(r"\[[^]]*\]\((?P<target>[^)#\s]+)[^)]*\)")


def programs(page: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The heading and the files of each program on a page."""
    heading, files = "", dict[str, str]()
    tokens = MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            if files:
                yield heading, files
            heading, files = tokens[number + 1].content, {}
        elif token.type == "fence" and (match := TITLE.fullmatch(token.info)):
            files[match["path"]] = token.content
    if files:
        yield heading, files


PROGRAMS = list(programs(ROOT / "docs" / "catalog.md"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("files", [files for _, files in PROGRAMS], ids=[heading for heading, _ in PROGRAMS])
def test_programs_about_the_catalog(files: dict[str, str], tmp_path: Path) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    expected = {found for name, content in files.items() for found in marks(name, content, "")}

    found = check(load_settings([tmp_path], cwd=tmp_path)).diagnostics

    assert {
        (diagnostic.filename, diagnostic.location.row, diagnostic.code) for diagnostic in found
    } == expected


def test_the_readme_shows_what_is_printed() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "update_docs.py"), "--check"]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


def test_every_key_of_the_configuration_is_described() -> None:
    keys = re.findall(r"^\| `([a-z-]+)` \|", text("docs/configuration.md"), re.MULTILINE)
    of_a_run = {"root", "paths", "cwd", "command_line", "cache", "config_file"}
    settings = {field.name.replace("_", "-") for field in fields(Settings) if field.name not in of_a_run}

    assert set(keys) == settings


def test_every_word_of_the_catalog_is_described() -> None:
    page = text("docs/catalog.md")
    kinds = re.findall(r"^\| `(\w+)` \| [^|]+ \| FL", page, re.MULTILINE)

    assert sorted(kinds) == sorted(KINDS)
    words = (*COSTS, *PLACES, *DECORATOR_EFFECTS, *ACTS, *RESOURCES)
    assert [word for word in words if f'`"{word}"`' not in page] == []


def test_every_format_is_described() -> None:
    headings = re.findall(r"^## (\w+)$", text("docs/output-formats.md"), re.MULTILINE)
    assert headings == list(OUTPUT_FORMATS)


def test_rules_that_kinds_lead_to_exist() -> None:
    codes = {rule.code: rule for rule in RULES}
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (FL[^|]+) \|", text("docs/catalog.md"), re.MULTILINE)
    assert all(kind in codes[code].kinds for kind, listed in rows for code in listed.split(", "))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []
