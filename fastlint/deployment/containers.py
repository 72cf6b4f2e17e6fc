"""Compose files and the manifests of Kubernetes: what their containers start."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace

from fastlint.deployment.commands import started
from fastlint.deployment.dockerfiles import image
from fastlint.deployment.model import OTHER_USE, Facts, Process, Service, TextFile, Variable, words_of
from fastlint.deployment.trees import Node, documents

DATA = frozenset({
    "data", "log", "logs", "upload", "uploads", "media", "static", "storage", "certs", "ssl", "config", "conf", "tmp",
    "cache", "models", "db", "secrets", "backup", "backups", "letsencrypt", "etc", "output", "volumes", "env",
})  # fmt: skip
"""Words in the names of what is mounted that is not the application's code."""
WORKLOADS = frozenset({
    "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "CronJob", "Rollout", "Service",
})  # fmt: skip
DEVELOPMENT = frozenset({"dev", "development", "local", "debug", "test", "testing"})


def read_compose(file: TextFile, facts: Facts) -> None:
    """Add what a compose file says."""
    for document in documents(file.text):
        services = document.get("services")
        for key, service in services.pairs if services is not None else ():
            name = key.text or ""
            environment = dict(_environment(service.get("environment"), file))
            for_development = _is_for_development(name, service, environment, file)
            facts.variables += [
                Variable(v.name, v.value, file, v.row, for_development) for v in environment.values()
            ]
            named = service.get("image")
            if named is not None and named.text:
                facts.images.append(image(named.text, file, named.row))
            facts.services.append(Service(name, file, key.row, _dockerfile(service, file)))
            command, entrypoint = service.get("command"), service.get("entrypoint")
            for process in _started(
                (entrypoint, command), environment, file, name, for_development=for_development
            ):
                facts.processes.append(replace(process, copies=_copies(service.get("deploy", "replicas"))))


def read_manifests(file: TextFile, facts: Facts) -> None:
    """Add what manifests of Kubernetes say; other YAML says nothing."""
    if "apiVersion" not in file.text or "kind" not in file.text:
        if "taskDefinition" in file.text or "containerDefinitions" in file.text:
            facts.manifests.append(file)  # of ECS
        return
    for document in documents(file.text):
        kind = document.get("kind")
        if kind is None or kind.text not in WORKLOADS:
            continue
        facts.manifests.append(file)
        template = document
        for path in (("spec", "jobTemplate"), ("spec", "template")):
            template = template.get(*path) or template
        containers = template.get("spec", "containers")
        for container in containers.items if containers is not None else ():
            environment = dict(_named_variables(container.get("env"), file))
            facts.variables += environment.values()
            named = container.get("image")
            if named is not None and named.text:
                facts.images.append(image(named.text, file, named.row))
            command, arguments = container.get("command"), container.get("args")
            for process in _started(
                (command, arguments), environment, file, "", for_development=file.is_for_development
            ):
                facts.processes.append(replace(process, copies=_copies(document.get("spec", "replicas"))))


def _copies(replicas: Node | None) -> int:
    text = replicas.text if replicas is not None else None
    return int(text) if text and text.isdigit() else 1


def _started(
    parts: tuple[Node | None, ...],
    environment: dict[str, Variable],
    file: TextFile,
    service: str,
    *,
    for_development: bool,
) -> Iterator[Process]:
    """Yield what a command starts, written as a list or as a line."""
    given = [part for part in parts if part is not None and (part.text or part.items)]
    words: list[str] = []
    for part in given:
        words += ["/bin/sh", "-c", part.text] if part.text is not None else part.strings()
    rows = tuple(part.rows for part in reversed(given))
    for command in started(words):
        yield Process(
            command.words, file, rows, environment, for_development, command.is_conditional, service
        )


def _is_for_development(name: str, service: Node, environment: dict[str, Variable], file: TextFile) -> bool:
    """Tell whether a service is for the machine of a developer: by its name, or as it mounts the code."""
    if file.is_for_development or words_of(name) & OTHER_USE or service.get("develop") is not None:
        return True
    profiles = service.get("profiles")
    if profiles is not None and any(words_of(profile) & OTHER_USE for profile in profiles.strings()):
        return True
    target = service.get("build", "target")
    dockerfile = service.get("build", "dockerfile")
    if any(part is not None and words_of(part.text or "") & OTHER_USE for part in (target, dockerfile)):
        return True
    if any(v.value.lower() in DEVELOPMENT and words_of(v.name) & _STAGES for v in environment.values()):
        return True
    volumes = service.get("volumes")
    return any(_mounts_code(volume) for volume in (volumes.items if volumes is not None else ()))


_STAGES = frozenset({"env", "environment", "stage", "mode", "profile"})


def _mounts_code(volume: Node) -> bool:
    if volume.text is not None:
        source, _, rest = volume.text.partition(":")
        target = rest.partition(":")[0]
    else:
        inner = volume.get("source"), volume.get("target")
        source, target = ((part.text or "") if part is not None else "" for part in inner)
    if not source.startswith((".", "$PWD", "${PWD}")):
        return False
    last = source.rstrip("/").rpartition("/")[2].lower()
    is_file = "." in last.strip(".")
    return not is_file and not words_of(last) & DATA and not words_of(target.rpartition("/")[2]) & DATA


def _environment(node: Node | None, file: TextFile) -> Iterator[tuple[str, Variable]]:
    """Yield what `environment` sets, as a mapping or as a list of `NAME=value`."""
    if node is None:
        return
    for key, value in node.pairs:
        if key.text and value.text is not None:
            yield key.text, Variable(key.text, value.text, file, key.row)
    for item in node.items:
        name, sign, text = (item.text or "").partition("=")
        if sign:
            yield name, Variable(name, text, file, item.row)


def _named_variables(node: Node | None, file: TextFile) -> Iterator[tuple[str, Variable]]:
    for item in node.items if node is not None else ():
        name, value = item.get("name"), item.get("value")
        if name is not None and name.text:
            text = value.text if value is not None else None
            row = (value or name).row
            yield name.text, Variable(name.text, text or "", file, row, file.is_for_development)


def _dockerfile(service: Node, file: TextFile) -> str:
    """Return where the Dockerfile of a service is, below the root of the project."""
    build = service.get("build")
    if build is None:
        return ""
    context, named = build.get("context"), build.get("dockerfile")
    directory = build.text or (context.text if context is not None else None) or "."
    name = (named.text if named is not None else None) or "Dockerfile"
    return posixpath.normpath(posixpath.join(file.directory, directory, name))
