"""FL118: A log handler that reaches the network blocks whoever logs."""

from __future__ import annotations

import libcst as cst

from fastlint.diagnostics import Severity
from fastlint.rules.base import Rule


class BlockingLogHandler(Rule):
    """A log handler that reaches the network blocks whoever logs."""

    code = "FL118"

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look at the construction of the handler."""
        if isinstance(node, cst.Call) and not self._is_datagram(node):
            self.report(Severity.WARNING)
        return False

    def message(self) -> str:
        """Return what is wrong, where, and what it costs."""
        return (
            f"`{self.suspect.target}` sends each record over the network from the thread that logs, "
            "and `async` code logs on the event loop"
        )

    def advice(self) -> str:
        """Return what to write instead."""
        return (
            "Hand records to a `logging.handlers.QueueHandler` and give this handler to its `QueueListener`"
        )

    def _is_datagram(self, node: cst.Call) -> bool:
        """`SysLogHandler` sends datagrams, which do not wait, unless it is told to use a stream."""
        if not self.suspect.target.endswith("SysLogHandler"):
            return False
        return not any(
            isinstance(arg.value, (cst.Attribute, cst.Name)) and "SOCK_STREAM" in _text(arg.value)
            for arg in node.args
        )


def _text(node: cst.BaseExpression) -> str:
    return cst.Module([]).code_for_node(node)
