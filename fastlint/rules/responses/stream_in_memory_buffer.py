"""FL507: A response streams what is in memory, or in a file, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.streams import IN_MEMORY
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, names_bound_to
from fastlint.fixes.files import FixMaker
from fastlint.project.bindings import call_argument
from fastlint.project.program import Frame
from fastlint.project.values import Instance, LibraryName, Text, Value
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render
from fastlint.rules.responses.whole_content import sent_at_once, sent_from_path

STREAMS = frozenset({"fastapi.responses.StreamingResponse", "starlette.responses.StreamingResponse"})
FILES = frozenset({"io.TextIOWrapper", "io.BufferedReader", "io.FileIO", "typing.IO", "typing.BinaryIO"})


class StreamInMemoryBuffer(ModelRule):
    """A response streams what is in memory, or in a file, line by line."""

    code = "FL507"

    def find(self) -> Iterator[Finding]:
        """Look at what each `StreamingResponse` of the request path is given."""
        for frame, call in self.application.requests.calls("StreamingResponse"):
            content = call_argument(call, 0, "content")
            values = self.application.inference.values(content, frame) if content is not None else ()
            if content is None or not self._is_stream(call, frame):
                continue
            if values and all(_is_a(value, IN_MEMORY) for value in values):
                fix = sent_at_once(self.application, frame, call, content)
                yield self._finding(frame, call, "a buffer that is complete already", _whole(content), fix)
            elif values and all(_is_a(value, FILES) for value in values):
                advice = _from_file(content, frame)
                yield self._finding(frame, call, "an open file", advice, sent_from_path(frame, call))
            elif values and all(isinstance(value, Text) or _is_a(value, TEXTS) for value in values):
                fix = sent_at_once(self.application, frame, call, content)
                advice = "Return `Response(...)` with it"
                yield self._finding(frame, call, "a value that is complete already", advice, fix)

    def _is_stream(self, call: Expr, frame: Frame) -> bool:
        callees = self.application.inference.values(call[1], frame)
        return any(isinstance(v, LibraryName) and v.name in STREAMS for v in callees)

    def _finding(self, frame: Frame, call: Expr, what: str, advice: str, fix: FixMaker) -> Finding:
        return self.finding(
            frame,
            call[-1],
            f"`StreamingResponse` iterates {what} line by line, with a hop to the thread pool for each line"
            f"{self.where(frame)}",
            advice,
            fix=fix,
        )


TEXTS = frozenset({"builtins.bytes", "builtins.str"})


def _is_a(value: Value, names: frozenset[str]) -> bool:
    return isinstance(value, Instance) and value.cls in names


def _from_file(content: Expr, frame: Frame) -> str:
    """Return how to send a file: by its path, if the function opened it."""
    facts = frame.function.facts
    for kind, expr, *_ in facts.events:
        if kind == "call" and called_name(expr) == "open":
            names = names_bound_to(facts, expr)
            if expr is content or (content[0] == "name" and content[1] in names):
                return "Return `FileResponse(path)`"
    return "Stream a generator that yields pieces: `while chunk := file.read(1024 * 1024): yield chunk`"


def _whole(content: Expr) -> str:
    """Return how to send a buffer at once."""
    text = render(content)
    shown = f"{text}.getvalue()" if content[0] in ("name", "attr") else "buffer.getvalue()"
    return f"Return `Response({shown}, media_type=...)`, with the same headers"
