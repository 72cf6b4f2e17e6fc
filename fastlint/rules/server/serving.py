"""What the rules about the server share: they look at processes and at files that are not Python."""

from __future__ import annotations

from collections.abc import Sequence

from fastlint.application.servers import ServerCall, Servers
from fastlint.deployment.model import Process
from fastlint.diagnostics import Severity
from fastlint.fixes.files import FixMaker
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule


class ServerRule(ModelRule):
    """A rule that asks how the application is served."""

    @property
    def servers(self) -> Servers:
        """How the application is served."""
        return self.application.servers

    def about_process(
        self,
        process: Process,
        words: Sequence[str],
        message: str,
        advice: str,
        severity: Severity | None = None,
        notes: tuple[str, ...] = (),
        fix: FixMaker | None = None,
    ) -> Finding:
        """Return a finding at the first of the words that the command of a process is written with."""
        return self.finding(
            process.file.path, process.span(*words), message, advice, severity, notes=notes, fix=fix
        )

    def about_call(
        self,
        call: ServerCall,
        message: str,
        advice: str,
        severity: Severity | None = None,
        fix: FixMaker | None = None,
    ) -> Finding:
        """Return a finding at a call that starts a server, with the process that runs it."""
        notes = tuple(f"{process.place} runs `{process.shown}`" for process in call.processes[:1])
        return self.finding(call.frame.function, call.span, message, advice, severity, notes=notes, fix=fix)


def is_on(value: str | None) -> bool:
    """Tell whether the value of a variable or option turns something on."""
    return value is not None and value.lower() in ("1", "true", "yes", "on", "")


def process_count(text: str | None) -> int | None:
    """Return a number of processes, if it is one."""
    return int(text) if text is not None and text.isdigit() else None
