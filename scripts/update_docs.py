"""Writes the parts of the README that are made from the project: the example of a diagnostic, the rules.

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
SHOWN = "FL102"
"""The rule whose diagnostic opens the README."""
WIDTH = "116"


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


def replace(text: str, name: str, body: str) -> str:
    """Return the text with another body between the comments `name` and `/name`."""
    pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    replaced, count = pattern.subn(lambda match: f"{match[1]}{body}\n{match[2]}", text)
    if count != 1:
        raise SystemExit(f"{README.name} has {count} parts named {name}, not one")
    return replaced


def main() -> int:
    """Bring the README up to date, or tell whether it is; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    updated = replace(replace(text, "example", example()), "rules", rules())
    if options.check:
        if updated != text:
            print("README.md is out of date; run: python scripts/update_docs.py", file=sys.stderr)
        return int(updated != text)
    README.write_text(updated, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
