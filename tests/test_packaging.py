"""The distributions: what is in them, and that a wheel works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from fastlint import __version__

ROOT = Path(__file__).resolve().parent.parent


def build(target: str, source: Path, directory: Path) -> Path:
    """Build a wheel or an sdist of the project in `source`."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(directory)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [built] = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to import the package from, as it would be in `site-packages`."""
    directory = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(directory)
    return directory


def contents(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def files(*patterns: str) -> set[str]:
    """Paths in the checkout, relative to it."""
    return {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}


def test_the_wheel_holds_the_package_its_data_and_the_rule_book(wheel: Path) -> None:
    package = files("fastlint/**/*.py", "fastlint/catalog/data/*.toml", "fastlint/py.typed")
    pages = {f"fastlint/_{path}" for path in files("rules/*.md")}
    extra = {name for name in contents(wheel) if ".dist-info/" not in name}

    assert extra == package | pages


def test_the_metadata(wheel: Path) -> None:
    folder = f"fastlint-{__version__}.dist-info"
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(f"{folder}/METADATA").decode()

    assert f"\nVersion: {__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert archive.read(f"{folder}/entry_points.txt").decode() == (
        "[console_scripts]\nfastlint = fastlint.__main__:main\n"
    )


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Pythons before 3.11.4 have none
        archive.extractall(tmp_path)
    source = tmp_path / f"fastlint-{__version__}"

    assert contents(build("wheel", source, tmp_path / "wheel")) == contents(wheel)
    for name in ("README.md", "CHANGELOG.md", "LICENSE", "tests", "examples", "docs"):
        assert (source / name).exists()


@pytest.mark.parametrize(
    ("arguments", "code", "printed"),
    [
        (["--version"], 0, f"fastlint {__version__}"),
        (["rule", "FL101"], 0, (ROOT / "rules/FL101-blocking-sleep.md").read_text(encoding="utf-8")),
        (["check", "--isolated", "--output-format", "concise"], 1, "main.py:9:27: FL101 "),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_the_wheel_works_without_the_checkout(
    installed: Path, tmp_path: Path, arguments: list[str], code: int, printed: str
) -> None:
    (tmp_path / "main.py").write_text(
        "import time\n\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
        '@app.get("/")\nasync def root() -> None: time.sleep(1)\n',
        encoding="utf-8",
    )
    program = (
        "import sys, fastlint, fastlint.__main__ as entry\n"
        f"assert fastlint.__file__.startswith({str(installed)!r}), fastlint.__file__\n"
        "entry.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )

    assert (run.returncode, run.stderr) == (code, "")
    assert printed in run.stdout
