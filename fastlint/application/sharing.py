"""Which functions touch what requests share: state that outlives the call, and objects that only one may use."""

from __future__ import annotations

from fastlint.application.below import Below
from fastlint.application.changes import Changes
from fastlint.application.kept_objects import KeptObjects
from fastlint.application.lent_objects import LentObjects
from fastlint.application.outliving import is_alias, is_local, outlives
from fastlint.application.replacements import Replacements
from fastlint.application.threads import is_bound
from fastlint.application.unknown_calls import UnknownCalls
from fastlint.facts.model import Expr
from fastlint.facts.structure import called_name, evaluated, leaf, root
from fastlint.project.infer import Inference
from fastlint.project.program import Frame, ProjectClass
from fastlint.project.values import ClassValue, FunctionValue, Instance, LibraryName, ModuleValue, Suspended

MUTATING_FUNCTIONS = frozenset(
    {"heappush", "heappop", "heapify", "heapreplace", "heappushpop", "next", "shuffle", "setattr", "delattr"}
)
"""Functions that change what they are given first."""
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


class Sharing:
    """Answers whether functions leave alone what other requests use."""

    def __init__(
        self, inference: Inference, lent: LentObjects, kept: KeptObjects, below: Below, changes: Changes
    ) -> None:
        self._inference = inference
        self._lent = lent
        self._kept = kept
        self._below = below
        self._changes = changes
        self._replacements = Replacements(inference)
        self._unknown = UnknownCalls(inference, changes)
        self._touching: dict[Frame, bool] = {}
        self._private: dict[Frame, bool] = {}
        self._unchanging: dict[Frame, bool] = {}

    def changes_nothing(self, frame: Frame) -> bool:
        """Tell whether neither a function nor what it runs or awaits changes what outlives a call."""
        if frame not in self._unchanging:
            self._unchanging[frame] = not any(
                self._changes.of(reached) or self._kept.are_changed_in(reached)
                for reached in self._below.of(frame, awaited=True)
            )
        return self._unchanging[frame]

    def is_private(self, frame: Frame) -> bool:
        """Tell whether nothing that a function runs or awaits touches what requests share, as far as all is known."""
        if frame not in self._private:
            self._private[frame] = not any(map(self._touches_shared, self._below.of(frame, awaited=True)))
        return self._private[frame]

    def _touches_shared(self, frame: Frame) -> bool:
        """Tell whether a function itself changes, or reads while others change it, what outlives the call.

        What nobody can know counts as well, such as calls of unknown functions.
        """
        if frame not in self._touching:
            self._touching[frame] = (
                bool(self._changes.of(frame))
                or self._changes_alias(frame)
                or any(self._is_touched(part, frame) for part in evaluated(frame.function.facts))
                or self._lent.uses_kept(frame.function)
                or self._kept.are_changed_in(frame)
                or self._unknown.are_in(frame)
            )
        return self._touching[frame]

    def _changes_alias(self, frame: Frame) -> bool:
        """Tell whether a function changes, by a local name, what outlives the call."""
        facts = frame.function.facts
        changed = [(base, attribute) for base, attribute, _ in facts.stores]
        changed += [
            (event[1][1], "")
            for event in facts.events
            if event[0] == "augment" and event[1][0] in ("attr", "sub")
        ]
        return any(
            is_alias(base, frame) or self._is_of_module(base, frame)
            for base, attribute in changed
            if attribute != "[+]" or self._changes.is_container(base, frame)
        )

    def _is_touched(self, part: Expr, frame: Frame) -> bool:
        if part[0] == "call":
            return (
                self._is_changing_call(part, frame)
                or self._lent.remembers(part, frame)
                or any(map(self._replacements.has, self._inference.values(part[1], frame)))
            )
        return part[0] in ("name", "attr") and self._is_shared_read(part, frame)

    def _is_shared_read(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether an expression reads what outlives the call, and some call changes or only one may use at a time."""
        name = root(expr)
        if is_local(name, frame):
            return False
        values = self._inference.values(expr, frame)
        if any(
            is_bound(value) or (isinstance(value, Suspended) and value.kind == "generator")
            for value in values
        ):
            return True
        if self._lent.holds_exclusive(values) and not self._lent.is_self(name, frame):
            return True
        if self._is_changed_variable(expr, frame):
            return True
        if any(isinstance(value, (FunctionValue, ClassValue, LibraryName, ModuleValue)) for value in values):
            return False
        holders = self._inference.values(expr[1], frame) if expr[0] == "attr" else ()
        return not any(
            isinstance(holder, ClassValue) for holder in holders
        ) and self._changes.is_changed_container(leaf(expr))

    def _is_changed_variable(self, expr: Expr, frame: Frame) -> bool:
        """Tell whether a name is a variable of the module, or an attribute of what one holds, and calls change it."""
        if expr[0] == "name":
            return expr[1] in self._changes.variables_changed_in(frame.function.module)
        changed = self._changes.classes_changing(expr[2])
        return bool(changed) and any(
            isinstance(holder, Instance)
            and isinstance(holder.cls, ProjectClass)
            and not changed.isdisjoint((None, *self._inference.mro(holder.cls)))
            and self._lent.is_of_module(holder.cls)
            for holder in self._inference.values(expr[1], frame)
        )

    def _is_changing_call(self, call: Expr, frame: Frame) -> bool:
        """Tell whether a call changes what it is given of things that outlive the calling function."""
        changed = list(call[2][:1]) if called_name(call) in MUTATING_FUNCTIONS else []
        for value in self._inference.values(call[1], frame):
            if isinstance(value, LibraryName) and value.name in PROCESS_WIDE:
                return True
            if isinstance(value, LibraryName) and value.name.startswith(COORDINATING):
                changed.append(call[1])
            if isinstance(value, FunctionValue):
                changed += self._changes.changed_arguments(call, value)
        return any(
            argument[0] in ("name", "attr") and (outlives(argument, frame) or is_alias(argument, frame))
            for argument in changed
        )

    def _is_of_module(self, base: Expr, frame: Frame) -> bool:
        """Tell whether a local variable may stand for an object that a variable of a module holds."""
        name, facts = root(base), frame.function.facts
        made = [value for _, _, value in facts.bindings.get(name, ())]
        if name == "self" or (made and all(self._is_made(value, frame) for value in made)):
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
