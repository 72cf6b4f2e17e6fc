"""Every rule: its code, name, severity, what it looks at, and where its code is."""

from __future__ import annotations

from dataclasses import dataclass

from fastlint.diagnostics import Severity

BLOCKING = "blocking"
"""Calls that block, in code that runs on the event loop."""
OCCUPYING = "occupying"
"""Calls that block, in code that runs in the thread pool."""
CONSTRUCTION = "construction"
"""Objects of certain library classes being made, anywhere."""
MODEL = "model"
"""The application as a whole: the rule asks its model (`rules/model_rule.py`)."""
SAFE, UNSAFE, SOMETIMES = "safe", "unsafe", "sometimes safe"
"""How far the fixes of a rule may be trusted; SOMETIMES if that depends on the program."""
RUN = "run"
"""The run itself: files that cannot be read."""


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What is known of a rule without loading it.

    `suspects` names what the rule wants to see; `kinds` narrows that to kinds of effects of the catalog.
    `module` holds the rule's class; it is imported when there is something for the rule to look at.
    """

    code: str
    name: str
    summary: str
    severity: Severity
    suspects: str
    kinds: frozenset[str] = frozenset()
    module: str = ""
    default: bool = True
    fix: str | None = None
    """SAFE, UNSAFE or SOMETIMES, for a rule that has fixes."""
    per_function: bool = False
    """Whether all suspects in a function make one diagnostic."""


UNFIXED = frozenset({"FL108", "FL111"})
"""Rules about the event loop whose findings cannot be repaired."""


def _loop(code: str, name: str, summary: str, severity: Severity, *kinds: str) -> RuleInfo:
    module = f"fastlint.rules.event_loop.{name.replace('-', '_')}"
    fix = None if code in UNFIXED else SOMETIMES
    return RuleInfo(code, name, summary, severity, BLOCKING, frozenset(kinds), module, fix=fix)


def _database(code: str, name: str, summary: str, *, per_function: bool = False) -> RuleInfo:
    module = f"fastlint.rules.database.{name.replace('-', '_')}"
    kinds = frozenset({"database"})
    return RuleInfo(
        code, name, summary, Severity.ERROR, BLOCKING, kinds, module, fix=SOMETIMES, per_function=per_function
    )


FAMILIES = {
    "1": "event_loop", "2": "database", "3": "lifecycle", "4": "caching", "5": "responses",
    "6": "middleware", "7": "server",
}  # fmt: skip


def _model(
    code: str, name: str, summary: str, severity: Severity, *, default: bool = True, fix: str | None = None
) -> RuleInfo:
    family = FAMILIES[code[2]]
    module = f"fastlint.rules.{family}.{name.replace('-', '_')}"
    return RuleInfo(code, name, summary, severity, MODEL, module=module, default=default, fix=fix)


ANY_WORK = ("sleep", "http", "network", "sdk", "database", "file", "subprocess", "hash", "cpu", "wait")

RULES: tuple[RuleInfo, ...] = (
    _loop("FL101", "blocking-sleep", "A sleep stops the event loop", Severity.ERROR, "sleep"),
    _loop("FL102", "blocking-http-call", "A synchronous HTTP call stops the event loop", Severity.ERROR, "http"),
    _loop("FL103", "blocking-file-io", "Disk work stops the event loop", Severity.WARNING, "file"),
    _loop("FL104", "blocking-subprocess", "Waiting for a subprocess stops the event loop", Severity.ERROR, "subprocess"),
    _loop("FL105", "blocking-sdk-call", "A synchronous network client stops the event loop", Severity.ERROR, "sdk", "network"),
    _loop("FL106", "password-hash-on-loop", "Hashing a password stops the event loop", Severity.ERROR, "hash"),
    _loop("FL107", "cpu-bound-on-loop", "Heavy computation stops the event loop", Severity.WARNING, "cpu"),
    _loop("FL108", "blocking-wait", "Waiting for a thread, lock or queue stops the event loop", Severity.ERROR, "wait"),
    _loop("FL109", "nested-event-loop", "A second event loop is run inside the first", Severity.ERROR, "loop"),
    _loop("FL110", "blocking-async-background-task", "An async background task stops the event loop", Severity.ERROR, *ANY_WORK),
    _loop("FL111", "io-in-validator", "A validator stops the event loop, even for `def` routes", Severity.ERROR, *ANY_WORK),
    _model("FL112", "sync-stream-generator", "A stream pays for a thread with each piece", Severity.WARNING, fix=SAFE),
    _model("FL113", "await-in-loop", "Requests that could run together are awaited one by one", Severity.WARNING),
    _model("FL114", "sequential-awaits", "Independent requests are awaited one after the other", Severity.INFO, default=False),
    _model("FL115", "small-default-executor", "Work for threads goes to a pool of five", Severity.INFO, default=False, fix=UNSAFE),
    _model("FL116", "lock-held-across-io", "A lock lets one request at a time wait", Severity.INFO, default=False),
    _model("FL117", "trivial-sync-route", "A route pays for a thread that it does not need", Severity.INFO, default=False, fix=SAFE),
    RuleInfo(
        "FL118", "blocking-log-handler", "A log handler reaches the network from wherever something is logged",
        Severity.WARNING, CONSTRUCTION, module="fastlint.rules.event_loop.blocking_log_handler",
    ),
    RuleInfo(
        "FL119", "threadpool-starvation", "A wait without end occupies one of the pool's 40 threads",
        Severity.INFO, OCCUPYING, frozenset({"sleep", "http", "subprocess", "wait"}),
        "fastlint.rules.event_loop.threadpool_starvation", default=False,
    ),
    _database("FL201", "sync-driver-in-async", "A synchronous database call stops the event loop"),
    _database("FL202", "sync-session-dependency-in-async-route", "An injected synchronous session stops the event loop",
              per_function=True),
    _model("FL203", "query-in-loop", "Each round of a loop sends a query of its own", Severity.ERROR),
    _model("FL204", "lazy-load", "A relationship is loaded row by row", Severity.ERROR, fix=UNSAFE),
    _model("FL205", "unbounded-query", "A list route loads a whole table", Severity.WARNING),
    _model("FL206", "count-or-exists-in-python", "Rows are loaded only to be counted", Severity.WARNING, fix=SOMETIMES),
    _model("FL207", "commit-in-loop", "Each round of a loop commits", Severity.WARNING, fix=UNSAFE),
    _model("FL208", "execute-per-row", "Rows are written one statement at a time", Severity.WARNING, fix=UNSAFE),
    _model("FL209", "engine-or-connection-per-request", "Each request opens its own database connection", Severity.ERROR, fix=UNSAFE),
    _model("FL210", "nullpool-in-server", "The engine opens a connection for each request", Severity.WARNING, fix=UNSAFE),
    _model("FL211", "engine-echo", "The engine logs every statement", Severity.WARNING, fix=SAFE),
    _model("FL212", "expired-attribute-after-commit", "An object is read after the commit that expired it", Severity.ERROR, fix=UNSAFE),
    _model("FL213", "session-shared-across-tasks", "Tasks that run together share one session", Severity.ERROR),
    _model("FL214", "global-or-scoped-session", "Requests share a session", Severity.ERROR),
    _model("FL215", "connection-held-across-io", "A database connection is held while something else is awaited", Severity.WARNING),
    _model("FL217", "deprecated-async-driver", "The driver is no longer maintained", Severity.INFO, default=False),
    _model("FL301", "session-returned-not-yielded", "A dependency returns a session that nobody closes", Severity.ERROR, fix=UNSAFE),
    _model("FL302", "yield-without-finally", "An error in the route skips the clean-up of a dependency", Severity.ERROR, fix=SAFE),
    _model("FL303", "finally-uses-unbound-name", "A failed acquisition is hidden by the clean-up", Severity.ERROR, fix=SOMETIMES),
    _model("FL304", "missing-close", "A dependency never closes what it opens", Severity.ERROR, fix=UNSAFE),
    _model("FL305", "dependency-swallows-exception", "A dependency swallows the errors of its routes", Severity.ERROR, fix=UNSAFE),
    _model("FL306", "commit-after-yield", "The client has its answer before the commit", Severity.ERROR, fix=UNSAFE),
    _model("FL307", "dependency-generator-called-manually", "The clean-up of a dependency never runs", Severity.ERROR, fix=UNSAFE),
    _model("FL309", "resource-returned-from-with", "What is returned is closed already", Severity.ERROR, fix=UNSAFE),
    _model("FL310", "request-resource-in-background", "Background work uses what belongs to the request", Severity.ERROR),
    _model("FL311", "dependency-held-by-stream", "A stream holds a database connection to its end", Severity.ERROR, fix=UNSAFE),
    _model("FL312", "dependency-held-by-websocket", "A WebSocket holds a database connection to its end", Severity.ERROR),
    _model("FL313", "client-per-request", "Each request builds its own client", Severity.ERROR),
    _model("FL314", "client-never-closed", "A client is never closed", Severity.INFO, default=False),
    _model("FL315", "loop-bound-object-at-import", "An object is made before its event loop runs", Severity.ERROR),
    _model("FL316", "executor-per-request", "Each request starts threads or processes of its own", Severity.ERROR),
    _model("FL317", "trivial-sync-dependency", "A dependency pays for a thread that it does not need", Severity.WARNING, fix=SOMETIMES),
    _model("FL318", "use-cache-false", "A dependency runs again within one request", Severity.WARNING, fix=UNSAFE),
    _model("FL319", "mixed-scope-dependency", "One request gets two sessions", Severity.ERROR, fix=UNSAFE),
    _model("FL320", "depends-on-call-result", "`Depends` is given the result of a call", Severity.WARNING, fix=UNSAFE),
    _model("FL321", "on-event-ignored", "Start-up handlers never run beside a lifespan", Severity.ERROR),
    _model("FL322", "mounted-app-lifespan", "The lifespan of a mounted application never runs", Severity.WARNING),
    _model("FL323", "contextvar-in-sync-dependency", "The route does not see what the dependency sets", Severity.WARNING, fix=UNSAFE),
    _model("FL324", "dangling-task", "Nothing keeps the task", Severity.WARNING, fix=SAFE),
    _model("FL325", "websocket-registry-leak", "Closed WebSockets stay in the registry", Severity.WARNING),
    _model("FL401", "settings-per-request", "Each request reads the settings again", Severity.WARNING, fix=UNSAFE),
    _model("FL402", "template-env-per-request", "Each request compiles its templates again", Severity.WARNING, fix=UNSAFE),
    _model("FL403", "constant-file-per-request", "Each request reads and parses the same file", Severity.WARNING),
    _model("FL404", "model-load-per-request", "Each request loads a trained model", Severity.ERROR),
    _model("FL405", "schema-built-per-request", "Each request builds a Pydantic schema", Severity.ERROR, fix=SOMETIMES),
    _model("FL406", "remote-metadata-per-request", "Each request fetches the keys of the identity provider", Severity.ERROR, fix=UNSAFE),
    _model("FL407", "decorator-above-route", "A decorator above the route never runs", Severity.ERROR, fix=UNSAFE),
    _model("FL408", "sync-cache-on-coroutine", "A cache keeps a coroutine, which can be awaited only once", Severity.ERROR, fix=UNSAFE),
    _model("FL409", "per-request-object-in-cache-key", "A cache finds nothing again", Severity.ERROR),
    _model("FL410", "unbounded-cache", "A cache grows with every request and never shrinks", Severity.WARNING, fix=UNSAFE),
    _model("FL411", "per-process-cache-with-workers", "Each process keeps a state of its own", Severity.INFO, default=False),
    _model("FL412", "uncached-expensive-get", "The same answer is worked out for every client", Severity.INFO, default=False),
    _model("FL413", "missing-http-validators", "Clients fetch again what they have already", Severity.INFO, default=False),
    _model("FL414", "openapi-not-memoised", "The OpenAPI schema is built at each visit", Severity.INFO, default=False, fix=UNSAFE),
    _model("FL501", "missing-response-type", "A route without a response type is serialized in Python", Severity.WARNING, fix=SOMETIMES),
    _model("FL502", "response-class-disables-fast-path", "A response class turns the fast serialization off", Severity.WARNING, fix=SOMETIMES),
    _model("FL503", "deprecated-orjson-response", "A response class is deprecated", Severity.INFO, default=False, fix=SOMETIMES),
    _model("FL504", "manual-json-encoding", "A response is encoded by hand, in Python", Severity.WARNING, fix=UNSAFE),
    _model("FL505", "dump-before-return", "What is returned is dumped, then validated and dumped again", Severity.WARNING, fix=UNSAFE),
    _model("FL506", "redundant-json-roundtrip", "Data is encoded and decoded again for nothing", Severity.WARNING, fix=SOMETIMES),
    _model("FL507", "stream-in-memory-buffer", "What is complete already is streamed line by line", Severity.ERROR, fix=SOMETIMES),
    _model("FL508", "upload-read-whole", "A whole upload is read into memory", Severity.WARNING),
    _model("FL509", "undiscriminated-union", "Each member of a union is tried in turn", Severity.INFO, default=False),
    _model("FL601", "base-http-middleware", "A middleware costs a task and a stream for each request", Severity.WARNING),
    _model("FL602", "middleware-buffers-response", "A middleware collects whole responses", Severity.WARNING),
    _model("FL603", "io-in-middleware", "A middleware does I/O for every path", Severity.INFO, default=False),
    _model("FL604", "gzip-default-level", "Responses are compressed at the slowest level", Severity.INFO, default=False, fix=SOMETIMES),
    _model("FL605", "sync-exception-handler", "An exception handler pays for a thread that it does not need", Severity.INFO, default=False, fix=SAFE),
    _model("FL606", "high-cardinality-metric-label", "A metric has a series for every address or user", Severity.WARNING),
    _model("FL701", "reload-in-production", "The deployed server watches its source files", Severity.WARNING, fix=SOMETIMES),
    _model("FL702", "workers-with-app-object", "The server exits, as it is given an object and not its name", Severity.ERROR, fix=SOMETIMES),
    _model("FL703", "slow-loop-or-parser", "The server parses HTTP in Python", Severity.WARNING, fix=SOMETIMES),
    _model("FL704", "single-worker", "One process serves all requests", Severity.INFO, default=False),
    _model("FL705", "executor-setting-no-effect", "The size of a thread pool is set that no route uses", Severity.WARNING, fix=UNSAFE),
    _model("FL706", "asyncio-debug", "The event loop runs in debug mode", Severity.INFO, default=False),
    _model("FL707", "access-log", "The server writes a line for every request", Severity.INFO, default=False, fix=UNSAFE),
    _model("FL708", "wrong-gunicorn-worker", "The worker of gunicorn cannot serve FastAPI", Severity.ERROR, fix=UNSAFE),
    _model("FL709", "keepalive-shorter-than-proxy", "The server closes connections that the proxy still uses", Severity.INFO, default=False, fix=UNSAFE),
    _model("FL710", "proxy-without-upstream-keepalive", "The proxy opens a connection for every request", Severity.WARNING, fix=SOMETIMES),
    _model("FL711", "static-from-app", "The application serves static files that the proxy could serve", Severity.INFO, default=False),
    RuleInfo("FL900", "syntax-error", "A file does not parse", Severity.ERROR, RUN),
    RuleInfo("FL901", "unreadable-file", "A file cannot be read", Severity.ERROR, RUN),
    RuleInfo("FL902", "file-too-large", "A file is too large to check", Severity.WARNING, RUN),
)  # fmt: skip

BY_CODE = {rule.code: rule for rule in RULES}
