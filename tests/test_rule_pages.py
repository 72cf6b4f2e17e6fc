"""The rule book is true: every example on a page is linted, and pages and rules belong together."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from fastlint.rules.registry import RULES, SAFE, SOMETIMES, UNSAFE

from .linting import lint, repair
from .rule_pages import BOOK, EXAMPLE_SECTIONS, Example, Page, read_pages, read_table

PAGES = read_pages()
EXAMPLES = [(page, example) for page in PAGES for example in page.examples]
ABOUT_CODE = [page for page in PAGES if not page.code.startswith("FL9")]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.stem)


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=[example.id for _, example in EXAMPLES])
def test_example(page: Page, example: Example, tmp_path: Path) -> None:
    example.write(tmp_path)
    off = tuple(rule.code for rule in RULES if rule.code == page.code and not rule.default)

    assert lint(tmp_path, off) == example.expected(page.code)


FIXED = [(page, example) for page, example in EXAMPLES if example.fixed]


@pytest.mark.parametrize(("page", "example"), FIXED, ids=[example.id for _, example in FIXED])
def test_fix(page: Page, example: Example, tmp_path: Path) -> None:
    example.write_unmarked(tmp_path)
    before = repair(tmp_path, page.code, unsafe=False)
    if example.is_unsafe:
        assert before.after != example.fixed, "the page says that the fix is unsafe"
    result = repair(tmp_path, page.code, unsafe=example.is_unsafe)

    assert result.after == example.fixed
    assert {found.code for found in result.fixed} == {page.code}
    found_before = Counter(code for *_, code in example.expected(page.code))
    found_after = Counter(found.code for found in result.remaining.diagnostics)
    assert not found_after[page.code]
    assert found_after <= found_before, "the fix brought something new"
    result.write()
    assert not result.refused
    assert not repair(tmp_path, page.code, unsafe=True).after


def test_rules_say_whether_they_have_fixes() -> None:
    allowed = {None: set(), SAFE: {SAFE}, UNSAFE: {UNSAFE}, SOMETIMES: {SAFE, UNSAFE}}
    stated = {rule.code: rule.fix for rule in RULES}
    for page in PAGES:
        shown = {UNSAFE if example.is_unsafe else SAFE for example in page.examples if example.fixed}

        assert shown <= allowed[stated[page.code]], page.code
        assert bool(shown) == bool(stated[page.code]), page.code


@pytest.mark.parametrize("page", ABOUT_CODE, ids=lambda page: page.code)
def test_page_shows_both_sides(page: Page) -> None:
    flagged, allowed = (page.examples_in(section) for section in EXAMPLE_SECTIONS)

    assert len(flagged) >= 3
    assert len(allowed) >= 3
    assert all(example.expected(page.code) for example in flagged)
    assert not any(code == page.code for example in allowed for *_, code in example.expected(page.code))
    assert any(len(example.files) > 1 for example in flagged)
    assert page.sections == [
        "Why it is slow",
        "Flagged",
        "Allowed",
        "What to write instead",
        "When to ignore it",
        "References",
    ]


@each_page
def test_python_parses(page: Page) -> None:
    for block in page.code_blocks:
        ast.parse(block)


@each_page
def test_page_is_named_after_its_title(page: Page) -> None:
    assert page.path.stem == f"{page.code}-{page.name}"
    assert page.summary.endswith(".")
    assert "\n" not in page.summary


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert [(page.code, page.name) for page in PAGES] == sorted((rule.code, rule.name) for rule in RULES)


def test_table_equals_the_registry() -> None:
    table = [row[:4] for row in read_table(BOOK / "README.md")]
    rules = sorted(
        (rule.code, rule.name, str(rule.severity), "on" if rule.default else "off") for rule in RULES
    )

    assert table == rules


def test_table_repeats_the_summaries() -> None:
    assert [row[4] for row in read_table(BOOK / "README.md")] == [page.summary for page in PAGES]
