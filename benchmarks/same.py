"""Compares what two revisions of fastlint report about the same applications, and prints the differences.

    python benchmarks/same.py BEFORE AFTER PATH... [--select ALL] [--python INTERPRETER]

A revision is whatever git takes for one, or a directory with a fastlint in it: `main .` compares what is
committed with what is being written. The interpreter has what fastlint depends on; the applications are
only read. Exits with 1 if there is a difference.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import MAY_EXIT_WITH

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def tree_of(revision: str) -> Iterator[Path]:
    """A directory with a revision, removed afterwards if it was made for this."""
    if (Path(revision) / "fastlint" / "__main__.py").exists():
        yield Path(revision).resolve()
        return
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory(prefix="fastlint-same-") as scratch:
        tree = Path(scratch) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def report(tree: Path, application: Path, options: argparse.Namespace) -> Counter[str]:
    """Return the diagnostics of a run as lines of JSON, and how often there is each of them.

    Raises:
        SystemExit: the run failed.
    """
    command = [
        options.python,
        "-P",
        "-m",
        "fastlint",
        "check",
        "--no-cache",
        "--isolated",
        "--output-format",
        "json",
    ]
    command += ["--select", options.select] if options.select else []
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    answer = subprocess.run([*command, "."], cwd=application, env=environment, capture_output=True, text=True)
    if answer.returncode not in MAY_EXIT_WITH:
        sys.exit(f"fastlint of {tree} exited with {answer.returncode} in {application}:\n{answer.stderr}")
    found = json.loads(answer.stdout)
    rows = found["diagnostics"] if isinstance(found, dict) else found
    return Counter(json.dumps(row, sort_keys=True) for row in rows)


def differences(before: Counter[str], after: Counter[str]) -> Iterator[str]:
    """Yield a line for what one side lacks, and for what both report in other words."""
    gone, new = (
        [json.loads(row) for row in (a - b).elements()] for a, b in ((before, after), (after, before))
    )
    for row in gone:
        other = next((candidate for candidate in new if place(candidate) == place(row)), None)
        if other is None:
            yield f"- {place(row)} {row['message']}"
            continue
        new.remove(other)
        for key in sorted({*row, *other}):
            if row.get(key) != other.get(key):
                yield f"~ {place(row)} {key}: {json.dumps(row.get(key))} -> {json.dumps(other.get(key))}"
    for row in new:
        yield f"+ {place(row)} {row['message']}"


def place(row: dict[str, object]) -> str:
    """Return where a diagnostic is, and of which rule."""
    location = row["location"]
    assert isinstance(location, dict)
    return f"{row['filename']}:{location['row']}:{location['column']} {row['code']}"


def main() -> int:
    """Read the command line, compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", help="a revision, or a directory with a fastlint")
    parser.add_argument("after", help="the same")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="the directory of an application")
    parser.add_argument(
        "--select", help="rules to compare, as fastlint takes them; else those of the default"
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs both revisions")
    options = parser.parse_args()
    is_same = True
    with tree_of(options.before) as before, tree_of(options.after) as after:
        for path in options.paths:
            reports = [report(tree, path.resolve(), options) for tree in (before, after)]
            found = sorted(differences(*reports))
            is_same = is_same and not found
            totals = [report.total() for report in reports]
            print(f"{path}: {totals[0]} and {totals[1]} diagnostics, {len(found)} differences", flush=True)
            for line in found:
                print(f"  {line}")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
