"""A progress bar on standard error, for runs that take long enough to wonder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastlint.cli.terminal import is_ci, is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 0.5
"""Seconds before anything appears."""
_PAUSE = 0.1
"""Seconds between two looks of the bar, except where a stage begins or ends."""

ProgressCallback = Callable[[str, int, int], None]


@contextmanager
def progress(wanted: bool) -> Iterator[ProgressCallback | None]:
    """A callback taking (stage, done, total), or None where a bar would disturb or nobody watches."""
    if not wanted or is_ci() or not is_terminal(sys.stderr):
        yield None
        return
    bar = _Bar()
    try:
        yield bar.update
    finally:
        bar.stop()


class _Bar:
    def __init__(self) -> None:
        self._appears_at = time.monotonic() + _PATIENCE
        self._drawn_at = 0.0
        self._shown: tuple[Progress, TaskID] | None = None

    def update(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._shown is None:
            if now < self._appears_at:
                return
            self._shown = self._start()
        elif 0 < done < total and now < self._drawn_at + _PAUSE:
            return
        self._drawn_at = now
        bar, task = self._shown
        bar.update(task, description=stage, completed=done, total=total, refresh=True)

    def stop(self) -> None:
        if self._shown is not None:
            self._shown[0].stop()

    @staticmethod
    def _start() -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
        console = Console(stderr=True)
        # Without a thread of its own for the bar, this process can still be copied.
        bar = Progress(*columns, console=console, transient=True, auto_refresh=False)
        task = bar.add_task("")
        bar.start()
        return bar, task
