"""The type of what a route returns, as a return annotation of it would be written."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from fastlint.application.contexts import Application
from fastlint.application.dumps import DUMPS, MODEL
from fastlint.diagnostics import Edit
from fastlint.facts.model import Binding, Expr, Parameter
from fastlint.facts.structure import called_name, last_name, unwrapped
from fastlint.fixes.blocks import bindings_of
from fastlint.fixes.imports import Import, name_of
from fastlint.fixes.module import FunctionNode, Module
from fastlint.fixes.text import NoFix
from fastlint.project.annotations import annotated_values
from fastlint.project.members import subclasses
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import ClassValue, Collection, Instance, Text, Value, Values
from fastlint.rules.rendering import render
from fastlint.rules.responses.plain_models import writes_alike

ANY = "Any"
VALIDATES = frozenset({"model_validate", "model_validate_json", "parse_obj"})
SCALARS = frozenset({"builtins.str", "builtins.int", "builtins.bool"})
CONSTANTS = {str: "str", int: "int", bool: "bool", type(None): "None"}
READING = frozenset({"jsonable_encoder", "len"})
"""Functions that leave a list as it is."""
CHANGING = frozenset({
    "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort",
    "update",
})  # fmt: skip
"""Methods that change a container."""
ASKING = READING | {"bool", "isinstance", "print", "repr", "str", "type"}
"""Functions that leave any object as it is."""
DUMPING = DUMPS | {"json", "model_copy", "model_dump_json"}
UNDESCRIBED = ("arbitrary_types_allowed", "json_encoders")
"""Settings of models whose fields may have types without a schema."""
LEFT_OUT = "_sa"
"""How keys begin that FastAPI leaves out where it serializes in Python: fastapi/encoders.py."""
REQUEST_PARTS = frozenset({"Body", "Cookie", "Form", "Header", "Path", "Query"})
SIMPLE = frozenset({"str", "int", "bool"})
RESULTS = {"len": "int", "str": "str", "bool": "bool"}
"""Builtin functions whose results are of one type, whatever they are given."""
DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """A type as it is written, and whether nothing else can come."""

    code: str
    is_proven: bool = True


class AnswerType:
    """Works out the type of all that a function returns."""

    def __init__(self, application: Application, frame: Frame, module: Module) -> None:
        self._application = application
        self._inference = application.inference
        self._frame = frame
        self._module = module
        self._node: FunctionNode = module.function(frame.function.facts.span)
        self._depth = 0
        self._models: set[ProjectClass] = set()

    def annotation(self) -> tuple[Shape, tuple[Edit, ...]]:
        """Return the type, and the edits that it needs elsewhere in the file.

        Raises `NoFix` if it is not known, cannot be named, or would change the answer.
        """
        events = [event for event in self._frame.function.facts.events if event[0] == "return"]
        given = [event[1] for event in events if event[1] != ("const", None)]
        shape = _joined([self.shape(expr) for expr in given])
        if len(given) < len(events) or not always_leaves(self._node.body):
            shape = Shape(f"{shape.code} | None", shape.is_proven)
        is_proven = shape.is_proven and self.is_written_alike()
        if ANY not in shape.code:
            return Shape(shape.code, is_proven), ()
        named = name_of(self._module, "typing", ANY)
        return Shape(shape.code.replace(ANY, named.code), is_proven), named.edits

    def is_written_alike(self) -> bool:
        """Tell whether all that was looked at is the same JSON with a response type as without one."""
        return not self._is_something_changed() and all(
            writes_alike(self._inference, model) for model in self._models
        )

    def _is_something_changed(self) -> bool:
        """Tell whether the function changes objects other than lists that it makes, and parts of the response."""
        lists = {name for name, bound in self._frame.function.facts.bindings.items() if _are_lists(bound)}
        for node in ast.walk(self._node):
            if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
                if not self._is_of_http(node):
                    return True
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("setattr", "delattr", "vars"):
                    return True
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in CHANGING
            ):
                target = node.func.value
                if not (isinstance(target, ast.Name) and target.id in lists) and not self._is_of_http(target):
                    return True
        return False

    def _is_of_http(self, node: ast.expr) -> bool:
        """Tell whether something is part of the request or response that the function is given."""
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        parameter = self._frame.function.parameters.get(node.id) if isinstance(node, ast.Name) else None
        annotation = parameter.annotation if parameter is not None else None
        return annotation is not None and last_name(annotation) in ("Request", "Response")

    def shape(self, expr: Expr) -> Shape:
        """Return the type of one value."""
        if self._depth > DEEPEST:
            raise NoFix("what it returns is nested deeply")
        self._depth += 1
        try:
            return self._written_out(expr) or self._named(expr) or self._made(expr) or self._inferred(expr)
        finally:
            self._depth -= 1

    def _written_out(self, expr: Expr) -> Shape | None:
        tag = expr[0]
        if tag == "const":
            return Shape(CONSTANTS[type(expr[1])])
        if tag == "text":
            return Shape("str")
        if tag == "dict":
            if any(key[0] != "const" or not isinstance(key[1], str) for key in expr[1]):
                raise NoFix("the keys of what it returns are not known")
            if any(key[1].startswith(LEFT_OUT) for key in expr[1]):
                raise NoFix(f"FastAPI leaves out what begins with `{LEFT_OUT}`")
            item = self._item(expr[2])
            code = item.code if item.code in SIMPLE else ANY
            return Shape(f"dict[str, {code}]", item.is_proven)
        if tag == "list":
            item = self._item(tuple(part[1][1][0] if _is_comprehension(part) else part for part in expr[1]))
            return Shape(f"list[{item.code}]", item.is_proven)
        return None

    def _item(self, values: tuple[Expr, ...]) -> Shape:
        shapes = [self.shape(value) for value in values]
        is_proven = all(shape.is_proven for shape in shapes)
        codes = {shape.code for shape in shapes}
        return Shape(codes.pop() if len(codes) == 1 else ANY, is_proven)

    def _named(self, expr: Expr) -> Shape | None:
        """Return the type of a variable that is made once, or of a parameter that FastAPI checks."""
        if expr[0] != "name" or expr[1] in self._frame.function.facts.outer_names:
            return None
        name = str(expr[1])
        facts = self._frame.function.facts
        parameter = self._frame.function.parameters.get(name)
        bindings = facts.bindings.get(name, [])
        if sum(bindings_of(part, name) for part in ast.iter_child_nodes(self._node)) != 1:
            return None
        if parameter is not None:
            declared = _checked_type(parameter)
            return self._as_kept(name, self._declared(declared)) if declared is not None else None
        if len(bindings) != 1:
            return None
        value = bindings[0][2]
        if value[0] == "typed" and value[2] is not None:
            value = value[2]
        if value[0] in ("list", "dict"):
            return self._filled(name, value)
        if value[0] == "call":
            return self._as_kept(name, self._made(value))
        if value[0] == "elem":
            return self._as_kept(name, self._element(value[1]))
        return None

    def _as_kept(self, name: str, shape: Shape | None) -> Shape | None:
        """Return the type of a variable, which is proven only if no other code gets hold of its object."""
        if shape is None or shape.code in SIMPLE:
            return shape
        loads = [n for n in ast.walk(self._node) if isinstance(n, ast.Name) and n.id == name]
        is_kept = all(self._leaves_alone(n) for n in loads if isinstance(n.ctx, ast.Load))
        return Shape(shape.code, shape.is_proven and is_kept)

    def _leaves_alone(self, node: ast.Name) -> bool:
        """Tell whether a place where an object is used cannot change it."""
        parent = self._module.parent(node)
        around = self._module.parent(parent)
        if isinstance(parent, ast.keyword):
            parent, around = around, self._module.parent(around)
        if isinstance(parent, ast.Attribute):
            is_called = isinstance(around, ast.Call) and around.func is parent
            return (
                parent.attr in DUMPING if is_called else not isinstance(around, ast.Attribute | ast.Subscript)
            )
        if isinstance(parent, ast.Call):
            callee = parent.func
            if isinstance(callee, ast.Attribute):
                return callee.attr == "append"
            return isinstance(callee, ast.Name) and (callee.id in ASKING or callee.id[:1].isupper())
        return isinstance(
            parent,
            ast.Return | ast.Dict | ast.List | ast.ListComp | ast.For | ast.comprehension | ast.Compare
            | ast.FormattedValue | ast.If | ast.BoolOp | ast.UnaryOp,
        )  # fmt: skip

    def _element(self, iterated: Expr) -> Shape | None:
        """Return the type of what a loop over a list gives."""
        whole = self.shape(iterated)
        if not whole.code.startswith("list["):
            return None
        return Shape(whole.code.removeprefix("list[")[:-1], whole.is_proven)

    def _declared(self, annotation: Expr) -> Shape | None:
        """Return the type of a parameter that FastAPI makes an object of that type for."""
        if annotation[0] == "name" and annotation[1] in SIMPLE:
            return Shape(str(annotation[1]))
        scope = self._frame.parent or self._inference.defining_frame(self._frame.function)
        value = _only(annotated_values(self._inference, annotation, scope))
        if not isinstance(value, Instance) or not isinstance(value.cls, ProjectClass):
            return None
        named = self._inference.values(annotation, scope)
        is_class = bool(named) and all(
            isinstance(v, ClassValue) for v in named
        )  # and no alias with `Depends`
        is_model = is_class and self._inference.is_subclass(value, MODEL)
        return Shape(self._class(value.cls, annotation)) if is_model else None

    def _filled(self, name: str, value: Expr) -> Shape | None:
        """Return the type of a list to which nothing but `append` adds."""
        appended = [
            event[1]
            for event in self._frame.function.facts.events
            if event[0] in ("call", "drop") and _is_append(event[1], name)
        ]
        nodes = [n for n in ast.walk(self._node) if isinstance(n, ast.Name) and n.id == name]
        harmless = sum(self._is_harmless(node) for node in nodes)
        if harmless != len(nodes) - 1 or (appended and value[0] != "list"):
            return None
        if not appended:
            return self._written_out(value)
        return self._written_out(("list", (*value[1], *(call[2][0] for call in appended))))

    def _is_harmless(self, node: ast.Name) -> bool:
        parent = self._module.parent(node)
        if isinstance(parent, ast.Attribute):
            call = self._module.parent(parent)
            return (
                parent.attr == "append" and isinstance(call, ast.Call) and call.func is parent
                and len(call.args) == 1 and isinstance(self._module.parent(call), ast.Expr)
            )  # fmt: skip
        if isinstance(parent, ast.Call):
            return isinstance(parent.func, ast.Name) and parent.func.id in READING
        if isinstance(parent, ast.comprehension | ast.For):
            return parent.iter is node
        return isinstance(parent, ast.Return | ast.Dict)

    def _made(self, expr: Expr) -> Shape | None:
        """Return the model that is made right here, or the type of a builtin's result."""
        if expr[0] != "call":
            return None
        callee = expr[1]
        if callee[0] == "name" and callee[1] in RESULTS:
            values = self._inference.values(callee, self._frame)
            is_builtin = all(
                getattr(value, "cls", getattr(value, "name", "")) == f"builtins.{callee[1]}"
                for value in values
            )
            return Shape(RESULTS[callee[1]]) if is_builtin else None
        validates = called_name(expr) in VALIDATES and callee[0] == "attr"
        named = callee[1] if validates else callee
        value = _only(self._inference.values(named, self._frame))
        if not isinstance(value, ClassValue) or not isinstance(value.cls, ProjectClass):
            return None
        code = self._class(value.cls, named)
        return Shape(code, not (validates and subclasses(self._inference, value.cls)))

    def _inferred(self, expr: Expr) -> Shape:
        """Return the type of a value that other code makes: a list of models, or plain values.

        It is not used for a single model, which may be `None` as well, and `Any` may be anything in practice.
        """
        values = self._inference.values(expr, self._frame)
        if not values:
            raise NoFix("what it returns is not known")
        if self._depth > 1 and all(map(_is_plain, values)):
            return Shape(ANY, is_proven=False)
        value = _only(values)
        if (
            self._depth == 1
            and isinstance(value, Collection)
            and value.kind == "list"
            and not self._is_built(expr)
        ):
            item = _only(value.items)
            if isinstance(item, Instance) and isinstance(item.cls, ProjectClass):
                return Shape(f"list[{self._class(item.cls, None)}]", is_proven=False)
        raise NoFix("what it returns is not known well enough")

    def _is_built(self, expr: Expr) -> bool:
        """Tell whether a value is a list that the function fills, in ways that are not known."""
        bindings = self._frame.function.facts.bindings.get(expr[1], []) if expr[0] == "name" else []
        return any(unwrapped(value)[0] == "list" for _, _, value in bindings)

    # Naming

    def _class(self, cls: ProjectClass, given: Expr | None) -> str:
        """Return how to write a model as an annotation of the function."""
        name = cls.facts.name
        self._models.add(cls)
        if not self._inference.is_subclass(Instance(cls), MODEL):
            raise NoFix(f"`{name}` is no model of Pydantic")
        own = [base for base in self._inference.mro(cls) if isinstance(base, ProjectClass)]
        if any(base.own(dump) for base in own for dump in DUMPS):
            raise NoFix(f"`{name}` turns itself into a dictionary in a way of its own")
        if any(
            setting in str((base.own("model_config"), base.facts.keywords))
            for base in own
            for setting in UNDESCRIBED
        ):
            raise NoFix(f"`{name}` may hold what the OpenAPI document cannot describe")
        if any(base[0] == "sub" or last_name(base) == "Generic" for part in own for base in part.facts.bases):
            raise NoFix(f"`{name}` is generic")
        if given is not None and given[0] == "attr":
            code = render(given)
            root, *_ = code.split(".")
            if (
                code.replace(".", "").isidentifier()
                and root in self._bound_before()
                and not self._is_local(root)
            ):
                return code
            raise NoFix(f"`{code}` cannot be named where the function is defined")
        for candidate in self._bound_before():
            values = self._inference.lookup(self._frame.function.module.frame, candidate, 10**9, 0)
            if not self._is_local(candidate) and values == (ClassValue(cls),):
                return candidate
        raise NoFix(f"`{name}` is not imported at the top of the file")

    def _bound_before(self) -> list[str]:
        """Return the names that imports and classes at module level bind before the function is defined."""
        row = min([self._node.lineno, *(d.lineno for d in self._node.decorator_list)])
        outermost: ast.AST = self._node
        for _, whole in self._module.around(self._node):
            if not isinstance(whole, ast.Module):
                outermost = whole
        row = min(row, getattr(outermost, "lineno", row))
        found: list[str] = []
        for statement in self._module.tree.body:
            if statement.lineno >= row:
                break
            if isinstance(statement, Import):
                found += [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
            elif isinstance(statement, ast.ClassDef):
                found.append(statement.name)
        return found

    def _is_local(self, name: str) -> bool:
        """Tell whether a function around, or the class that it is in, gives a name another meaning."""
        return any(
            isinstance(whole, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _binds(whole, name)
            for _, whole in self._module.around(self._node)
        )


def _checked_type(parameter: Parameter) -> Expr | None:
    """Return the annotation of a parameter that comes from the request, and is required."""
    annotation, default = parameter.annotation, parameter.default
    if annotation is None:
        return None
    if default is not None and not (
        default[0] == "call"
        and called_name(default) in REQUEST_PARTS
        and not default[2]
        and not {"default", "default_factory"} & {name for name, _ in default[3]}
    ):
        return None
    if annotation[0] == "sub" and last_name(annotation[1]) == "Annotated" and annotation[2][0] == "tuple":
        annotation, *details = annotation[2][1]
        if not all(detail[0] == "call" and called_name(detail) in REQUEST_PARTS for detail in details):
            return None
    return annotation


def _only(values: Values) -> Value | None:
    return values[0] if len(values) == 1 else None


def _is_plain(value: Value) -> bool:
    return isinstance(value, Text) or (isinstance(value, Instance) and value.cls in SCALARS)


def _are_lists(bindings: list[Binding]) -> bool:
    """Tell whether a name is bound to lists that are written out there, and to nothing else."""
    return all(unwrapped(value)[0] == "list" for _, _, value in bindings)


def always_leaves(body: list[ast.stmt]) -> bool:
    """Tell whether the end of a block is never reached: the last statement returns, raises or never ends."""
    last = body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and always_leaves(last.body) and always_leaves(last.orelse)
    if isinstance(last, ast.With | ast.AsyncWith):
        return always_leaves(last.body) and not any("suppress" in ast.dump(item) for item in last.items)
    if isinstance(last, ast.Try):
        if last.finalbody and always_leaves(last.finalbody):
            return True
        return always_leaves(last.orelse or last.body) and all(always_leaves(h.body) for h in last.handlers)
    if isinstance(last, ast.Match):
        final = last.cases[-1]
        is_open = (
            isinstance(final.pattern, ast.MatchAs) and final.pattern.pattern is None and final.guard is None
        )
        return is_open and all(always_leaves(case.body) for case in last.cases)
    return False


def _joined(shapes: list[Shape]) -> Shape:
    codes = {shape.code for shape in shapes}
    is_proven = all(shape.is_proven for shape in shapes)
    if len(codes) == 1:
        return Shape(codes.pop(), is_proven)
    if codes and all(code.startswith("dict[str, ") for code in codes):
        return Shape(f"dict[str, {ANY}]", is_proven)
    raise NoFix("it returns values of different types")


def _is_comprehension(part: Expr) -> bool:
    return bool(part[0] == "star" and part[1][0] == "list" and len(part[1][1]) == 1)


def _is_append(call: Expr, name: str) -> bool:
    callee = call[1]
    return bool(
        callee[0] == "attr"
        and callee[2] == "append"
        and callee[1][:2] == ("name", name)
        and len(call[2]) == 1
    )


def _binds(scope: ast.AST, name: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.arg) and node.arg == name)
        or (isinstance(node, Import) and name in [a.asname or a.name.partition(".")[0] for a in node.names])
        or (
            isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node is not scope
            and node.name == name
        )
        for node in ast.walk(scope)
    )
