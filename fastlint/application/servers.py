"""How the application is served: the calls of `uvicorn.run`, and the processes that deployment starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fastlint.application.routes import is_router
from fastlint.deployment.model import (
    SERVERS,
    Facts,
    GunicornSettings,
    Process,
    ProxyPass,
    TextFile,
    words_of,
)
from fastlint.facts.model import Expr, FunctionFacts, Span
from fastlint.facts.structure import blocks_around, called_name, mentions, walk
from fastlint.project.bindings import call_argument, final_bindings
from fastlint.project.program import Frame, Function, Module
from fastlint.project.values import Instance, LibraryName, Text, Values

if TYPE_CHECKING:
    from fastlint.application.contexts import Application
    from fastlint.sources.requirements import Listed

STARTING = ("uvicorn.run", "uvicorn.main.run", "uvicorn.Config", "uvicorn.config.Config")
OF_THE_APPLICATION = frozenset({"api", "backend", "fastapi", "uvicorn", "gunicorn", "asgi", "wsgi"})
OF_OTHERS = frozenset(
    {"frontend", "ui", "client", "web", "www", "minio", "grafana", "flower", "adminer", "pgadmin"}
)
BRINGING = ("httptools", "fastapi-cli", "fastapi-cloud-cli", "chromadb", "nicegui", "sanic", "feast")
"""Distributions that are or require the fast parser of HTTP."""
EXTRAS = frozenset({"standard", "all", "standard-no-fastapi-cloud-cli"})
LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "host.docker.internal"})


@dataclass(frozen=True, slots=True)
class ServerCall:
    """A call of `uvicorn.run` or `uvicorn.Config`."""

    frame: Frame
    call: Expr
    span: Span
    is_main: bool
    """Whether it stands below `if __name__ == "__main__"`, or in a function that is called there."""
    is_conditional: bool
    processes: tuple[Process, ...]
    """The processes of the deployment that run its file."""

    def argument(self, name: str) -> object:
        """Return the constant that an argument is; None for another one, and for none."""
        given = call_argument(self.call, 0 if name == "app" else None, name)
        return None if given is None else constant(given, self.frame)

    def has(self, name: str) -> bool:
        """Tell whether an argument is given, or may be among `**options`."""
        return call_argument(self.call, None, name) is not None or any(key is None for key, _ in self.call[3])


def constant(expr: Expr, frame: Frame) -> object:
    """Return the constant that an expression is, directly or by the name of a variable; else None."""
    if expr[0] == "const":
        return expr[1]
    if expr[0] == "name":
        for scope in (frame.function, frame.function.module.functions[0]):
            bindings = scope.facts.bindings.get(expr[1])
            if bindings is not None:
                values = final_bindings(bindings)
                return values[0][1] if len(values) == 1 and values[0][0] == "const" else None
    return None


class Servers:
    """Answers how the application is started, and which proxies lead to it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    @property
    def facts(self) -> Facts:
        """What the files say that deploy the project."""
        return self.application.deployment.facts

    @cached_property
    def serves(self) -> bool:
        """Whether the program has routes, other than in tests, examples and scripts."""
        modules = (route.frame.function.module for route in self.application.routes)
        return any(not (module.is_test or module.is_offline) for module in modules)

    @cached_property
    def processes(self) -> list[Process]:
        """The processes that serve an application of this program where it is in use."""
        if not self.serves:
            return []
        return [
            process
            for process in self.facts.processes
            if process.program in SERVERS and not process.for_development and self._is_ours(process)
        ]

    def _is_ours(self, process: Process) -> bool:
        target = process.target
        return target is None or self.module_of(target) is not None

    def module_of(self, target: str) -> Module | None:
        """Return the module that `module:attribute` names."""
        name = target.partition(":")[0]
        for module in self.application.program.modules.values():
            if module.name == name or module.name.endswith(f".{name}") or name.endswith(f".{module.name}"):
                return module
        return None

    def gunicorn_settings(self, process: Process) -> GunicornSettings | None:
        """Return the file of settings that a command of gunicorn reads, if it is known."""
        named = process.option("-c", "--config")
        name = "gunicorn.conf.py" if named is None else named.rpartition("/")[2].removeprefix("file:")
        return next((s for s in self.facts.gunicorn if s.file.name == name), None)

    def target_values(self, target: str) -> Values:
        """Return what the attribute that `module:attribute` names can be."""
        module = self.module_of(target)
        attribute = target.partition(":")[2].removesuffix("()")
        if module is None or not attribute:
            return ()
        return self.application.inference.lookup(module.frame, attribute, 10**9, 0)

    def is_application(self, values: Values) -> bool:
        """Tell whether values are an application of FastAPI or Starlette."""
        return any(is_router(self.application.inference, value) for value in values)

    @cached_property
    def calls(self) -> list[ServerCall]:
        """The calls that start a server, outside of tests."""
        return list(self._calls())

    def _calls(self) -> Iterator[ServerCall]:
        inference = self.application.inference
        for function in self.application.program.functions_naming(("run", "Config")):
            facts = function.facts
            for event in facts.events:
                if event[0] not in ("call", "drop") or called_name(event[1]) not in ("run", "Config"):
                    continue
                frame = self.application.program.generic_frame(function)
                values = inference.values(event[1][1], frame)
                if not any(isinstance(v, LibraryName) and v.name in STARTING for v in values) and not any(
                    isinstance(v, Instance) and v.cls in STARTING for v in values
                ):
                    continue
                around = [block for block in blocks_around(facts, event[3]) if block[0] and not block[1]]
                main = [block for block in around if mentions(block[2], "__name__")]
                others = [block for block in around if block not in main]
                yield ServerCall(
                    frame,
                    event[1],
                    event[5],
                    bool(main) or _is_main(function),
                    bool(others),
                    tuple(self._running(function.module)),
                )

    def _running(self, module: Module) -> Iterator[Process]:
        """Yield the processes, outside of development, that run a file as a program."""
        for process in self.facts.processes:
            if process.program != "python" or process.for_development or process.is_conditional:
                continue
            words = process.words[1:]
            for position, word in enumerate(words):
                if word == "-m" and position + 1 < len(words):
                    name = words[position + 1]
                    if name in (module.name, module.name.removesuffix(".__main__")):
                        yield process
                    break
                if word.endswith(".py"):
                    if self._is_file(word, module):
                        yield process
                    break

    def _is_file(self, word: str, module: Module) -> bool:
        """Tell whether a word of a command means a file; there must be no other that it could mean."""
        wanted = word.removeprefix("./").split("/")
        ranks = {
            other: _same_end(wanted, other.path.split("/"))
            for other in self.application.program.modules.values()
        }
        best = max(ranks.values(), default=0)
        return best > 0 and ranks[module] == best and list(ranks.values()).count(best) == 1

    def is_text(self, call: ServerCall) -> bool:
        """Tell whether a server is given the name of its application."""
        given = call_argument(call.call, 0, "app")
        if given is None or given[0] in ("text", "binop") or isinstance(constant(given, call.frame), str):
            return True
        return any(isinstance(value, Text) for value in self.application.inference.values(given, call.frame))

    def is_object(self, call: ServerCall) -> bool:
        """Tell whether a server is given the application itself."""
        given = call_argument(call.call, 0, "app")
        return given is not None and self.is_application(self.application.inference.values(given, call.frame))

    @cached_property
    def brings_httptools(self) -> bool:
        """Whether something that the project requires or installs brings the fast parser of HTTP."""
        from fastlint.sources.requirements import read_directory

        words = {one.requirement.lower() for one in self.facts.installed}
        if any(
            word.startswith(("httptools", "fastapi-cli")) or "[" in word for word in words if _may_bring(word)
        ):
            return True
        if any("tiangolo/" in image.name for image in self.facts.images):
            return True
        for directory in {path.parent for _, path in self.facts.requirements}:
            stated = read_directory(directory)
            if any(stated.names(name) for name in BRINGING):
                return True
            if any(
                stated.extras.get(name, frozenset()) & EXTRAS
                for name in ("uvicorn", "fastapi", "fastapi-cli")
            ):
                return True
        return False

    @cached_property
    def sets_access_log(self) -> bool:
        """Whether the program has settings of its own for the logger that writes a line for every request."""
        return any(
            part == ("const", "uvicorn.access")
            for function in self.application.program.functions_naming(("access",))
            for expr in _written(function.facts)
            for part in walk(expr)
        )

    @cached_property
    def plain_uvicorn(self) -> list[tuple[TextFile, Listed]]:
        """Where an application of FastAPI requires uvicorn without its extras; one place for each directory."""
        found: dict[Path, tuple[TextFile, Listed]] = {}
        for file, path in sorted(self.facts.requirements, key=_by_name):
            is_other = words_of(file.name) & {"lint", "doc"} or words_of(file.directory) & {"client", "sdk"}
            if file.is_for_development or is_other or path.parent in found:
                continue
            if "uvicorn" not in file.text:
                continue
            from fastlint.sources.requirements import listed_in

            listed = {one.name: one for one in listed_in(file.name, file.text)}
            plain = listed.get("uvicorn")
            if plain is not None and not plain.extras and "fastapi" in listed:
                found[path.parent] = (file, plain)
        return list(found.values())

    @cached_property
    def passes(self) -> list[ProxyPass]:
        """The places where nginx passes requests on to the application."""
        found = [p for p in self.facts.passes if not p.file.is_for_development]
        return [passed for passed in found if self._leads_here(passed)] if self.serves else []

    @cached_property
    def keeps_answers(self) -> bool:
        """Whether a proxy in front of something keeps answers, perhaps those of the application."""
        return any(
            passed.keeps_answers and not passed.file.is_for_development for passed in self.facts.passes
        )

    @cached_property
    def _hosts(self) -> set[str]:
        """The names by which services of compose files reach the application."""
        running = [*self.processes, *(p for call in self.calls for p in call.processes)]
        built = {process.file.inner for process in running}
        names = {process.service for process in running if process.service}
        return names | {service.name for service in self.facts.services if service.dockerfile in built}

    @cached_property
    def _ports(self) -> set[str]:
        ports = {port for process in self.processes for port in process.ports}
        for call in self.calls:
            given = call.argument("port") if call.has("port") else 8000
            ports |= {str(given)} if given is not None else set()
        return ports

    def leads_to(self, passed: ProxyPass, process: Process) -> bool:
        """Tell whether requests that a proxy passes on can arrive at a process."""
        services = {service.name: service for service in self.facts.services}
        servers = passed.upstream.servers if passed.upstream is not None else (passed.host,)
        named = {server.partition(":")[0] for server in servers} & services.keys()
        if not named or not services:
            return True
        commanded = {p.service for p in self.facts.processes if p.service}
        return process.service in named or any(
            services[name].dockerfile == process.file.inner for name in named - commanded
        )

    def _leads_here(self, passed: ProxyPass) -> bool:
        upstream = passed.upstream
        targets: Iterable[tuple[str, str]] = [(passed.host, passed.port)]
        if upstream is not None:
            targets = [
                (host, port) for host, _, port in (server.partition(":") for server in upstream.servers)
            ]
        words = words_of(passed.host)
        for host, port in targets:
            words |= words_of(host)
            if host in self._hosts or (host in LOCAL and port in self._ports):
                return True
        others = {service.name for service in self.facts.services} - self._hosts
        if words & OF_OTHERS or any(host in others for host, _ in targets):
            return False
        return bool(words & OF_THE_APPLICATION)


def _is_main(function: Function) -> bool:
    """Tell whether a module calls one of its functions below `if __name__ == "__main__"`."""
    body = function.module.facts.functions[0]
    return any(
        event[0] in ("call", "drop")
        and event[1][1][:2] == ("name", function.facts.name)
        and any(mentions(block[2], "__name__") for block in blocks_around(body, event[3]) if block[0])
        for event in body.events
    )


def _by_name(pair: tuple[TextFile, Path]) -> tuple[bool, str, int]:
    file = pair[0]
    return (file.name != "pyproject.toml", file.directory, len(file.name))


def _written(facts: FunctionFacts) -> Iterator[Expr]:
    yield from (event[1] for event in facts.events if event[0] in ("call", "drop"))
    yield from (value for bindings in facts.bindings.values() for _, _, value in bindings)


def _may_bring(requirement: str) -> bool:
    return requirement.startswith(("httptools", "uvicorn", "fastapi"))


def _same_end(left: list[str], right: list[str]) -> int:
    count = 0
    for a, b in zip(reversed(left), reversed(right), strict=False):
        if a != b:
            break
        count += 1
    return count
