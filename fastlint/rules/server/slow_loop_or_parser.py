"""FL703: The server parses HTTP in Python although a faster parser exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastlint.application.servers import ServerCall
from fastlint.deployment.model import Process, TextFile
from fastlint.diagnostics import Applicability, Fix, Severity
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.rules.finding import Finding
from fastlint.rules.server.commands import other_word, without_option
from fastlint.rules.server.serving import ServerRule
from fastlint.rules.server.starting import without_setting

if TYPE_CHECKING:
    from fastlint.sources.requirements import Listed

H11_WORKERS = ("uvicorn.workers.UvicornH11Worker", "uvicorn_worker.UvicornH11Worker")
PARSER = "parses HTTP in Python with h11, which takes about twice the processor time of httptools for a small request"
STANDARD = "Require `uvicorn[standard]`, which brings httptools and uvloop"
USING_UVICORN = frozenset({"uvicorn", "gunicorn", "fastapi"})
NEEDS_ASYNCIO = frozenset(
    {"nest_asyncio", "nest_asyncio2", "ProactorEventLoop", "WindowsSelectorEventLoopPolicy"}
)


class SlowLoopOrParser(ServerRule):
    """The server parses HTTP in Python although a faster parser exists."""

    code = "FL703"

    def find(self) -> Iterator[Finding]:
        """Look at commands, calls and requirements."""
        if not self.servers.serves:
            return
        for process in self.servers.processes:
            yield from self._about_command(process)
        for call in self.servers.calls:
            if not call.frame.function.module.is_offline:
                yield from self._about_call(call)
        if not self._needs_asyncio:
            yield from self._about_requirements()

    @property
    def _needs_asyncio(self) -> bool:
        """Whether the program uses what does not work with uvloop."""
        modules = self.application.program.modules.values()
        return any(module.mentions(*NEEDS_ASYNCIO) for module in modules)

    def _about_command(self, process: Process) -> Iterator[Finding]:
        worker = process.option("-k", "--worker-class")
        if process.program == "gunicorn" and worker in H11_WORKERS:
            yield self.about_process(
                process,
                [worker],
                f"`{worker}` {PARSER}",
                "Write `-k uvicorn_worker.UvicornWorker`",
                fix=other_word(process, worker, worker.replace("H11", ""), Applicability.SAFE),
            )
        if process.program == "uvicorn" and process.setting("http") == "h11":
            yield self.about_process(
                process,
                ["--http", "UVICORN_HTTP"],
                f"`--http h11` {PARSER}",
                "Remove it: uvicorn takes httptools by itself",
                fix=without_option(process, "--http", "h11", Applicability.SAFE),
            )
        elif (
            process.program == "uvicorn" and process.setting("loop") == "asyncio" and not self._needs_asyncio
        ):
            yield self.about_process(
                process,
                ["--loop", "UVICORN_LOOP"],
                "`--loop asyncio` keeps uvicorn from using uvloop",
                "Remove it: uvicorn takes uvloop by itself",
                Severity.INFO,
                fix=without_option(process, "--loop", "asyncio", Applicability.SAFE),
            )

    def _about_call(self, call: ServerCall) -> Iterator[Finding]:
        if call.argument("http") == "h11":
            yield self.about_call(
                call,
                f'`http="h11"` {PARSER}',
                "Remove it: uvicorn takes httptools by itself",
                fix=without_setting(call, "http", Applicability.SAFE),
            )
        elif call.argument("loop") == "asyncio" and not self._needs_asyncio:
            yield self.about_call(
                call,
                '`loop="asyncio"` keeps uvicorn from using uvloop',
                "Remove it: uvicorn takes uvloop by itself",
                Severity.INFO,
                without_setting(call, "loop", Applicability.SAFE),
            )

    def _about_requirements(self) -> Iterator[Finding]:
        """Look for a plain `uvicorn` in the requirements of the application, and for nothing that adds to it."""
        programs = {process.program for process in self.servers.processes}
        if programs and not programs & USING_UVICORN:
            return
        plain = self.servers.plain_uvicorn
        if not plain or self.servers.brings_httptools:
            return
        for file, listed in plain:
            yield self._about_plain(file, listed)

    def _about_plain(self, file: TextFile, listed: Listed) -> Finding:
        return self.finding(
            file.path,
            file.span(listed.name, [(listed.row, listed.row)]),
            f"Without httptools the server {PARSER}",
            STANDARD,
            fix=_with_extra(file, listed),
        )


def _with_extra(file: TextFile, listed: Listed) -> FixMaker:
    """Return what requires `uvicorn[standard]`; it is unsafe, as it installs more."""

    def make(files: Files) -> Fix:
        source = files.text(file.path)
        start, end = source.bounds(file.span(listed.name, [(listed.row, listed.row)]))
        if source.text[start:end] != listed.name:
            raise NoFix("the requirement is written in another way")
        if "--hash=" in source.text or "pip-compile" in source.text or "uv pip compile" in source.text:
            raise NoFix("the file is made from another one")
        rest = source.text[end : source.line_end(end)].strip()
        if rest[:1] == "=" and rest[:2] != "==":
            version = rest[1:].split("#")[0].strip()
            if version[:1] not in ("'", '"'):
                raise NoFix("the requirement is written as a table")
            place = source.text.index(version, end)
            table = f'{{extras = ["standard"], version = {version}}}'
            edit = source.replace(place, place + len(version), table)
        else:
            edit = source.insert(end, "[standard]")
        return Fix("Require `uvicorn[standard]`", Applicability.UNSAFE, (edit,))

    return make
