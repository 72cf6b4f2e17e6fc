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
    per_function: bool = False
    """Whether all suspects in a function make one diagnostic."""


def _loop(code: str, name: str, summary: str, severity: Severity, *kinds: str) -> RuleInfo:
    module = f"fastlint.rules.event_loop.{name.replace('-', '_')}"
    return RuleInfo(code, name, summary, severity, BLOCKING, frozenset(kinds), module)


def _database(code: str, name: str, summary: str, *, per_function: bool = False) -> RuleInfo:
    module = f"fastlint.rules.database.{name.replace('-', '_')}"
    kinds = frozenset({"database"})
    return RuleInfo(code, name, summary, Severity.ERROR, BLOCKING, kinds, module, per_function=per_function)


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
    RuleInfo("FL900", "syntax-error", "A file does not parse", Severity.ERROR, RUN),
    RuleInfo("FL901", "unreadable-file", "A file cannot be read", Severity.ERROR, RUN),
    RuleInfo("FL902", "file-too-large", "A file is too large to check", Severity.WARNING, RUN),
)  # fmt: skip

BY_CODE = {rule.code: rule for rule in RULES}
