"""FL210: An engine opens a connection for each request, or has a single one for all."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.imported import engines
from fastlint.diagnostics import Applicability
from fastlint.facts.model import Event, Expr
from fastlint.facts.structure import walk
from fastlint.project.bindings import call_argument
from fastlint.project.program import Function
from fastlint.project.values import ClassValue, LibraryName
from fastlint.rules.database.engine_arguments import without
from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render

EXTERNAL = (
    "bouncer", "pooler", "proxy", "neon", "lambda", "serverless", "supabase", "cache_size", "prepared_statement",
    "sqlite", "check_same_thread", "memory",
)  # fmt: skip
"""Words in the arguments that tell of a pool in front of the database, or of SQLite."""
ELSEWHERE = ("worker", "celery", "task", "job", "test", "migrat", "alembic", "script", "maintenance", "admin")
"""Words in the name of a function, file or variable for what does not serve requests."""
SERVERLESS = frozenset({"Mangum", "mangum", "celery", "Celery", "dramatiq", "pgbouncer", "alembic"})


class NullpoolInServer(ModelRule):
    """An engine opens a connection for each request, or has a single one for all."""

    code = "FL210"

    def find(self) -> Iterator[Finding]:
        """Look at the engines of the application that are told to keep no pool."""
        modules = self.application.program.modules.values()
        if any(module.mentions("Mangum", "mangum") for module in modules):
            return
        for function, event in engines(self.application):
            pool = self._pool(function, event[1])
            if pool and event[3] == 0 and not self._is_elsewhere(function, event):
                yield self.finding(
                    function,
                    event[5],
                    f"`{render(event[1])}` has `poolclass=NullPool`, so each request opens a connection of its own",
                    "Leave `poolclass` out, so that the engine keeps connections open between requests",
                    entries=(),
                    fix=without(function, event[5], "poolclass", Applicability.UNSAFE),
                )

    def _pool(self, function: Function, call: Expr) -> bool:
        given = call_argument(call, None, "poolclass")
        if given is None or given[0] not in ("name", "attr"):
            return False
        values = self.application.inference.values(given, self.application.program.generic_frame(function))
        names = [
            v.name if isinstance(v, LibraryName) else v.cls
            for v in values
            if isinstance(v, (LibraryName, ClassValue))
        ]
        return len(names) == 1 and str(names[0]).rpartition(".")[2] == "NullPool"

    def _is_elsewhere(self, function: Function, event: Event) -> bool:
        """Tell whether an engine is for SQLite, has a pool in front of the database, or serves no requests."""
        module = function.module
        if module.mentions(*SERVERLESS) or module in self.application.resolver.modules_with_loops:
            return True
        said = [str(item).lower() for part in walk(event[1]) for item in part[1:3] if isinstance(item, str)]
        said += [str(name).lower() for name, _ in event[1][3]]
        top = module.facts.functions[0].bindings
        for part in walk(event[1]):
            if part[0] == "name":
                said += [
                    str(p[1]).lower() for _, _, v in top.get(part[1], ()) for p in walk(v) if p[0] == "const"
                ]
        if any(word in text for text in said for word in EXTERNAL):
            return True
        names = [function.facts.name, module.path.rpartition("/")[2]]
        names += [n for n, bound in function.facts.bindings.items() if any(b[2] is event[1] for b in bound)]
        return any(word in name.lower() for name in names for word in ELSEWHERE)
