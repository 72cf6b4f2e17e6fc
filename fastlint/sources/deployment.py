"""Files that deploy an application: which names they have, and their text."""

from __future__ import annotations

import stat
from pathlib import Path

from fastlint.cache.inputs import note

MAX_BYTES = 400_000
"""What is larger was not written by hand."""

SUFFIXES = (".yml", ".yaml", ".service", ".conf", ".sh", ".template", ".cfg", ".txt", ".toml", ".dockerfile")
_SCRIPTS = frozenset({"start", "start-reload", "entrypoint", "docker-entrypoint", "prestart"})
_PLAIN = frozenset({"Procfile", "Dockerfile", "Containerfile", "Pipfile", *_SCRIPTS})

DOCKERFILE, PROCFILE, UNIT, COMPOSE, MANIFEST = "dockerfile", "procfile", "unit", "compose", "manifest"
CONF, HAPROXY, SCRIPT, GUNICORN, REQUIREMENTS = "conf", "haproxy", "script", "gunicorn", "requirements"

PLACES = frozenset({
    "build", "compose", "conf", "config", "configs", "deploy", "deployment", "deployments", "devops", "docker",
    ".docker", "etc", "haproxy", "infra", "infrastructure", "k8s", "kubernetes", "manifests", "nginx", "ops",
    "proxy", "requirements", "scripts", "server", "systemd",
})  # fmt: skip
"""Directories beside an application that hold what deploys it."""


def kind_of(name: str) -> str | None:
    """Return what a file of that name may be, or None; what it is, its text tells."""
    if name in _PLAIN:
        if name == "Pipfile":
            return REQUIREMENTS
        return SCRIPT if name in _SCRIPTS else PROCFILE if name == "Procfile" else DOCKERFILE
    lower = name.lower()
    if lower.startswith(("dockerfile", "containerfile")) and not lower.endswith((".dockerignore", ".md")):
        return DOCKERFILE
    if lower.startswith("procfile."):
        return PROCFILE
    if lower.startswith("gunicorn") and lower.endswith(".py"):
        return GUNICORN
    if not lower.endswith(SUFFIXES):
        return None
    if lower.endswith((".yml", ".yaml")):
        return COMPOSE if "compose" in lower or lower.startswith("stack.") else MANIFEST
    if lower.endswith((".txt", ".toml")):
        return REQUIREMENTS if lower == "pyproject.toml" or "requirements" in lower else None
    if lower.endswith(".cfg"):
        return HAPROXY if "haproxy" in lower else None
    if lower.endswith(".conf"):
        return CONF
    if lower.endswith(".template"):
        return CONF if lower.endswith(".conf.template") else None
    return {".service": UNIT, ".sh": SCRIPT, ".dockerfile": DOCKERFILE}[lower[lower.rindex(".") :]]


def read_text(path: Path) -> str | None:
    """Return the text of a file, or None for one that is too large, is no text or has vanished."""
    note(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError):
        return None
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")
