"""What code does that other requests notice, beyond what it returns: state that all share, the running loop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from fastlint.application.context_variables import ContextVariables
from fastlint.application.lent_objects import LentObjects
from fastlint.application.library_objects import LibraryObjects
from fastlint.application.references import References
from fastlint.application.replacements import Replacements
from fastlint.facts.model import DIRECTLY, Expr, FunctionFacts
from fastlint.facts.rounds import dotted
from fastlint.facts.structure import blocks_around, called_name, children, mentions, outlives_call
from fastlint.project.calls import CallResolver
from fastlint.project.program import Frame, Function, Module, ProjectClass
from fastlint.project.values import (
    ClassValue,
    FunctionValue,
    Instance,
    LibraryName,
    ModuleValue,
    Suspended,
    Value,
)

MUTATING = frozenset({
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft", "insert",
    "intersection_update", "move_to_end", "pop", "popitem", "popleft", "put", "put_nowait", "remove", "reverse", "rotate",
    "setdefault", "sort", "subtract", "update",
})  # fmt: skip
"""Methods of containers that change them."""
MUTATING_FUNCTIONS = frozenset(
    {"heappush", "heappop", "heapify", "heapreplace", "heappushpop", "next", "shuffle", "setattr", "delattr"}
)
"""Functions that change what they are given first."""
OPEN = frozenset({"headers", "cookies", "params", "proxies", "path"})
"""Attributes of library objects that are containers: `session.headers`, `sys.path`."""
LOOP_LIBRARIES = ("asyncio.", "anyio.", "trio.", "sniffio.")
LOOP_FREE = frozenset({
    "asyncio.iscoroutinefunction", "asyncio.iscoroutine", "asyncio.Lock", "asyncio.Event", "asyncio.Queue",
    "asyncio.Semaphore", "asyncio.Condition", "asyncio.run", "asyncio.Lock.locked", "asyncio.Event.is_set",
    "asyncio.Queue.qsize", "asyncio.Queue.empty", "asyncio.Queue.full", "anyio.run", "anyio.Path",
    "anyio.from_thread.run", "anyio.from_thread.run_sync",
})  # fmt: skip
"""What plain code in any thread may call of libraries that are about event loops."""
LOOP_METHODS = frozenset({
    "call_soon", "call_later", "call_at", "create_task", "create_future", "add_done_callback", "run_until_complete",
    "run_forever", "start_soon", "set_result", "set_exception",
})  # fmt: skip
"""Methods that belong to a loop or to its tasks, whatever object they are called on."""
MAIN_THREAD = frozenset({"signal.signal", "signal.setitimer", "signal.alarm", "signal.set_wakeup_fd"})
CONTEXT_BOUND = frozenset({"decimal.setcontext", "decimal.localcontext", "decimal.getcontext"})
PROCESS_WIDE = frozenset({
    "os.chdir", "os.umask", "os.putenv", "os.unsetenv", "random.seed", "locale.setlocale", "socket.setdefaulttimeout",
    "contextlib.redirect_stdout", "contextlib.redirect_stderr", "contextlib.chdir", "warnings.catch_warnings",
    "warnings.simplefilter", "warnings.filterwarnings", "time.tzset", "sys.setrecursionlimit",
})  # fmt: skip
"""Functions that change something for the whole process."""
COORDINATING = tuple(
    f"asyncio.{name}." for name in ("Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Queue")
)
"""Classes whose methods tell how far other requests are, or change that."""
STARTING = frozenset({
    "create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe", "call_soon", "call_soon_threadsafe", "call_later", "call_at",
})  # fmt: skip
"""Calls that let something run as soon as the event loop is free."""
DATA = frozenset({"json", "loads", "load", "safe_load", "decode", "info", "hgetall"})
"""Functions and methods of libraries that give what a text says: dictionaries, lists, texts and numbers."""
OBJECTS = frozenset({"pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "shelve", "torch"})
"""Libraries that load objects of any class."""
HOOKS = frozenset({"cls", "object_hook", "object_pairs_hook", "Loader"})
"""Arguments that make objects of the program of what is read."""
READING = frozenset({"get", "items", "keys", "values", "copy"})
"""Methods of dictionaries that change nothing."""
THREAD_BOUND = (
    "sqlite3.",
    "playwright.",
    "threading.local",
    "_thread._local",
    "sqlalchemy.orm.scoped_session",
    "sqlalchemy.orm.scoping.",
)
"""Libraries and classes whose objects may only be used in the thread that made them, or mean something else in another."""
THREADS_OWN = ("peewee.", "playhouse.", "pony.")
"""Libraries that keep a connection for each thread."""
CONTAINERS = ("builtins.", "collections.", "queue.", "cachetools.")
DISPLAYS = frozenset({"list", "dict", "set"})
"""How containers are written out."""
MAKERS = frozenset({"__init__", "__new__", "__post_init__"})
DEEPEST = 12


class Sharing:
    """Answers whether a function can run in another thread, or pause, unnoticed."""

    def __init__(
        self, resolver: CallResolver, context_variables: ContextVariables, references: References
    ) -> None:
        self._resolver = resolver
        self._inference = resolver.inference
        self._lent = LentObjects(self._inference, references)
        self._objects = LibraryObjects(self._inference)
        self._replacements = Replacements(self._inference)
        self._context_variables = context_variables
        self._touches: dict[Frame, str] = {}
        self._changed_containers: dict[str, bool] = {}
        self._changed_variables: dict[Module, frozenset[str]] = {}
        self._changed_attributes: dict[str, frozenset[ProjectClass | None]] = {}
        self._changed_by: dict[Frame, list[tuple[Expr, bool]]] = {}
        self._private: dict[Frame, bool] = {}
        self._unchanging: dict[Frame, bool] = {}
        self._files: dict[Frame, frozenset[str]] = {}
        self._unfit: dict[Frame, str] = {}
        self._unfit_by_itself: dict[Frame, str] = {}
        self._outer: dict[Function, tuple[Expr, ...]] = {}
        self._stopping: dict[Frame, bool] = {}
        self._below_plain: dict[Frame, tuple[Frame, ...]] = {}
        self._below_awaited: dict[Frame, tuple[Frame, ...]] = {}
        self._makers: dict[Function, bool] = {}
        self._starting: dict[Frame, bool] = {}
        self._giving: dict[Frame, bool] = {}
        self._changed_given: dict[Function, set[str]] = {}
        self._changes_below: dict[str, bool] = {}

    @cached_property
    def _changing(self) -> set[Function]:
        """The functions that may change what outlives a call, told by their names alone."""
        program = self._inference.program
        mutating = set(program.functions_naming(MUTATING))
        return {f for f in program.functions() if f.facts.stored or f.facts.outer_names or f in mutating}

    def _is_changed_container(self, name: str) -> bool:
        """Tell whether some call changes the items of a container that outlives it and has that last name."""
        if name not in self._changed_containers:
            program = self._inference.program
            self._changed_containers[name] = any(
                is_container and _last(expr) == name
                for function in program.functions_naming((name,))
                if function.index and function in self._changing
                for expr, is_container in self._changes(program.generic_frame(function))
            )
        return self._changed_containers[name]

    def _variables_changed_in(self, module: Module) -> frozenset[str]:
        """Return the variables of a module that calls change."""
        if module not in self._changed_variables:
            changing = filter(self._changing.__contains__, module.functions)
            changes = self._changes_of_calls(changing)
            self._changed_variables[module] = frozenset(e[1] for _, e, _ in changes if e[0] == "name")
        return self._changed_variables[module]

    def _classes_changing(self, attribute: str) -> frozenset[ProjectClass | None]:
        """Return the classes whose methods set an attribute of their objects.

        None stands for the attribute of something that is not `self`.
        """
        if attribute not in self._changed_attributes:
            storing = self._inference.program.functions_storing(attribute)
            self._changed_attributes[attribute] = frozenset(
                function.owner if _root(expr) in ("self", "cls") else None
                for function, expr, is_container in self._changes_of_calls(storing)
                if expr[0] == "attr" and expr[2] == attribute and not is_container
            )
        return self._changed_attributes[attribute]

    def _changes_of_calls(self, functions: Iterable[Function]) -> Iterator[tuple[Function, Expr, bool]]:
        """Yield what functions change, those aside that only tests call, such as `reset_pool()`."""
        program = self._inference.program
        for function in functions:
            if function.index and (function.facts.decorators or program.mentions(function.facts.name)):
                for expr, is_container in self._changes(program.generic_frame(function)):
                    yield function, expr, is_container

    def _may_change(self, name: str) -> bool:
        """Tell whether a method of the program of that name, or what it runs, changes what outlives a call."""
        if name not in self._changes_below:
            program = self._inference.program
            self._changes_below[name] = any(
                self._changes(below)
                for function in self._methods.get(name, ())
                for below in self._reached(program.generic_frame(function), awaited=True)
            )
        return self._changes_below[name]

    @cached_property
    def _methods(self) -> dict[str, list[Function]]:
        """The methods of the program, by name."""
        found: dict[str, list[Function]] = defaultdict(list)
        for function in self._inference.program.functions():
            if function.owner is not None:
                found[function.facts.name].append(function)
        return found

    def touches_shared(self, frame: Frame) -> str:
        """Return what a function itself changes, or reads while others change it, that outlives the call, or nothing.

        What nobody can know counts as well, such as calls of unknown functions.
        """
        if frame not in self._touches:
            self._touches[frame] = next(self._shared(frame), "")
        return self._touches[frame]

    def _shared(self, frame: Frame) -> Iterator[str]:
        facts = frame.function.facts
        for expr, _ in self._changes(frame):
            yield f"`{_written(expr)}`"
        changed = [(base, attribute) for base, attribute, _ in facts.stores]
        changed += [
            (event[1][1], "")
            for event in facts.events
            if event[0] == "augment" and event[1][0] in ("attr", "sub")
        ]
        for base, attribute in changed:
            if attribute == "[+]" and not self._is_container(base, frame):
                continue
            if self._is_alias(base, frame) or self._is_of_module(base, frame):
                yield f"`{_written(base)}`"
        for part in _parts(facts):
            if part[0] in ("name", "attr") and self._is_shared_read(part, frame):
                yield f"`{_written(part)}`"
            if part[0] == "call":
                yield from self._changed_by_call(part, frame)
                if self._lent.remembers(part, frame):
                    yield f"`{_written(part[1])}(...)`, which is the same for all"
                if any(map(self._replacements.has, self._inference.values(part[1], frame))):
                    yield f"`{_written(part[1])}(...)`, which the program replaces"
        if self._lent.uses_kept(frame.function):
            yield "a session, which others may use"
        for call in self._changed_objects(frame):
            yield f"`{_written(call[1])}(...)`, which may change what all share"
        for call in self._unknown_calls(frame):
            yield f"`{_written(call[1])}(...)`, which is not known"

    def _changes(self, frame: Frame) -> list[tuple[Expr, bool]]:
        """Return what a function changes of things that outlive the call, and whether that is a container."""
        if frame not in self._changed_by:
            self._changed_by[frame] = list(self._find_changes(frame))
        return self._changed_by[frame]

    def _find_changes(self, frame: Frame) -> Iterator[tuple[Expr, bool]]:
        facts = frame.function.facts
        is_maker, once = self._is_maker(frame.function), _filled_once(facts)
        for name in facts.outer_names:
            if name not in once:
                yield ("name", name), False
        for base, attribute, _ in facts.stores:
            is_item = attribute in ("[]", "[+]")
            changed = base if is_item else ("attr", base, attribute)
            if not _outlives_call(base, facts, is_maker=is_maker) or _written(changed) in once:
                continue
            if attribute != "[+]" or self._is_container(base, frame):
                yield changed, is_item
        for event in facts.events:
            expr = event[1]
            if event[0] in ("delete", "augment"):
                if _outlives_call(expr, facts, is_maker=is_maker):
                    yield (expr[1], True) if expr[0] == "sub" else (expr, False)
            elif event[0] in ("call", "drop") and expr[1][0] == "attr" and expr[1][2] in MUTATING:
                base = expr[1][1]
                if _outlives_call(base, facts, is_maker=is_maker) and self._is_container(base, frame):
                    yield base, True

    def _is_maker(self, function: Function) -> bool:
        """Tell whether a method makes its object ready: a constructor, or what constructors alone call."""
        if function.facts.name in MAKERS or function.owner is None or not function.facts.name.startswith("_"):
            return function.facts.name in MAKERS
        if function not in self._makers:
            callers = [caller for caller, _ in self._inference.call_sites.named(function)]
            self._makers[function] = (
                bool(callers)
                and all(c.owner is function.owner and c.facts.name in MAKERS for c in callers)
                and not any(
                    event[0] == "attr" and event[1][2] == function.facts.name
                    for other in self._inference.program.functions_naming((function.facts.name,), tests=True)
                    for event in other.facts.events
                )
            )
        return self._makers[function]

    def _is_container(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an object may be a container of the program's own: not one of a library."""
        values = self._inference.values(expr, frame)
        if expr[0] == "attr" and expr[2] in OPEN:
            return True
        return not values or any(
            not isinstance(value, (Instance, LibraryName, ClassValue, FunctionValue))
            or (isinstance(value, Instance) and str(value.cls).startswith(CONTAINERS))
            for value in values
        )

    def provides_shared(self, provider: Value, frame: Frame | None) -> bool:
        """Tell whether a dependency gives what other requests use as well, or starts something beside the request."""
        if self._overrides_with_session or self._lent.holds_exclusive((provider,)):
            return True
        return frame is not None and (self.gives_shared(frame) or self.starts_something(frame))

    @cached_property
    def _overrides_with_session(self) -> bool:
        """Whether the program itself, and not a test, replaces a dependency by one that gives a lasting session."""
        program = self._inference.program
        return any(
            _last(base) == "dependency_overrides"
            and any(
                isinstance(given, FunctionValue) and self._lent.uses_kept(given.function)
                for given in self._inference.values(value, program.generic_frame(function))
            )
            for function in program.functions_naming(("dependency_overrides",))
            for base, _, value in function.facts.stores
        )

    def gives_shared(self, frame: Frame) -> bool:
        """Tell whether a function returns a container or a session that outlives the call, as a dependency may."""
        if frame not in self._giving:
            self._giving[frame] = self._returns_shared(frame) or any(
                map(self._uses_kept_session, self._reached(frame, awaited=True))
            )
        return self._giving[frame]

    def _uses_kept_session(self, frame: Frame) -> bool:
        """Tell whether a function uses a session that may outlive the request."""
        return self._lent.uses_kept(frame.function) or any(
            part[0] == "attr"
            and _root(part) == "self"
            and self._lent.holds_exclusive(self._inference.values(part, frame))
            and not self._is_of_lent("self", frame)
            for part in _parts(frame.function.facts)
        )

    def _returns_shared(self, frame: Frame) -> bool:
        given = [*frame.function.facts.returns, *frame.function.facts.yields]
        if self._resolver.is_memoised(frame.function):
            return any(
                self._lent.is_exclusive(v) or self._objects.is_for_one(v)
                for expr in given
                for v in self._inference.values(expr, frame)
            )
        return any(
            expr[0] in ("name", "attr")
            and self._outlives(expr, frame)
            and (
                (
                    self._is_container(expr, frame)
                    and not any(
                        isinstance(v, Instance) and not isinstance(v.cls, str)
                        for v in self._inference.values(expr, frame)
                    )
                )
                or any(map(self._objects.is_for_one, self._inference.values(expr, frame)))
            )
            for expr in given
        )

    def _changed_objects(self, frame: Frame) -> Iterator[Expr]:
        """Yield the calls of methods that may change an object of a library which outlives the function.

        What is awaited is made for coroutines that run at the same time.
        """
        facts = frame.function.facts
        for kind, expr, _, block, awaited, _ in facts.events:
            if kind not in ("call", "drop", "enter") or expr[0] != "call" or expr[1][0] != "attr" or awaited:
                continue
            if (
                self._objects.may_change(expr[1], frame)
                and self._is_kept(expr[1][1], frame)
                and not _is_guarded(block, facts)
            ):
                yield expr

    def _is_kept(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an object outlives the function: a variable of the module, or what a function gives of these."""
        if expr[0] in ("name", "attr"):
            return not self._is_of_lent(_root(expr), frame) and (
                self._outlives(expr, frame) or self._is_alias(expr, frame) or self._is_remembered(expr, frame)
            )
        return expr[0] == "call" and self._gives_kept(expr, frame)

    def _is_remembered(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether a variable holds what a function gives of things that outlive its calls."""
        bound = frame.function.facts.bindings.get(str(expr[1]), ()) if expr[0] == "name" else ()
        return any(value[0] == "call" and self._gives_kept(value, frame) for _, _, value in bound)

    def _gives_kept(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a call gives what the called function keeps: under a cache, or in a variable of its module."""
        return any(
            isinstance(callee, FunctionValue)
            and (
                "memoises" in callee.marks
                or any(
                    given[0] in ("name", "attr") and not self._is_local(_root(given), inner)
                    for inner in (self._inference.program.generic_frame(callee.function),)
                    for given in callee.function.facts.returns
                )
            )
            for callee in self._inference.values(call[1], frame)
        )

    def _is_alias(self, base: Expr, frame: Frame) -> bool:
        """Tell whether a local variable stands for something that outlives the call: `state = STATE`."""
        root = _root(base)
        return any(
            value[0] in ("name", "attr") and self._outlives(value, frame)
            for _, _, value in frame.function.facts.bindings.get(root, ())
        )

    def _is_of_module(self, base: Expr, frame: Frame) -> bool:
        """Tell whether a local variable may stand for an object that a variable of a module holds."""
        root, facts = _root(base), frame.function.facts
        made = [value for _, _, value in facts.bindings.get(root, ())]
        if root == "self" or (made and all(self._is_made(value, frame) for value in made)):
            return False
        return any(
            isinstance(value, Instance)
            and isinstance(value.cls, ProjectClass)
            and self._lent.is_of_module(value.cls)
            for value in self._inference.values(base, frame)
        )

    def _is_made(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression makes an object, by calling its class."""
        callees = self._inference.values(expr[1], frame) if expr[0] == "call" else ()
        return bool(callees) and all(isinstance(callee, ClassValue) for callee in callees)

    def _outlives(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether what a name or an attribute stands for outlives the call: `STATE`, `request.app.state`."""
        return not self._is_local(_root(expr), frame) or (
            expr[0] == "attr" and outlives_call(expr, frame.function.facts, is_maker=True)
        )

    def _is_local(self, name: str, frame: Frame) -> bool:
        facts = frame.function.facts
        if name in facts.outer_names:
            return False
        if name in facts.bindings or name in frame.function.parameters:
            return name not in ("self", "cls")
        return frame.parent is not None and self._is_local(name, frame.parent)

    def _is_shared_read(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression reads what outlives the call, and some call changes or only one may use at a time."""
        root = _root(expr)
        if self._is_local(root, frame):
            return False
        values = self._inference.values(expr, frame)
        if any(
            is_bound(value) or (isinstance(value, Suspended) and value.kind == "generator")
            for value in values
        ):
            return True
        if self._lent.holds_exclusive(values) and not self._is_of_lent(root, frame):
            return True
        if self._is_changed_variable(expr, frame):
            return True
        if any(isinstance(value, (FunctionValue, ClassValue, LibraryName, ModuleValue)) for value in values):
            return False
        holders = self._inference.values(expr[1], frame) if expr[0] == "attr" else ()
        return not any(isinstance(holder, ClassValue) for holder in holders) and self._is_changed_container(
            _last(expr)
        )

    def _is_changed_variable(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether a name is a variable of the module, or an attribute of what one holds, and calls change it."""
        if expr[0] == "name":
            return expr[1] in self._variables_changed_in(frame.function.module)
        changed = self._classes_changing(expr[2])
        return bool(changed) and any(
            isinstance(holder, Instance)
            and isinstance(holder.cls, ProjectClass)
            and not changed.isdisjoint((None, *self._inference.mro(holder.cls)))
            and self._lent.is_of_module(holder.cls)
            for holder in self._inference.values(expr[1], frame)
        )

    def _is_of_lent(self, name: str, frame: Frame) -> bool:
        """Tell whether a name is `self` in a method of objects that belong to one request each."""
        owner = frame.function.owner
        return name == "self" and owner is not None and self._lent.is_lent(owner)

    def _changed_by_call(self, call: Expr, frame: Frame) -> Iterator[str]:
        """Yield what a call is given of things that outlive the calling function, and changes."""
        changed = list(call[2][:1]) if called_name(call) in MUTATING_FUNCTIONS else []
        for value in self._inference.values(call[1], frame):
            if isinstance(value, LibraryName) and value.name in PROCESS_WIDE:
                yield f"`{value.name}`"
            if isinstance(value, LibraryName) and value.name.startswith(COORDINATING):
                changed.append(call[1])
            if isinstance(value, FunctionValue):
                changed += self._changed_arguments(call, value)
        for argument in changed:
            if argument[0] in ("name", "attr") and (
                self._outlives(argument, frame) or self._is_alias(argument, frame)
            ):
                yield f"`{_written(argument)}`"

    def _changed_arguments(self, call: Expr, callee: FunctionValue) -> list[Expr]:
        """Return the arguments of a call that the called function, or one below it, changes."""
        changed = self._changed_parameters(callee.function)
        return [argument for name, argument in _given(call, callee) if name in changed]

    def _changed_parameters(self, function: Function) -> set[str]:
        """Return the parameters whose items a function, or one that it gives them to, changes."""
        if function not in self._changed_given:
            facts, frame = function.facts, self._inference.program.generic_frame(function)
            found = self._changed_given[function] = {
                _root(base) for base, attribute, _ in facts.stores if attribute in ("[]", "[+]")
            }
            for kind, expr, *_ in facts.events:
                if kind == "augment" and expr[0] == "sub":
                    found.add(_root(expr))
                if kind not in ("call", "drop") or expr[0] != "call":
                    continue
                if expr[1][0] == "attr" and expr[1][2] in MUTATING and self._is_container(expr[1][1], frame):
                    found.add(_root(expr[1][1]))
                for value in self._inference.values(expr[1], frame):
                    if isinstance(value, FunctionValue):
                        found.update(map(_root, self._changed_arguments(expr, value)))
        return self._changed_given[function]

    def changes_nothing(self, frame: Frame) -> bool:
        """Tell whether neither a function nor what it runs or awaits changes what outlives a call."""
        if frame not in self._unchanging:
            self._unchanging[frame] = not any(
                self._changes(reached) or any(True for _ in self._changed_objects(reached))
                for reached in self._reached(frame, awaited=True)
            )
        return self._unchanging[frame]

    def is_private(self, frame: Frame) -> bool:
        """Tell whether nothing that a function runs or awaits touches what requests share, as far as all is known."""
        if frame not in self._private:
            self._private[frame] = not any(map(self.touches_shared, self._reached(frame, awaited=True)))
        return self._private[frame]

    def reads_files(self, frame: Frame) -> bool:
        """Tell whether a function, or the plain ones that it runs, read local files."""
        return any(map(_is_reading, self._file_calls(frame)))

    def writes_files(self, frame: Frame) -> bool:
        """Tell whether a function, or the plain ones that it runs, write local files."""
        return any(map(_is_writing, self._file_calls(frame)))

    def reads_and_writes_files(self, frame: Frame) -> bool:
        """Tell whether a function, or the plain ones that it runs, read local files as well as write them.

        A file may belong to one worker alone, which then relies on that nothing else runs between the two.
        """
        return self.reads_files(frame) and self.writes_files(frame)

    def _file_calls(self, frame: Frame) -> frozenset[str]:
        """Return the names of the calls by which a function, or a plain one that it runs, uses local files."""
        if frame not in self._files:
            self._files[frame] = frozenset(
                sink.name.rpartition(".")[2]
                for reached in self._reached(frame)
                for site in self._resolver.sites(reached)
                for sink in site.sinks
                if sink.effect.kind == "file"
            )
        return self._files[frame]

    def starts_something(self, frame: Frame) -> bool:
        """Tell whether a function starts what begins at the next `await`: a task, a callback."""
        if frame not in self._starting:
            self._starting[frame] = any(map(_starts_something, self._reached(frame, awaited=True)))
        return self._starting[frame]

    def unfit_for_thread(self, frame: Frame) -> str:
        """Return why a plain function must not run in another thread, as the end of a sentence, or nothing."""
        if frame not in self._unfit:
            self._unfit[frame] = next(filter(None, map(self._unfit_alone, self._reached(frame))), "")
            if not self._unfit[frame] and self._context_variables.sets(frame):
                self._unfit[frame] = "it sets a context variable, which a thread would keep to itself"
        return self._unfit[frame]

    def _unfit_alone(self, frame: Frame) -> str:
        """Return why a function must not run in another thread, whatever it runs below."""
        if frame not in self._unfit_by_itself:
            self._unfit_by_itself[frame] = self._unfit_itself(frame)
        return self._unfit_by_itself[frame]

    def _unfit_itself(self, frame: Frame) -> str:
        for event in frame.function.facts.events:
            for name in self._called(event[1], frame) if event[0] in ("call", "drop", "enter") else ():
                if name.startswith(LOOP_LIBRARIES) and name not in LOOP_FREE:
                    return f"it calls `{name}`, which needs the event loop"
                if name.startswith(THREADS_OWN):
                    return f"it calls `{name}`, which has a connection for each thread"
                if name in MAIN_THREAD:
                    return f"it calls `{name}`, which needs the main thread"
                if name in CONTEXT_BOUND:
                    return f"it calls `{name}`, whose context a thread would keep to itself"
            if event[0] in ("call", "drop") and called_name(event[1]) in LOOP_METHODS:
                return f"it calls `{called_name(event[1])}`, which needs the event loop"
        bound = "it works on an object that belongs to the thread that made it"
        return bound if self._uses_bound_object(frame) else ""

    def _uses_bound_object(self, frame: Frame) -> bool:
        """Tell whether a function uses, gets or gives an object that belongs to a thread."""
        facts = frame.function.facts
        for parameter in facts.parameters:
            if any(is_bound(value) for value in self._inference.parameter(frame, parameter)):
                return True
        for expr in (*facts.returns, *facts.yields):
            if any(is_bound(value) for value in self._inference.values(expr, frame)):
                return True
        return any(
            is_bound(value)
            for part in self._outer_parts(frame.function)
            if not self._is_local(_root(part), frame)
            for value in self._inference.values(part, frame)
        )

    def _outer_parts(self, function: Function) -> tuple[Expr, ...]:
        """Return the names and attributes that a function uses and that do not hang on its variables, each once."""
        if function not in self._outer:
            own = function.facts.bindings.keys() | function.parameters.keys()
            own -= {*function.facts.outer_names, "self", "cls"}
            used = (part for part in _parts(function.facts) if part[0] in ("name", "attr"))
            found = {dotted(part) or id(part): part for part in used if _root(part) not in own}
            self._outer[function] = tuple(found.values())
        return self._outer[function]

    def lets_stop_iteration_out(self, frame: Frame) -> bool:
        """Tell whether a plain function may raise `StopIteration`, which cannot leave a thread."""
        if frame not in self._stopping:
            self._stopping[frame] = any(map(_lets_stop_iteration_out, self._reached(frame)))
        return self._stopping[frame]

    def _reached(self, frame: Frame, *, awaited: bool = False) -> Iterator[Frame]:
        """Yield a function and the plain functions that it runs, all levels of them; `awaited` ones as well."""
        found, pending = {frame: 0}, [frame]
        yield frame
        while pending:
            current = pending.pop()
            depth = found[current] + 1
            if depth > DEEPEST:
                continue
            for callee in self._below(current, awaited=awaited):
                if callee not in found:
                    found[callee] = depth
                    pending.append(callee)
                    yield callee

    def _below(self, frame: Frame, *, awaited: bool) -> tuple[Frame, ...]:
        """Return the plain functions that a function itself runs, `awaited` ones as well, each once."""
        known = self._below_awaited if awaited else self._below_plain
        if frame not in known:
            sites = self._resolver.sites(frame)
            known[frame] = tuple(
                dict.fromkeys(
                    callee
                    for site in sites
                    for callee in ((*site.runs, *site.starts) if awaited else site.runs)
                )
            )
        return known[frame]

    def _called(self, expr: Expr, frame: Frame) -> Iterator[str]:
        if expr[0] == "call":
            for value in self._inference.values(expr[1], frame):
                if isinstance(value, LibraryName):
                    yield value.name

    def _unknown_calls(self, frame: Frame) -> Iterator[Expr]:
        for event in frame.function.facts.events:
            if event[0] in ("call", "drop") and event[1][0] == "call":
                callee = event[1][1]
                if callee[0] == "attr" and not self._may_change(callee[2]):
                    continue  # whatever the object is, it changes nothing that is shared
                if self._inference.values(callee, frame) or self._is_of_library(callee, frame):
                    continue
                if not (callee[0] == "attr" and callee[2] in READING and self._is_data(callee[1], frame)):
                    yield event[1]

    def _is_data(self, expr: Expr, frame: Frame, depth: int = 0) -> bool:
        """Tell whether something was read from a text, such as JSON, and so is no object of the program."""
        tag, deeper = expr[0], depth + 1
        if depth > DEEPEST:
            return False
        if tag in ("const", "lit"):
            return True
        if tag in ("list", "tuple", "dict"):
            return not any(True for _ in children(expr))
        if tag in ("elem", "item", "sub", "await"):
            return self._is_data(expr[1], frame, deeper)
        if tag == "any":
            return all(self._is_data(part, frame, deeper) for part in expr[1])
        if tag == "name":
            bindings = frame.function.facts.bindings.get(expr[1], ())
            is_own = (
                expr[1] not in frame.function.parameters and expr[1] not in frame.function.facts.outer_names
            )
            return is_own and bool(bindings) and all(self._is_data(v, frame, deeper) for _, _, v in bindings)
        if tag != "call" or called_name(expr) not in DATA | READING:
            return False
        if called_name(expr) in READING:
            return expr[1][0] == "attr" and all(
                self._is_data(part, frame, deeper) for part in (expr[1][1], *expr[2][1:])
            )
        callees = self._inference.values(expr[1], frame)
        return (
            bool(callees)
            and HOOKS.isdisjoint(name for name, _ in expr[3])
            and all(
                isinstance(callee, LibraryName) and callee.name.partition(".")[0] not in OBJECTS
                for callee in callees
            )
        )

    def _is_of_library(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an attribute hangs on something of a library, whatever that attribute is."""
        while expr[0] in ("attr", "call", "sub"):
            expr = expr[1]
            for value in self._inference.values(expr, frame):
                if isinstance(value, LibraryName):
                    return True
                if isinstance(value, (Instance, ClassValue)) and isinstance(value.cls, str):
                    return True
                if not isinstance(value, (Instance, ClassValue, FunctionValue)):
                    return True
        return False


def _outlives_call(base: Expr, facts: FunctionFacts, *, is_maker: bool) -> bool:
    """Tell whether what hangs on an expression is kept after a call; a container that is a default is as well."""
    return outlives_call(base, facts, is_maker=is_maker) or any(
        parameter.name == _root(base) and parameter.default is not None and parameter.default[0] in DISPLAYS
        for parameter in facts.parameters
    )


def _lets_stop_iteration_out(frame: Frame) -> bool:
    return any(
        event[0] in ("call", "drop") and event[1][1][:2] == ("name", "next") and len(event[1][2]) == 1
        for event in frame.function.facts.events
        if event[1][0] == "call"
    )


def _starts_something(frame: Frame) -> bool:
    return any(
        called_name(event[1]) in STARTING or (called_name(event[1]) == "gather" and event[4] != DIRECTLY)
        for event in frame.function.facts.events
        if event[0] in ("call", "drop")
    )


def _is_reading(name: str) -> bool:
    return name.startswith(("read", "load", "get", "is", "exists", "stat", "list", "glob", "iter"))


def _is_writing(name: str) -> bool:
    return not _is_reading(name) and name not in ("open", "close", "seek", "tell")


def _given(call: Expr, callee: FunctionValue) -> list[tuple[str | None, Expr]]:
    """Return the arguments of a call with the names of the parameters that they are for."""
    names = [parameter.name for parameter in callee.function.facts.parameters]
    if callee.receiver is not None or names[:1] == ["self"]:
        names = names[1:]
    return [*zip(names, call[2], strict=False), *call[3]]


def _filled_once(facts: FunctionFacts) -> set[str]:
    """Return the variables and attributes that a function only sets behind a guard: `if _pool is None`."""
    guarded: set[str] = set()
    plain: set[str] = set()
    if any(kind == "once" for _, kind, _ in facts.blocks):
        asked = [condition for _, _, condition in facts.blocks]
        guarded.update(name for name in facts.outer_names if any(mentions(c, name) for c in asked))
    for event in facts.events:
        if event[0] == "set":
            (guarded if _is_guarded(event[3], facts) else plain).add(_written(event[1]))
    return guarded - plain


def _is_guarded(block: int, facts: FunctionFacts) -> bool:
    return any(kind == "once" for _, kind, _ in blocks_around(facts, block))


def _parts(facts: FunctionFacts) -> Iterator[Expr]:
    """Yield the parts of all that a function evaluates, each once; of long chains of attributes the first ones."""
    values = (value for bindings in facts.bindings.values() for _, _, value in bindings)
    seen: set[int] = set()
    pending = [*(event[1] for event in facts.events), *facts.returns, *values]
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        while (
            part[0] == "attr"
            and part[1][0] == "attr"
            and part[1][1][0] == "attr"
            and part[1][1][1][0] == "attr"
        ):
            part = part[1]
            seen.add(id(part))
        yield part
        pending.extend(children(part))


def is_bound(value: Value) -> bool:
    """Tell whether an object belongs to a thread."""
    name = value.cls if isinstance(value, Instance) else None
    return isinstance(name, str) and name.startswith(THREAD_BOUND)


def _root(expr: Expr) -> str:
    while expr[0] in ("attr", "sub", "call"):
        expr = expr[1]
    return str(expr[1]) if expr[0] == "name" else ""


def _last(expr: Expr) -> str:
    while expr[0] in ("sub", "call"):
        expr = expr[1]
    return str(expr[2]) if expr[0] == "attr" else str(expr[1]) if expr[0] == "name" else ""


def _written(expr: Expr) -> str:
    if expr[0] == "name":
        return str(expr[1])
    if expr[0] == "attr":
        return f"{_written(expr[1])}.{expr[2]}"
    if expr[0] == "sub":
        return f"{_written(expr[1])}[...]"
    return "..."
