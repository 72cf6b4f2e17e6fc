"""From the files that deploy a project to facts; each file is read when a rule first asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from fastlint.deployment.model import OTHER_USE, PRODUCTION, Facts, Process, TextFile, words_of
from fastlint.sources import deployment as kinds
from fastlint.sources.discovery import SourceFile

MOST_FILES = 3000
NGINX, SUPERVISOR = ("proxy_pass", "upstream"), "[program:"


class Deployment:
    """What deploys the project. Files that cannot be read or understood say nothing."""

    def __init__(
        self,
        files: Sequence[SourceFile] = (),
        root: Path | None = None,
        text_of: Callable[[Path], str | None] = kinds.read_text,
    ) -> None:
        self._files = files[:MOST_FILES]
        self._root = root
        self._text_of = text_of

    @cached_property
    def facts(self) -> Facts:
        """What the files say."""
        found = Facts()
        if not self._files:
            return found
        texts: dict[str, list[tuple[TextFile, Path]]] = {}
        for file in self._files:
            kind = kinds.kind_of(file.path.name)
            text = self._text_of(file.path) if kind is not None and _is_worth_reading(file.path) else None
            if kind is not None and text is not None:
                inner = file.path.as_posix()
                if self._root is not None and file.path.is_relative_to(self._root):
                    inner = file.path.relative_to(self._root).as_posix()
                known = TextFile(file.display, inner, text, tuple(text.split("\n")))
                texts.setdefault(kind, []).append((known, file.path))
        _read_all(texts, found)
        _follow_scripts(found, [file for file, _ in texts.get(kinds.SCRIPT, ())])
        found.processes = _without_rivals(found.processes)
        return found


def _is_worth_reading(path: Path) -> bool:
    return ".github" not in path.parts and not path.name.endswith(("-lock.yaml", "lock.yml"))


def _read_all(texts: dict[str, list[tuple[TextFile, Path]]], found: Facts) -> None:
    from fastlint.deployment import containers, dockerfiles, proxies, units

    for file, _ in texts.get(kinds.DOCKERFILE, ()):
        dockerfiles.read(file, found)
    for file, _ in texts.get(kinds.COMPOSE, ()):
        containers.read_compose(file, found)
    for file, _ in texts.get(kinds.MANIFEST, ()):
        containers.read_manifests(file, found)
    for file, _ in texts.get(kinds.PROCFILE, ()):
        units.read_procfile(file, found)
    for file, _ in texts.get(kinds.UNIT, ()):
        units.read_unit(file, found)
    for file, _ in texts.get(kinds.GUNICORN, ()):
        units.read_gunicorn(file, found)
    for file, _ in texts.get(kinds.HAPROXY, ()):
        proxies.read_haproxy(file, found)
    found.requirements += texts.get(kinds.REQUIREMENTS, ())
    confs = texts.get(kinds.CONF, ())
    for file, _ in confs:
        if SUPERVISOR in file.text:
            units.read_supervisor(file, found)
    if any(word in file.text for file, _ in confs for word in NGINX):
        parsed = {file.name: proxies.parse_nginx(file) for file, _ in confs if SUPERVISOR not in file.text}
        for file, _ in confs:
            if any(word in file.text for word in NGINX):
                proxies.read_nginx(file, found, {k: v for k, v in parsed.items() if k != file.name})


def _follow_scripts(found: Facts, scripts: list[TextFile]) -> None:
    """Put in the place of scripts that processes run what these start."""
    from fastlint.deployment import units

    by_name: dict[str, list[TextFile]] = {}
    for file in scripts:
        by_name.setdefault(file.name, []).append(file)
    pending, done = list(found.processes), []
    followed: set[tuple[str, bool]] = set()
    while pending:
        process = pending.pop(0)
        if process.program != "script":
            done.append(process)
            continue
        script = _nearest(process, by_name.get(process.words[1].rpartition("/")[2], []))
        if script is not None and (script.inner, process.for_development) not in followed:
            followed.add((script.inner, process.for_development))
            pending += units.read_script(script, process, found)
    found.processes = done


def _nearest(process: Process, candidates: list[TextFile]) -> TextFile | None:
    """Return the script that a process means: the only one of the name, or that closest to it."""

    def shared(file: TextFile) -> int:
        pairs = zip(file.inner.split("/"), process.file.inner.split("/"), strict=False)
        return sum(1 for a, b in pairs if a == b)

    ranked = sorted(candidates, key=shared, reverse=True)
    if len(ranked) > 1 and shared(ranked[0]) == shared(ranked[1]):
        return None
    return ranked[0] if ranked else None


def _without_rivals(processes: Iterable[Process]) -> list[Process]:
    """Mark processes for development where a file beside theirs says that it is the one for production.

    What a script starts in the same way for development and for production counts once, for production.
    """
    listed = list(processes)
    served = {(_family(p.file), p.file.directory) for p in listed if words_of(p.file.inner) & PRODUCTION}
    marked = [
        replace(p, for_development=True)
        if (_family(p.file), p.file.directory) in served and not words_of(p.file.inner) & PRODUCTION
        else p
        for p in listed
    ]
    serving = {(p.file.inner, p.rows, p.words) for p in marked if not p.for_development}
    return [p for p in marked if not (p.for_development and (p.file.inner, p.rows, p.words) in serving)]


def _family(file: TextFile) -> str:
    """Return the name of a file without the words for what it is used."""
    return " ".join(sorted(words_of(file.name) - OTHER_USE - PRODUCTION))
