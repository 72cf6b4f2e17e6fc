"""Work in a copy of this process, which knows all that this one knows and changes none of it."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import TypeVar

from fastlint.cache.inputs import Inputs, note_all

T = TypeVar("T")

CAN_FORK = sys.platform == "linux"
"""Elsewhere a process has no copies, or none that may go on working."""


@contextmanager
def forked(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do something in a copy of this process; what is given waits for it and returns what comes of it.

    That has to be something that can be pickled. A copy that fails, or is ended from outside as where memory
    is short, is not missed: the work is done here then, and what it raises is raised here.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    copy = context.Process(target=_do, args=(work, sender), daemon=True)
    copy.start()
    sender.close()
    try:
        yield lambda: _outcome(receiver, work)
    finally:
        copy.terminate()
        copy.join()
        receiver.close()


def _do(work: Callable[[], object], sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run itself answers an interrupt
    with Inputs() as noted, suppress(Exception):
        sender.send((work(), noted))


def _outcome(receiver: Connection, work: Callable[[], T]) -> T:
    outcome: T
    try:
        outcome, noted = receiver.recv()
    except EOFError:
        return work()
    note_all(noted)
    return outcome
