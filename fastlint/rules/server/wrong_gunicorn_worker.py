"""FL708: gunicorn serves FastAPI with a worker that cannot."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from fastlint.deployment.model import GunicornSettings, Process
from fastlint.diagnostics import Applicability, Fix, Severity
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.text import NoFix
from fastlint.rules.finding import Finding
from fastlint.rules.server.commands import other_word, with_option
from fastlint.rules.server.serving import ServerRule

SYNCHRONOUS = frozenset({"sync", "gthread", "eventlet", "gevent", "gevent_wsgi", "gevent_pywsgi", "tornado"})
DEPRECATED = {
    "uvicorn.workers.UvicornWorker": "uvicorn_worker.UvicornWorker",
    "uvicorn.workers.UvicornH11Worker": "uvicorn_worker.UvicornWorker",
}
WORKER = "uvicorn_worker.UvicornWorker"
ADVICE = "Write `-k uvicorn_worker.UvicornWorker` (of the package uvicorn-worker), or start `uvicorn --workers N` instead"


class WrongGunicornWorker(ServerRule):
    """Gunicorn serves FastAPI with a worker that cannot."""

    code = "FL708"

    def find(self) -> Iterator[Finding]:
        """Look at each command of gunicorn, and at the file of settings that it reads."""
        reported: set[str] = set()
        for process in self.servers.processes:
            if process.program != "gunicorn":
                continue
            worker, settings = self._worker(process)
            if worker is None:
                if self._is_fastapi(process) and not process.has("--paste"):
                    yield self.about_process(
                        process,
                        ["gunicorn"],
                        f"gunicorn's own worker speaks WSGI, so every request to {process.target} fails",
                        ADVICE,
                        fix=with_option(process, ("-k", WORKER), Applicability.UNSAFE),
                    )
            elif worker in SYNCHRONOUS and self._is_fastapi(process):
                yield self._at(
                    process,
                    settings,
                    worker,
                    f"gunicorn's worker `{worker}` speaks WSGI, so every request to {process.target} fails",
                    ADVICE,
                    fix=_other_worker(process, settings, worker),
                )
            elif worker in DEPRECATED and (settings is None or settings.file.path not in reported):
                if settings is not None:
                    reported.add(settings.file.path)
                yield self._at(
                    process,
                    settings,
                    worker,
                    f"`{worker}` is deprecated since uvicorn 0.30 and goes away in a later version",
                    f"Install uvicorn-worker and write `{DEPRECATED[worker]}`",
                    Severity.INFO,
                    self._newer_worker(process, settings, worker),
                )

    def _newer_worker(self, process: Process, settings: GunicornSettings | None, worker: str) -> FixMaker:
        """Return what names the worker of uvicorn-worker, if the project requires that already."""

        def make(files: Files) -> Fix:
            texts = [file.text for file, _ in self.servers.facts.requirements]
            texts += [one.requirement for one in self.servers.facts.installed]
            if not any("uvicorn-worker" in text or "uvicorn_worker" in text for text in texts):
                raise NoFix("uvicorn-worker is not among the requirements")
            return _other_worker(process, settings, worker)(files)

        return make

    def _worker(self, process: Process) -> tuple[str | None, GunicornSettings | None]:
        """Return the class of workers and the file that sets it; an empty name if that is not known."""
        given = process.option("-k", "--worker-class", "--worker_class")
        if given:
            return given, None
        arguments = process.environment.get("GUNICORN_CMD_ARGS")
        if arguments is not None or any(word.startswith("$") for word in process.words[1:]):
            return self._of_arguments(arguments.value if arguments else ""), None
        settings = self.servers.gunicorn_settings(process)
        if settings is None:
            return ("" if process.has("-c", "--config") else None), None
        if "worker_class" not in settings.values:
            return None, settings
        worker = settings.values["worker_class"][0]
        return (worker if isinstance(worker, str) else ""), settings

    def _of_arguments(self, text: str) -> str:
        try:
            words = shlex.split(text)
        except ValueError:
            return ""
        for position, word in enumerate(words[:-1]):
            if word in ("-k", "--worker-class"):
                return words[position + 1]
        return ""

    def _is_fastapi(self, process: Process) -> bool:
        target = process.target
        return target is not None and self.servers.is_application(self.servers.target_values(target))

    def _at(
        self,
        process: Process,
        settings: GunicornSettings | None,
        worker: str,
        message: str,
        advice: str,
        severity: Severity | None = None,
        fix: FixMaker | None = None,
    ) -> Finding:
        if settings is None:
            return self.about_process(process, [worker], message, advice, severity, fix=fix)
        notes = (f"{process.place} runs `{process.shown}`",)
        return self.finding(
            settings.file.path,
            settings.values["worker_class"][1],
            message,
            advice,
            severity,
            notes=notes,
            fix=fix,
        )


def _other_worker(process: Process, settings: GunicornSettings | None, worker: str) -> FixMaker:
    """Return what names the worker of uvicorn-worker; it is unsafe, as that has to be installed."""
    if settings is None:
        return other_word(process, worker, WORKER, Applicability.UNSAFE)

    def make(files: Files) -> Fix:
        source = files.text(settings.file.path)
        start, end = source.bounds(settings.values["worker_class"][1])
        text = source.text[start:end]
        if text.count(worker) != 1:
            raise NoFix("the worker is written in another way")
        place = start + text.index(worker)
        edit = source.replace(place, place + len(worker), WORKER)
        return Fix(f"Write `{WORKER}`", Applicability.UNSAFE, (edit,))

    return make
