"""Checks every name of the catalog against the real libraries, and records what was verified.

    python scripts/verify_catalog.py [FILE.toml ...] [--venv-dir DIR] [--keep]

Each file gets an environment of its own with the distributions it names; the outcome is kept in
tests/data/catalog_verified.json, so that a test can hold the data to it without the libraries.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "fastlint" / "catalog" / "data"
RECORD = ROOT / "tests" / "data" / "catalog_verified.json"
CHECKER = Path(__file__).with_name("catalog_checker.py")
CHECK_SECONDS = 900

VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({
    "python": "%d.%d" % sys.version_info[:2],
    "versions": {name: version(name) for name in sys.argv[1:]},
}))
"""


def prepare_python(distributions: list[str], directory: Path) -> str:
    """Return an interpreter that has the distributions, making the environment where there is none."""
    if not distributions:
        return sys.executable
    python = directory / "bin" / "python"
    stamp = directory / "distributions.json"
    wanted = json.dumps(sorted(distributions))
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *distributions]
    subprocess.run(install, check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)


def installed_versions(python: str, distributions: list[str]) -> dict[str, Any]:
    """Return the version of the interpreter and of each distribution it has."""
    names = [re.split(r"[\[<>=!~; ]", entry, maxsplit=1)[0] for entry in distributions]
    printed = subprocess.run(
        [python, "-I", "-c", VERSIONS, *names], check=True, capture_output=True, text=True
    ).stdout
    versions: dict[str, Any] = json.loads(printed)
    return versions


def check_file(path: Path, venvs: Path) -> dict[str, Any]:
    """Return what the checker found about one file, with the versions it was checked against."""
    distributions = tomllib.loads(path.read_text(encoding="utf-8")).get("distributions", [])
    python = prepare_python(distributions, venvs / path.stem)
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result.json"
        # Importing a library may print, or write to the working directory.
        subprocess.run(
            [python, "-E", "-s", str(CHECKER), str(path.resolve()), str(result)],
            check=True,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
        )
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found | installed_versions(python, distributions)


def print_report(path: Path, found: dict[str, Any]) -> None:
    """Print what was found about one file."""
    print(f"{path.name}: verified {len(found['names'])}, unchecked {len(found['unchecked'])}", end="")
    print(f", wrong {len(found['wrong'])}")
    for line in found["warnings"]:
        print(f"  warning    {line}")
    for name, why in sorted(found["unchecked"].items()):
        print(f"  unchecked  {name}: {why}")
    for name, why in sorted(found["wrong"].items()):
        print(f"  WRONG      {name}: {why}")


def record(results: dict[str, dict[str, Any]]) -> None:
    """Write the outcome of the files into the record, leaving that of other files as it is."""
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    with RECORD.open("a+", encoding="utf-8") as file:
        # Several files may be verified at once, each by a process of its own.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known: dict[str, Any] = json.loads(file.read() or "{}")
        for name, found in results.items():
            known[name] = {key: found[key] for key in ("python", "versions", "names", "unchecked")}
        kept = {name: entry for name, entry in known.items() if (DATA / name).exists()}
        file.truncate(0)
        file.write(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def main() -> int:
    """Verify the files named on the command line, or all of them; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.toml")
    parser.add_argument("--venv-dir", type=Path, help="where environments are kept and found again")
    parser.add_argument("--keep", action="store_true", help="do not remove the environments")
    options = parser.parse_args()
    venvs = options.venv_dir or Path(tempfile.mkdtemp(prefix="fastlint-catalog-"))
    results: dict[str, dict[str, Any]] = {}
    failed = False
    for path in options.files or sorted(DATA.glob("*.toml")):
        try:
            found = check_file(path, venvs)
        except (subprocess.SubprocessError, tomllib.TOMLDecodeError) as error:
            print(f"{path.name}: could not be checked: {error}")
            print(getattr(error, "stderr", None) or "", end="")
            failed = True
            continue
        print_report(path, found)
        failed = failed or bool(found["wrong"])
        if path.resolve().parent == DATA:
            results[path.name] = found
    record(results)
    if options.venv_dir is None and not options.keep:
        shutil.rmtree(venvs)
    elif options.keep:
        print(f"environments kept in {venvs}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
