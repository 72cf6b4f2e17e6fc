"""FL701: The server that is deployed watches its source files."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.servers import ServerCall
from fastlint.deployment.model import OTHER_USE, Process, words_of
from fastlint.diagnostics import Applicability, Fix, Severity
from fastlint.facts.model import FunctionFacts
from fastlint.facts.structure import walk
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.rules.finding import Finding
from fastlint.rules.server.commands import other_word, without_option
from fastlint.rules.server.serving import ServerRule, is_on, process_count
from fastlint.rules.server.starting import without_setting


class ReloadInProduction(ServerRule):
    """The server that is deployed watches its source files."""

    code = "FL701"

    def find(self) -> Iterator[Finding]:
        """Look at the commands that deployment runs, and at calls in Python that they reach."""
        for process in self.servers.processes:
            if not process.is_conditional:
                yield from self._about_command(process)
        for settings in self.servers.facts.gunicorn:
            value, span = settings.values.get("reload", (None, (1, 0, 1, 1)))
            if value is True and not settings.file.is_for_development and self.servers.serves:
                yield self.finding(
                    settings.file.path,
                    span,
                    "`reload = True` lets gunicorn watch the source files of the deployed application",
                    "Remove the line, and give `--reload` on the command line while developing",
                )
        for call in self.servers.calls if self.servers.serves else ():
            yield from self._about_call(call)

    def _about_command(self, process: Process) -> Iterator[Finding]:
        if process.program == "fastapi" and process.words[1:2] == ("dev",):
            yield self.about_process(
                process,
                ["dev"],
                "`fastapi dev` serves the deployed application with one process that watches the source files",
                "Write `fastapi run`",
                fix=other_word(process, "dev", "run", Applicability.UNSAFE),
            )
        elif process.has("--reload") or is_on(process.setting("reload")):
            count = process_count(process.setting("workers") or process.option("-w"))
            ignored = (
                ""
                if (count or 1) < 2 or process.program == "gunicorn"
                else f", and ignores `--workers {count}`"
            )
            yield self.about_process(
                process,
                ["--reload", "UVICORN_RELOAD"],
                f"`--reload` lets the deployed {process.program} watch the source files for changes that never "
                f"come{ignored}",
                "Remove `--reload` here, and give it only where code is edited",
                fix=_without_reload(process, count or 1),
            )

    def _about_call(self, call: ServerCall) -> Iterator[Finding]:
        if (
            call.argument("reload") is not True
            or call.is_conditional
            or call.frame.function.module.is_offline
        ):
            return
        if not self.servers.is_text(call):
            return  # it does not even start: FL702
        advice = (
            'Write `reload=os.getenv("RELOAD") == "1"`, or start the server with `uvicorn` and no `--reload`'
        )
        if call.processes:
            yield self.about_call(
                call,
                "`reload=True` lets the deployed server watch the source files for changes that never come",
                advice,
                fix=without_setting(call, "reload", Applicability.UNSAFE),
            )
        elif not call.is_main and not _names(call.frame.function.facts) & OTHER_USE:
            yield self.about_call(
                call,
                "`reload=True` makes this server watch the source files wherever it runs",
                advice,
                Severity.INFO,
                without_setting(call, "reload", Applicability.UNSAFE),
            )


def _without_reload(process: Process, count: int) -> FixMaker:
    """Return what removes `--reload`; it is unsafe if that lets several processes serve, where one did."""

    def make(files: Files) -> Fix:
        if any(word.startswith("--reload-") for word in process.words):
            raise NoFix("other options belong to `--reload`")
        if not process.has("--reload"):
            raise NoFix("a variable asks for it")
        trust = Applicability.SAFE if count == 1 or process.program == "gunicorn" else Applicability.UNSAFE
        return without_option(process, "--reload", "", trust)(files)

    return make


def _names(facts: FunctionFacts) -> set[str]:
    """Return the words of a function's name, and of the name that `@cli.command("develop")` gives it."""
    parts = (part for decorator in facts.decorators for part in walk(decorator))
    given = [part[1] for part in parts if part[0] == "const" and isinstance(part[1], str)]
    return words_of(" ".join([facts.name, *given]))
