"""Writes what is made from the project: the example of a diagnostic in the README, the tables of rules.

    python scripts/update_docs.py [--check]

With --check nothing is written, and the exit code is 1 if something would be.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from fastlint.rules.registry import RULES

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BOOK = ROOT / "rules" / "README.md"
SHOWN = "FL102"
"""The rule whose diagnostic opens the README."""
WIDTH = "116"
MEASURED = re.compile(
    r"(First measurement|Measured with `[^`]+`|Proven by serving|Served)( with FastAPI [\d.]+)?:? ?"
)
"""How a paragraph of a page begins that has figures, or says what was seen."""


def example() -> str:
    """Return the diagnostic of the rule `SHOWN` about the example application, as it is printed."""
    environment = {**os.environ, "COLUMNS": WIDTH, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "fastlint", "check", "examples/shop", "--isolated", "--select", SHOWN]
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout
    diagnostic, _, _ = printed.partition("\n\n")
    return f"```text\n{diagnostic}\n```"


def rules() -> str:
    """Return the table of all rules."""
    lines = ["| code | name | severity | finds |", "|---|---|---|---|"]
    for rule in RULES:
        level = str(rule.severity) if rule.default else f"{rule.severity}, off by default"
        page = f"rules/{rule.code}-{rule.name}.md"
        lines.append(f"| [{rule.code}]({page}) | {rule.name} | {level} | {rule.summary} |")
    return "\n".join(lines)


def book() -> str:
    """Return the table of the rule book: the registry, and of each page the summary and the first figure."""
    head = ("code", "name", "severity", "default", "what it finds", "fix", "what was measured")
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for rule in sorted(RULES, key=lambda rule: rule.code):
        page = f"{rule.code}-{rule.name}.md"
        path = BOOK.parent / page
        text = path.read_text(encoding="utf-8") if path.is_file() else "\n\n"
        default = "on" if rule.default else "off"
        cells = (
            f"[{rule.code}]({page})", rule.name, str(rule.severity), default, text.split("\n")[2],
            rule.fix or "none", figure(text),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def figure(page: str) -> str:
    """Return the first sentence in which a page says what was measured, without its introduction."""
    why, _, _ = page.partition("## Flagged")
    for paragraph in why.split("\n\n"):
        text = " ".join(paragraph.split())
        match = MEASURED.match(text)
        if match is not None:
            sentence = re.split(r"(?<=\.) (?=[A-Z`])", text[match.end() :])[0]
            sentence = re.sub(r"^\(([^()]*(?:\([^()]*\)[^()]*)*)\):", r"\1:", sentence).removeprefix(", ")
            return sentence[0].upper() + sentence[1:]
    return "nothing of its own"


def replace(text: str, name: str, body: str) -> str:
    """Return the text with another body between the comments `name` and `/name`."""
    pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    replaced, count = pattern.subn(lambda match: f"{match[1]}{body}\n{match[2]}", text)
    if count != 1:
        raise SystemExit(f"{count} parts are named {name}, not one")
    return replaced


def main() -> int:
    """Bring the README up to date, or tell whether it is; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    stale = False
    for path, parts in (
        (README, {"example": example(), "rules": rules()}),
        (BOOK, {"rules": book()}),
    ):
        text = updated = path.read_text(encoding="utf-8")
        for name, body in parts.items():
            updated = replace(updated, name, body)
        stale |= updated != text
        if not options.check:
            path.write_text(updated, encoding="utf-8", newline="\n")
    if stale and options.check:
        print("The tables are out of date; run: python scripts/update_docs.py", file=sys.stderr)
    return int(stale and options.check)


if __name__ == "__main__":
    raise SystemExit(main())
