"""FL209: A request makes an engine, a pool or a database connection of its own."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.application.imported import is_about_migrations
from fastlint.application.makings import Made, Makings
from fastlint.diagnostics import Severity
from fastlint.facts.model import Expr
from fastlint.facts.structure import walk
from fastlint.fixes.files import FixMaker
from fastlint.rules.finding import Finding
from fastlint.rules.making import shown
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.remembering import keep
from fastlint.rules.rendering import render

WORDS = {
    "engine": "an engine",
    "pool": "a pool of connections",
    "connection": "a database connection",
    "client": "a client with connections of its own",
}
SHARED = {
    "engine": "Make the engine once, at module level or in the lifespan, and let requests borrow connections from it",
    "pool": "Make the pool once, in the lifespan, and let requests borrow connections from it",
    "connection": "Make a pool in the lifespan and let requests borrow connections from it",
    "client": "Make one client, at module level or in the lifespan, and let all requests share it",
}


class EngineOrConnectionPerRequest(ModelRule):
    """A request makes an engine, a pool or a database connection of its own."""

    code = "FL209"

    def find(self) -> Iterator[Finding]:
        """Look at what code of the request path makes."""
        self.makings = Makings(self.application)
        for made in self.makings.of_requests(*WORDS):
            is_engine = made.resource.kind == "engine" or self.makings.is_database(made.use.name)
            if made.resource.rank and is_engine and not self.makings.brings_connections(made):
                yield self._about(made)
        yield from self._about_tables()

    def _about(self, made: Made) -> Finding:
        kind = made.resource.kind
        severity = Severity.ERROR
        if (
            is_about_migrations(made.frame.function.module)
            or self.makings.varying(made.call, made.frame)
            or self.makings.is_rare(made)
        ):
            severity = Severity.INFO
        elif made.resource.rank == 1 or _is_embedded(made):
            severity = Severity.WARNING
        return self.finding(
            made.frame,
            made.use.span,
            f"`{shown(self.makings, made)}` makes {WORDS[kind]} for each request{self.where(made.frame)}; no request "
            "finds a connection open",
            SHARED[kind],
            severity,
            fix=self._sharing(made),
        )

    def _sharing(self, made: Made) -> FixMaker | None:
        """Return what makes an engine or client of the module, of those that connect when they are first used."""
        if made.resource.kind == "engine":
            return keep(made.use, self.application.inference, lambda _: "engine")
        if made.resource.kind == "client" and made.use.name.startswith("redis."):
            return keep(made.use, self.application.inference, lambda _: "redis_client")
        return None

    def _about_tables(self) -> Iterator[Finding]:
        """Find `Base.metadata.create_all(engine)`, which asks the database for every table."""
        naming = set(self.application.program.functions_naming(("create_all",)))
        for site in self.application.requests.sites if naming else ():
            call = site.event[1]
            if site.frame.function not in naming or call[0] != "call":
                continue
            if any(_creates_tables(part) for part in (call[1], *call[2])):
                yield self.finding(
                    site.frame,
                    site.event[5],
                    f"`{render(call)}` asks the database for every table{self.where(site.frame)}, on each request",
                    "Create tables once, at start-up or in a migration",
                )


def _is_embedded(made: Made) -> bool:
    """Tell whether an engine is for SQLite, where opening a connection opens a file."""
    return any(
        part[0] == "const" and isinstance(part[1], str) and part[1].startswith("sqlite")
        for part in walk(made.call)
    )


def _creates_tables(expr: Expr) -> bool:
    """Tell whether an expression is `Base.metadata.create_all`."""
    return bool(expr[0] == "attr" and expr[2] == "create_all" and expr[1][2:3] == ("metadata",))
