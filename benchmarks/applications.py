"""The applications that are looked at: wheels of PyPI, pinned, unpacked, and neither installed nor run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

VERSIONS = {
    "argilla_server": "2.8.0",
    "khoj": "1.42.10",
    "langflow_base": "1.13.0",
    "skypilot": "0.14.1",
    "zenml": "0.98.0",
    "litellm": "1.110.2",
}
"""From the smallest to the largest."""


class Part(NamedTuple):
    """A directory in a distribution."""

    distribution: str
    directory: str = "."

    @property
    def label(self) -> str:
        """What the tables call it."""
        name = f"{self.distribution} {VERSIONS[self.distribution]}"
        return name if self.directory == "." else f"{name}: {self.directory}"


class Size(NamedTuple):
    """How much Python there is."""

    files: int
    lines: int


def requirement(distribution: str) -> str:
    """Return what pip takes for the pinned version of a distribution."""
    return f"{distribution}=={VERSIONS[distribution]}"


def unpack(directory: Path, distribution: str) -> Path:
    """Return the directory, in the given one, with the files of a wheel; it is made unless it exists."""
    sources = directory / requirement(distribution)
    if not sources.exists():
        wheels = directory / f"{requirement(distribution)}-wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12"]
        command += ["--platform", "manylinux_2_28_x86_64", "--platform", "any"]  # the same files everywhere
        subprocess.run([*command, "--dest", str(wheels), requirement(distribution)], check=True)
        for wheel in wheels.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(sources)
    return sources


def size_of(sources: Path) -> Size:
    """Return how many files and lines of Python are in a directory."""
    lines = [path.read_bytes().count(b"\n") for path in sources.rglob("*.py")]
    return Size(len(lines), sum(lines))


@contextmanager
def kept_or_removed(directory: Path | None) -> Iterator[Path]:
    """The directory that was asked for, where things are found again, or one that is removed afterwards."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="fastlint-benchmark-") as scratch:
        yield Path(scratch).resolve()
