"""Work in a copy of the process: what comes of it is what would come of it here."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fastlint.cache.inputs import Inputs, note
from fastlint.config.load import CommandLine, load_settings
from fastlint.engine import run
from fastlint.engine.fork import CAN_FORK, forked

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="processes have no copies here")
FIXTURES = Path(__file__).parent / "fixtures"


def test_it_is_done_elsewhere() -> None:
    with forked(os.getpid) as elsewhere:
        assert elsewhere() != os.getpid()


def test_a_failure_is_raised_here() -> None:
    def fail() -> None:
        raise LookupError(str(os.getpid()))

    with forked(fail) as elsewhere, pytest.raises(LookupError, match=str(os.getpid())):
        elsewhere()


def test_a_copy_that_is_killed_is_not_missed() -> None:
    here = os.getpid()

    def work() -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    with forked(work) as elsewhere:
        assert elsewhere() == here


def test_what_it_looks_at_is_noted_here(tmp_path: Path) -> None:
    with Inputs() as inputs:
        with forked(lambda: note(tmp_path)) as elsewhere:
            elsewhere()
        assert list(inputs.stamps) == [str(tmp_path)]


def test_nobody_waits_for_a_copy_that_nobody_needs() -> None:
    def work() -> None:
        signal.pause()

    with pytest.raises(KeyboardInterrupt), forked(work):
        raise KeyboardInterrupt


def applications() -> list[Path]:
    return [path for path in sorted(FIXTURES.iterdir()) if any(path.rglob("*.py"))]


@pytest.mark.parametrize("application", applications(), ids=lambda path: path.name)
def test_it_makes_no_difference_who_judges(application: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(application)
    settings = load_settings([], CommandLine(isolated=True))
    alone = run.check(settings)
    monkeypatch.setattr(run, "WORTH_A_FORK", 0)
    monkeypatch.setattr(run, "available_cores", lambda: 2)
    together = run.check(settings)
    assert together.diagnostics == alone.diagnostics
    assert together.looks == alone.looks
