"""The fix of an answer that is encoded by hand: return the value, and declare its type."""

from __future__ import annotations

import ast

from fastlint.application.contexts import Application
from fastlint.application.dumps import dumped_models
from fastlint.application.routes import Route
from fastlint.diagnostics import Applicability, Fix
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, walk
from fastlint.fixes.arguments import call_at, has_keyword
from fastlint.fixes.comprehensions import without_call
from fastlint.fixes.files import Files, FixMaker
from fastlint.fixes.headings import end_of_parameters
from fastlint.fixes.module import Module
from fastlint.fixes.text import NoFix
from fastlint.project.program import Frame
from fastlint.rules.responses.annotating import require_plain
from fastlint.rules.responses.answer_types import AnswerType, Shape, always_leaves
from fastlint.rules.responses.plain_models import writes_what_it_reads

ENCODER = "jsonable_encoder"
RESPONSES = ("Response", "BackgroundTasks")


def unencoded(application: Application, frame: Frame, returned: Expr, encoding: Expr) -> FixMaker:
    """Return what makes `return x` of `return JSONResponse(jsonable_encoder(x))`, and annotates the function.

    `returned` is the whole value, `encoding` the call in it. It is unsafe: what is encoded by hand is sent as it
    is, and the value is validated and encoded as its type says.
    """

    def make(files: Files) -> Fix:
        facts = frame.function.facts
        module = files.python(frame.function.module.path)
        node = module.function(facts.span)
        if sum(event[0] == "return" for event in facts.events) != 1 or not always_leaves(node.body):
            raise NoFix("the function returns something else as well")
        if facts.returns_annotation is not None or application.responses.is_decorated(frame):
            raise NoFix("the function has a return annotation, or a decorator of its own")
        models: set[str] = set()
        for route in application.routes:
            if frame in application.endpoints.get(route, ()):
                require_plain(application, route, has_model=True)
                _require_no_response(application, route, frame)
                registering = call_at(files.python(route.frame.function.module.path), route.call[-1])
                if has_keyword(registering, "status_code"):
                    raise NoFix("the route has a status, which the response does not have")
                models |= {ast.unparse(k.value) for k in registering.keywords if k.arg == "response_model"}
        response = call_at(module, returned[-1])
        if len(response.args) + len(response.keywords) != 1 or "#" in module.code(response):
            raise NoFix("the response is given more than its content")
        if called_name(encoding) != ENCODER:
            models_of = dumped_models(application.inference, encoding, frame)
            if not all(writes_what_it_reads(application.inference, model) for model in models_of):
                raise NoFix("the model has validators, serializers, aliases or settings of its own")
        types = AnswerType(application, frame, module)
        kept, shape = _kept(module, encoding, types)
        if models - {shape.code}:
            raise NoFix("the route has another response model, or turns it off")
        edits = [module.replace_node(response, kept)]
        if not models:
            edits.append(module.insert(end_of_parameters(module, node), f" -> {shape.code}"))
        return Fix(
            f"Return the value, of type `{shape.code}`",
            Applicability.UNSAFE,
            tuple(edits),
        )

    return make


def _require_no_response(application: Application, route: Route, frame: Frame) -> None:
    """Raise `NoFix` if somebody asks for the response that FastAPI makes, and only uses if the route makes none."""
    frames = [frame, *(need.frame for need in application.needs(route) if need.frame is not None)]
    for parameter in (parameter for asked in frames for parameter in asked.function.facts.parameters):
        if parameter.annotation is not None and any(
            (part[2] if part[0] == "attr" else part[1]) in RESPONSES
            for part in walk(parameter.annotation)
            if part[0] in ("name", "attr")
        ):
            raise NoFix("what is set in the `Response` of FastAPI would begin to work")


def _kept(module: Module, encoding: Expr, types: AnswerType) -> tuple[str, Shape]:
    """Return the value that is encoded, as code, and its type."""
    call = call_at(module, encoding[-1])
    if called_name(encoding) == ENCODER:
        if len(encoding[2]) != 1 or encoding[3]:
            raise NoFix("the encoder is given options")
        kept, shape = module.code(call.args[0]), types.shape(encoding[2][0])
    else:
        edit, shape = without_call(module, call), types.shape(encoding[1][1])
        kept = edit.content
        if module.offset_of(edit.start) < module.bounds(encoding[-1])[0]:
            shape = Shape(f"list[{shape.code}]", shape.is_proven)
        elif isinstance(module.parent(call), ast.ListComp):
            raise NoFix("the items are chosen or made in the comprehension")
    if "Any" in shape.code:
        raise NoFix("what it returns is of several types")
    return kept, shape
