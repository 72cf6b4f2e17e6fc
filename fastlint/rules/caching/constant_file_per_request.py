"""FL403: A request reads and parses a file that is always the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fastlint.application.cached import Caches
from fastlint.diagnostics import Severity
from fastlint.facts.model import Event, Expr
from fastlint.facts.structure import called_name, names_bound_to, unwrapped, walk
from fastlint.project.bindings import call_argument
from fastlint.project.calls import Site
from fastlint.project.program import Frame, Function
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

OPENS = frozenset({"builtins.open", "io.open", "pathlib.Path.open", "codecs.open"})
READS = frozenset({"pathlib.Path.read_text", "pathlib.Path.read_bytes"})
PARSES = frozenset({
    "load", "loads", "safe_load", "full_load", "read_csv", "read_excel", "read_json", "reader", "DictReader", "parse",
    "fromstring", "validate_json", "model_validate_json",
})  # fmt: skip
WRITES = frozenset({
    "write_text", "write_bytes", "dump", "unlink", "touch", "rename", "replace", "to_csv", "copy", "copyfile", "move",
    "remove", "safe_dump", "set_key", "write", "writelines",
})  # fmt: skip
PARTS = ("parent", "parents", "resolve", "joinpath", "absolute", "with_name", "with_suffix", "as_posix")
CHANGING = re.compile(
    r"^/(proc|sys|dev|var|run|tmp)\b|^~|\.(log|lock|pid|sock|tmp|db|sqlite3?)$|token|secret|credential|state|progress"
    r"|status|heartbeat|version_on_disk",
    re.IGNORECASE,
)
"""What files are called that change while the server runs."""
FRESH = ("on_disk", "from_disk", "reload")
"""Parts of the names of functions that look at what is there now."""
WRITING = re.compile(r"[wax+]")


class Read(NamedTuple):
    """A place that reads a file: the call, and the path that it is given."""

    site: Site
    call: Expr
    path: Expr


class ConstantFilePerRequest(ModelRule):
    """A request reads and parses a file that is always the same."""

    code = "FL403"

    def find(self) -> Iterator[Finding]:
        """Look at what opens or reads files on the request path; a function that reads one twice is reported once."""
        self.caches = Caches(self.application)
        seen: set[tuple[Function, str]] = set()
        for site in self.application.requests.library_calls:
            read = self._read(site)
            if read is None or (site.frame.function, render(read.path)) in seen:
                continue
            if self._is_constant(read.path, site.frame) and not self._changes(read):
                seen.add((site.frame.function, render(read.path)))
                if not self._is_remembered(site.frame):
                    yield self._finding(read)

    def _is_remembered(self, frame: Frame) -> bool:
        """Tell whether a function keeps what it read, or each of the functions that call it does."""
        callers = self.application.calls_of(frame)
        return self.caches.is_cache(frame.function) or (
            bool(callers) and all(self.caches.is_cache(site.frame.function) for site in callers)
        )

    def _read(self, site: Site) -> Read | None:
        """Return how a place reads a file, if it does."""
        call = unwrapped(site.event[1])
        if call[0] != "call" or not any(sink.effect.kind == "file" for sink in site.sinks):
            return None
        names = {sink.name for sink in site.sinks}
        if site.frame.function.facts.is_generator and not self.application.kinds_of(site.frame) & {
            "dependency"
        }:
            return None  # it is sent piece by piece
        if names & READS and call[1][0] == "attr":
            return Read(site, call, call[1][1])
        if not names & OPENS:
            return None
        is_method = call[1][0] == "attr" and "pathlib.Path.open" in names
        mode = call_argument(call, 0 if is_method else 1, "mode")
        if mode is not None and (mode[0] != "const" or WRITING.search(str(mode[1]))):
            return None
        path = call[1][1] if is_method else call_argument(call, 0, "file")
        return Read(site, call, path) if path is not None else None

    def _is_constant(self, path: Expr, frame: Frame, depth: int = 0) -> bool:
        """Tell whether a path is made of literals, `__file__` and constants of modules alone."""
        if depth > 6:
            return False
        tag = path[0]
        if tag == "const":
            return isinstance(path[1], (str, int))
        if tag in ("binop", "text", "tuple"):
            parts = path[2:4] if tag == "binop" else path[1]
            return bool(parts) and all(self._is_constant(part, frame, depth) for part in parts)
        if tag == "name":
            return self._is_constant_name(str(path[1]), frame, depth)
        if tag == "sub":
            return (
                path[1][0] == "attr"
                and path[1][2] == "parents"
                and self._is_constant(path[1][1], frame, depth)
            )
        if tag == "attr":
            return path[2] in PARTS and self._is_constant(path[1], frame, depth)
        return tag == "call" and self._is_constant_call(path, frame, depth)

    def _is_constant_call(self, call: Expr, frame: Frame, depth: int) -> bool:
        arguments = (*call[2], *(value for _, value in call[3]))
        if not all(self._is_constant(argument, frame, depth) for argument in arguments):
            return False
        if call[1][0] == "attr" and call[1][2] in PARTS and self._is_constant(call[1][1], frame, depth):
            return True
        names = {
            getattr(v, "name", getattr(v, "cls", ""))
            for v in self.application.inference.values(call[1], frame)
        }
        return any(
            isinstance(n, str) and n.startswith(("os.path.", "pathlib.", "posixpath.", "builtins.str"))
            for n in names
        )

    def _is_constant_name(self, name: str, frame: Frame, depth: int) -> bool:
        facts = frame.function.facts
        if name in ("__file__",):
            return True
        if name in frame.function.parameters or name in facts.outer_names:
            return False
        module = frame.function.module
        if name in facts.bindings and frame.function.index > 0:
            values = [(value, frame) for _, _, value in facts.bindings[name]]
        else:
            values = [
                (value, module.frame) for _, _, value in module.facts.functions[0].bindings.get(name, ())
            ]
        if not values:
            return False
        return all(self._is_constant_value(value, scope, depth) for value, scope in values)

    def _is_constant_value(self, value: Expr, frame: Frame, depth: int) -> bool:
        value = value[2] if value[0] == "typed" and value[2] is not None else value
        if value[0] == "import" and value[3]:
            target = self.application.program.find_module(frame.function.module, value[1], value[2])
            if target is None:
                return False
            found = target.facts.functions[0].bindings.get(value[3], ())
            return bool(found) and all(
                self._is_constant_value(v, target.frame, depth + 1) for _, _, v in found
            )
        return self._is_constant(value, frame, depth + 1)

    def _is_parsed(self, read: Read) -> bool:
        """Tell whether what is read is parsed in the same function."""
        facts = read.site.frame.function.facts
        names = set(names_bound_to(facts, read.call))
        for _ in range(2):  # `text = file.read()`, then `json.loads(text)`
            for name, bindings in facts.bindings.items():
                if any(
                    part[0] == "name" and part[1] in names for _, _, value in bindings for part in walk(value)
                ):
                    names.add(name)
        return any(
            kind in ("call", "drop")
            and called_name(expr) in PARSES
            and any(
                part is read.call or (part[0] == "name" and part[1] in names)
                for argument in expr[2]
                for part in walk(argument)
            )
            for kind, expr, *_ in facts.events
        )

    def _changes(self, read: Read) -> bool:
        """Tell whether the file is meant to change: by its name, or because the program writes it."""
        words = {str(part[1]) for part in walk(read.path) if part[0] == "const"}
        names = {str(part[1]) for part in walk(read.path) if part[0] == "name"}
        frame = read.site.frame
        for name in list(names):
            for scope in (frame.function.facts, frame.function.module.facts.functions[0]):
                for _, _, value in scope.bindings.get(name, ()):
                    words |= {str(part[1]) for part in walk(value) if part[0] == "const"}
                    names |= {str(part[1]) for part in walk(value) if part[0] == "name"}
        if any(word in frame.function.facts.name for word in FRESH):
            return True
        if any(CHANGING.search(word) for word in (*words, *names)):
            return True
        return any(self._writes(event, names, words) for event in self._events_near(frame, names))

    def _events_near(self, frame: Frame, names: set[str]) -> Iterator[Event]:
        """Yield the events of the module, and of all functions that name a constant of the same name."""
        constants = {name for name in names if name.isupper()}
        module = frame.function.module
        for function in module.functions:
            yield from function.facts.events
        for function in self.application.program.functions_naming(constants):
            if function.module is not module:
                yield from function.facts.events

    def _writes(self, event: Event, names: set[str], words: set[str]) -> bool:
        kind, call = event[:2]
        if kind not in ("call", "drop") or call[0] != "call":
            return False
        name = called_name(call)
        if name == "open":
            position = 0 if call[1][0] == "attr" and call[1][1][0] != "name" else 1
            mode = call_argument(call, position, "mode") or call_argument(call, 1 - position, "mode")
            if (
                mode is None
                or mode[0] != "const"
                or not re.fullmatch(r"[rwaxbt+]*[wax+][rwaxbt+]*", str(mode[1]))
            ):
                return False
        elif name not in WRITES:
            return False
        parts = [part for expr in (call[1], *call[2]) for part in walk(expr)]
        return any(
            (part[0] == "name" and part[1] in names and part[1].isupper())
            or (part[0] == "const" and part[1] in words and "." in str(part[1]))
            for part in parts
        )

    def _finding(self, read: Read) -> Finding:
        is_parsed = self._is_parsed(read)
        return self.finding(
            read.site.frame,
            read.call[-1],
            f"`{render(read.call)}` reads the same file for each request{self.where(read.site.frame)}"
            f"{', and it is parsed each time' if is_parsed else ''}",
            "Read it once: at module level, in the lifespan, or in a function under `@lru_cache`",
            Severity.WARNING if is_parsed else Severity.INFO,
        )
