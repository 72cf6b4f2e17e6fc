"""How often each rule was broken, instead of where."""

from __future__ import annotations

import json
from collections import Counter

from fastlint.reports.model import Output, Result
from fastlint.reports.words import summary


def write_text(result: Result, output: Output) -> None:
    """Write a line with count, code and name for each rule, the most frequent first."""
    counts = _counts(result)
    digits = max((len(str(count)) for _, _, count in counts), default=0)
    for code, name, count in counts:
        output.stream.write(f"{count:>{digits}}  {code}  {name}\n")
    last = summary(result, output)
    if output.summary and last:
        output.stream.write(last + "\n")


def write_json(result: Result, output: Output) -> None:
    """Write an array of objects with `code`, `name` and `count`."""
    counts = [{"code": code, "name": name, "count": count} for code, name, count in _counts(result)]
    json.dump(counts, output.stream, indent=2)
    output.stream.write("\n")


def _counts(result: Result) -> list[tuple[str, str, int]]:
    counts = Counter((diagnostic.code, diagnostic.name) for diagnostic in result.diagnostics)
    return sorted(((*rule, count) for rule, count in counts.items()), key=lambda row: (-row[2], row[0]))
