"""FL508: An uploaded file is read into memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.uploads import DISK, HASH, NEEDED, STORE, bytes_parameters, whole_reads
from fastlint.diagnostics import Severity
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import heading, render

PURPOSES = {DISK: "to write it to a file", STORE: "to send it on", HASH: "to hash it"}


class UploadReadWhole(ModelRule):
    """An uploaded file is read into memory as a whole."""

    code = "FL508"

    def find(self) -> Iterator[Finding]:
        """Look at reads of uploads without a size, and at parameters that are files as `bytes`."""
        for read in whole_reads(self.application):
            purpose = _purpose(read.uses)
            file = render(read.call[1][1])
            yield self.finding(
                read.frame,
                read.call[-1],
                f"`{render(read.call)}` holds the whole upload in memory{purpose}{self.where(read.frame)}",
                _advice(read.uses, file),
                Severity.WARNING if purpose and not read.is_bounded else Severity.INFO,
            )
        for frame, parameter, uses in bytes_parameters(self.application):
            yield self.finding(
                frame,
                heading(frame.function),
                f"`{parameter.name}` is a file as `bytes`, so the whole upload is in memory{self.where(frame)}",
                f"Declare `{parameter.name}: UploadFile`, and read pieces of it",
                Severity.INFO if NEEDED in uses else Severity.WARNING,
            )


def _purpose(uses: frozenset[str]) -> str:
    """Return what is done with the content, if pieces of it would do."""
    if NEEDED in uses:
        return ""
    return next((f" {PURPOSES[use]}" for use in (DISK, STORE, HASH) if use in uses), "")


def _advice(uses: frozenset[str], file: str) -> str:
    if NEEDED in uses or not uses:
        return f"Refuse what is too large first: `if {file}.size > LIMIT`"
    if uses == {STORE}:
        return (
            f"Hand over the file itself (`{file}.file`) to a call that reads pieces, such as `upload_fileobj`"
        )
    return f"Read pieces: `while chunk := await {file}.read(1024 * 1024)`"
