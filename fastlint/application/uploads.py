"""What becomes of uploaded files that are held in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastlint.application.contexts import Application
from fastlint.application.dependencies import metadata
from fastlint.facts.model import Expr, Parameter
from fastlint.facts.structure import called_name, names_bound_to, unwrapped
from fastlint.project.annotations import annotated_values
from fastlint.project.program import Frame
from fastlint.project.values import Collection, FunctionValue, Instance, LibraryName

UPLOAD = "starlette.datastructures.UploadFile"
FILE_PARAMETERS = frozenset({"fastapi.File", "fastapi.params.File"})
DISK, STORE, HASH, NEEDED = "disk", "store", "hash", "needed"
"""What content is used for: written to a file, sent to an object store, hashed; or needed as a whole."""

WRITES = frozenset({"write", "write_bytes"})
STORES = frozenset({
    "put_object", "upload", "upload_blob", "upload_fileobj", "upload_from_string", "upload_bytes",
})  # fmt: skip
HASHES = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s"})
HASH_MODULES = ("hashlib.", "_hashlib.", "_blake2.", "_sha")
HARMLESS = frozenset({"len", "bool", "isinstance", "print", "close", "debug", "info", "warning"})
WRAPPERS = frozenset({"BytesIO", "memoryview", "bytes"})
OFFLOADERS = frozenset({"run_in_threadpool", "to_thread", "run_sync", "run_in_executor"})
DEEPEST = 3


@dataclass(frozen=True, slots=True)
class WholeRead:
    """A place that takes a whole upload into memory."""

    frame: Frame
    call: Expr
    """`file.read()`."""
    uses: frozenset[str]
    is_bounded: bool
    """Whether the size of the upload is looked at before."""


def whole_reads(application: Application) -> Iterator[WholeRead]:
    """Yield where code that answers requests reads an `UploadFile` without a limit.

    FastAPI 0.165 and Starlette 1.10: starlette/datastructures.py, UploadFile.read.
    """
    for frame, call in application.requests.calls("read"):
        base = call[1][1] if call[1][0] == "attr" else None
        if base is None or call[2] or call[3]:
            continue
        file = base[1] if base[0] == "attr" and base[2] == "file" else base
        if _is_upload(application, file, frame):
            facts = frame.function.facts
            is_bounded = any(
                e[0] == "attr" and e[1][2] == "size" and e[1][1][:2] == file[:2] for e in facts.events
            )
            names = frozenset(names_bound_to(facts, call))
            uses = frozenset(_uses(application, frame, names, call, DEEPEST))
            yield WholeRead(frame, call, uses, is_bounded)


def bytes_parameters(application: Application) -> Iterator[tuple[Frame, Parameter, frozenset[str]]]:
    """Yield the parameters of routes that FastAPI fills with whole files, and what these are used for.

    FastAPI 0.165: fastapi/dependencies/utils.py, _read_file_bytes.
    """
    for route in application.routes:
        for frame in application.endpoints.get(route, ()):
            outer = frame.parent or application.inference.defining_frame(frame.function)
            for parameter in frame.function.facts.parameters:
                if parameter.annotation is not None and _is_file(application, parameter, outer):
                    names = frozenset({parameter.name})
                    yield frame, parameter, frozenset(_uses(application, frame, names, None, DEEPEST))


def _is_upload(application: Application, expr: Expr, frame: Frame) -> bool:
    values = application.inference.values(expr, frame)
    return any(isinstance(v, Instance) and application.inference.is_subclass(v, UPLOAD) for v in values)


def _is_file(application: Application, parameter: Parameter, outer: Frame) -> bool:
    """Tell whether a parameter is declared as `bytes = File()`, or as a list of these."""
    annotation = parameter.annotation
    assert annotation is not None
    marks = [(expr, frame) for expr, frame, _ in metadata(application.inference, annotation, outer)]
    if parameter.default is not None:
        marks.append((parameter.default, outer))
    if not any(_is_file_mark(application, expr, frame) for expr, frame in marks):
        return False
    values = annotated_values(application.inference, annotation, outer)
    items = [item for v in values for item in (v.items if isinstance(v, Collection) else (v,))]
    return any(isinstance(item, Instance) and item.cls == "builtins.bytes" for item in items)


def _is_file_mark(application: Application, expr: Expr, frame: Frame) -> bool:
    if expr[0] != "call":
        return False
    values = application.inference.values(expr[1], frame)
    return any(isinstance(v, LibraryName) and v.name in FILE_PARAMETERS for v in values)


def _uses(
    application: Application, frame: Frame, names: frozenset[str], read: Expr | None, depth: int
) -> Iterator[str]:
    """Yield what a function does with content that has one of the names, or that a call reads."""

    def is_content(expr: Expr) -> bool:
        expr = unwrapped(expr)
        return expr is read or (expr[0] == "name" and expr[1] in names)

    for kind, expr, *_ in frame.function.facts.events:
        if kind in ("call", "drop"):
            if expr[1][0] == "attr" and is_content(expr[1][1]):
                yield NEEDED
            given = [*enumerate(expr[2]), *expr[3]]
            for place, argument in given:
                if is_content(argument) or (_is_wrapped(argument) and is_content(argument[2][0])):
                    yield from _use(application, frame, expr, place, argument, depth)
        elif kind in ("return", "yield", "iter") and is_content(expr):
            yield NEEDED


def _use(
    application: Application, frame: Frame, call: Expr, place: int | str | None, given: Expr, depth: int
) -> Iterator[str]:
    """Yield what a call does with content that it is given."""
    callee, name = call[1], called_name(call)
    if name in OFFLOADERS and isinstance(place, int):
        index = 1 if name == "run_in_executor" else 0
        if place > index:
            callee, place = call[2][index], place - index - 1
            name = str(callee[2] if callee[0] == "attr" else callee[1] if callee[0] == "name" else "")
    values = application.inference.values(callee, frame)
    functions = [v for v in values if isinstance(v, FunctionValue)]
    if functions and not _is_wrapped(given):
        for function in functions:
            yield from _inside(application, frame, function, call, place, depth)
    elif name in HARMLESS or name in WRAPPERS:
        return
    elif name in WRITES:
        yield NEEDED if _is_memory(application, callee, frame) else DISK
    elif name in STORES:
        yield STORE
    elif name in HASHES or (name == "update" and _is_hash(application, callee, frame)):
        yield HASH
    else:
        yield NEEDED


def _inside(
    application: Application,
    frame: Frame,
    function: FunctionValue,
    call: Expr,
    place: int | str | None,
    depth: int,
) -> Iterator[str]:
    """Yield what a function of the program does with content that is passed to it."""
    parameters = function.function.facts.parameters
    skip = int(function.receiver is not None and "static" not in function.marks)
    index = place + skip if isinstance(place, int) else None
    name = parameters[index].name if index is not None and index < len(parameters) else place
    if depth == 0 or not isinstance(name, str) or name not in function.function.parameters:
        yield NEEDED
        return
    entered = application.inference.enter(function, call, frame)
    yield from _uses(application, entered, frozenset({name}), None, depth - 1)


def _is_wrapped(expr: Expr) -> bool:
    """Tell whether content is only put into a buffer: `BytesIO(content)`."""
    return expr[0] == "call" and called_name(expr) in WRAPPERS and len(expr[2]) == 1


def _is_memory(application: Application, callee: Expr, frame: Frame) -> bool:
    """Tell whether what is written to is a buffer, or a connection, and no file."""
    values = application.inference.values(callee[1], frame) if callee[0] == "attr" else ()
    return any(isinstance(v, Instance) and v.cls in ("io.BytesIO", "zipfile.ZipFile") for v in values)


def _is_hash(application: Application, callee: Expr, frame: Frame) -> bool:
    values = application.inference.values(callee[1], frame) if callee[0] == "attr" else ()
    return any(str(getattr(v, "cls", getattr(v, "name", ""))).startswith(HASH_MODULES) for v in values)
