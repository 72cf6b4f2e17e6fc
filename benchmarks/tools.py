"""The tools that are timed: fastlint and its peers, how they are installed and called, and where their caches are.

All of them use as many processors as there are.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAKE8 = ("flake8==7.5.0", "flake8-async==26.8.1")


@dataclass(frozen=True, slots=True)
class Tool:
    """A linter. `{python}` in its arguments stands for the interpreter of its environment."""

    name: str
    packages: tuple[str, ...]
    program: str
    arguments: tuple[str, ...]
    cache: str | None = None
    """The directory, in the one where it runs, that holds its cache; None for a tool that has none."""


TOOLS = (
    Tool("fastlint", (str(ROOT),), "fastlint", ("check", "--isolated", "."), ".fastlint_cache"),
    Tool("hydroid", ("hydroid-cli==0.5.0",), "hydroid", (".", "--python", "{python}"), ".hydroid_cache"),
    Tool(
        "ruff",
        ("ruff==0.17.6",),
        "ruff",
        ("check", "--isolated", "--select", "ASYNC,FAST", "."),
        ".ruff_cache",
    ),
    Tool("flake8-async", FLAKE8, "flake8", ("--isolated", "--select=ASYNC", "--disable=ASYNC9", ".")),
    Tool("ty-async", ("ty-async==0.4.0",), "ty-async", ("--async200-stdlib", "--async200-transitive", ".")),
)
WITHOUT_CACHE = "--no-cache"
"""The option of each tool that has a cache."""


def beside_dependencies(requirement: str) -> Tool:
    """Return hydroid in an environment that has the application and with it what it depends on."""
    hydroid = next(tool for tool in TOOLS if tool.name == "hydroid")
    packages = (*hydroid.packages, requirement)
    return replace(hydroid, name="hydroid, with dependencies", packages=packages)


def install(tool: Tool, directory: Path) -> Path:
    """Return the interpreter of an environment for a tool, in a directory for such environments."""
    environment = directory / "-".join([tool.program, *tool.packages[1:]])
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        # The pip of a new environment is that of the Python, which can take an hour over long requirements.
        subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, *tool.packages], check=True)
    return python


def command_of(tool: Tool, python: Path) -> list[str]:
    """Return what runs a tool that is installed beside an interpreter."""
    arguments = (argument.format(python=python) for argument in tool.arguments)
    return [str(python.with_name(tool.program)), *arguments]


def describe(pythons: Mapping[Tool, Path]) -> str:
    """Return the versions of installed tools."""
    versions = []
    for tool, python in pythons.items():
        if tool.packages == (str(ROOT),):
            program = [str(python.with_name(tool.program)), "--version"]
            versions.append(subprocess.check_output(program, text=True).strip())
        else:
            versions += [package.replace("==", " ") for package in tool.packages]
    return ", ".join(versions)
