"""FL324: A task is started and nothing keeps it."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.facts.model import Expr
from fastlint.project.calls import SCHEDULERS, Site
from fastlint.rules.finding import Finding
from fastlint.rules.lifecycle.kept_task import keep_task
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class DanglingTask(ModelRule):
    """A task is started and nothing keeps it."""

    code = "FL324"

    def find(self) -> Iterator[Finding]:
        """Look at every task that code of the request path starts.

        `TaskGroup.create_task` is none of the schedulers: the group keeps its tasks.
        """
        for site in self.application.requests.sites:
            call = site.event[1]
            if call[0] == "call" and self._schedules(site) and _is_dropped(site):
                started = render(call[2][0]) if call[2] else "the coroutine"
                yield self.finding(
                    site.frame,
                    site.event[5],
                    f"Nothing keeps the task of `{started}`{self.where(site.frame)}: the event loop holds "
                    "it weakly, so it can vanish half-way, and its exceptions go unnoticed",
                    f"Keep the task of `{started}` in a set until it is done "
                    "(`tasks.add(task)`, `task.add_done_callback(tasks.discard)`), or await it in a `TaskGroup`",
                    fix=keep_task(site),
                )

    def _schedules(self, site: Site) -> bool:
        """Tell whether a call surely starts a task: of other functions that it may be, nothing is known."""
        called = self.application.inference.values(site.event[1][1], site.frame)
        return bool(called) and all(getattr(value, "name", "") in SCHEDULERS for value in called)


def _is_dropped(site: Site) -> bool:
    """Tell whether the value of a call is thrown away, at once or in a name that is never read."""
    facts = site.frame.function.facts
    call = site.event[1]
    if site.event[0] == "drop":
        return True
    if any(e[0] == "drop" and _is_callback_on(e[1], call) for e in facts.events if e[2] == site.event[2]):
        return True
    names = [name for name, bindings in facts.bindings.items() if any(b[2] is call for b in bindings)]
    is_read = site.frame.function.module.mentions(*names) or any(name in facts.outer_names for name in names)
    return bool(names) and not is_read


def _is_callback_on(expr: Expr, call: Expr) -> bool:
    """Tell whether an expression is `call.add_done_callback(...)`: the task does not outlive the line."""
    return expr[1][0] == "attr" and expr[1][2] == "add_done_callback" and expr[1][1] is call
