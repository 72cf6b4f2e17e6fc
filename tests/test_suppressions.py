"""Comments that silence diagnostics."""

from __future__ import annotations

import pytest

from fastlint.engine.suppressions import Suppressions


def silenced(
    text: str, row: int, end: int | None = None, code: str = "FL101", name: str = "blocking-sleep"
) -> bool:
    return Suppressions.parse(text).covers(row, end or row, code, name)


@pytest.mark.parametrize(
    "comment",
    [
        "# fastlint: ignore[FL101]",
        "# fastlint: ignore[FL101] start-up only",
        "#fastlint:ignore[FL101]",
        "# fastlint: ignore[blocking-sleep]",
        "# fastlint: ignore[FL102, FL101]",
        "# fastlint: ignore[fl101]",
        "# type: ignore  # fastlint: ignore[FL101]",
        "# fastlint: ignore[FL102] one  # fastlint: ignore[FL101] two",
        "# noqa",
        "# NOQA",
        "#noqa",
        "# noqa FL101",
        "# noqa: FL101",
        "# noqa:FL101",
        "# noqa : FL101",
        "# noqa: E501,FL101",
        "# noqa: E501 FL101 the reason",
        "# noqa: blocking-sleep",
    ],
)
def test_comments_on_the_line(comment: str) -> None:
    assert silenced(f"import time\ntime.sleep(1)  {comment}\n", 2)


@pytest.mark.parametrize(
    "comment",
    [
        "# fastlint: ignore",
        "# fastlint: ignore[]",
        "# fastlint: ignore[FL102]",
        "# fastlint: ignore[FL1]",
        "# noqa: E501",
        "# noqa: E501 but not FL101",
        "# noqa: because",
        "# noqa-me",
        "# nothing",
    ],
)
def test_comments_that_do_not_silence(comment: str) -> None:
    assert not silenced(f"import time\ntime.sleep(1)  {comment}\n", 2)


def test_only_the_line_itself() -> None:
    text = "a()\nb()  # fastlint: ignore[FL101]\nc()\n"
    assert [silenced(text, row) for row in (1, 2, 3)] == [False, True, False]


def test_any_line_of_the_statement() -> None:
    text = "a(\n    1,\n)  # fastlint: ignore[FL101]\n"
    assert silenced(text, 1, 3)
    assert not silenced(text, 1, 2)


def test_a_line_of_its_own_above() -> None:
    assert silenced("# fastlint: ignore[FL101]\na()\n", 2)
    assert silenced("def f():\n    # fastlint: ignore[FL101] why\n    # and more about it\n    a()\n", 4)
    assert not silenced("# fastlint: ignore[FL101]\n\na()\n", 3)
    assert not silenced("b()  # fastlint: ignore[FL101]\na()\n", 2)


def test_noqa_counts_on_its_line_only() -> None:
    assert not silenced("# noqa: FL101\na()\n", 2)


def test_whole_files() -> None:
    text = "a()\n\n\nb()\n# fastlint: ignore-file[FL101]\n"
    assert silenced(text, 1)
    assert silenced(text, 4)
    assert not silenced(text, 1, code="FL102", name="blocking-http-call")


def test_strings_are_not_comments() -> None:
    text = 'a("# noqa")\nb("""\n# fastlint: ignore-file[FL101]\n""")\n'
    assert not silenced(text, 1)


@pytest.mark.parametrize(
    "text",
    [
        "def (:\n    $ ?\ntime.sleep(1)  # noqa: FL101\n",
        "x = '''\n\ntime.sleep(1)  # noqa: FL101\n",
        "    if x:\n  y\ntime.sleep(1)  # noqa: FL101\n",
        "x = (\n\ntime.sleep(1)  # fastlint: ignore[FL101]\n",
    ],
)
def test_files_that_do_not_parse(text: str) -> None:
    assert silenced(text, 3)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end(end: str) -> None:
    text = end.join(["import time", "", "time.sleep(1)  # noqa", ""])
    assert [silenced(text, row) for row in (1, 2, 3)] == [False, False, True]
