"""FL322: The lifespan of a mounted application never runs."""

from __future__ import annotations

from collections.abc import Iterator

from fastlint.rules.finding import Finding
from fastlint.rules.model_rule import ModelRule
from fastlint.rules.rendering import render


class MountedAppLifespan(ModelRule):
    """The lifespan of a mounted application never runs."""

    code = "FL322"

    def find(self) -> Iterator[Finding]:
        """Look at every mounted application that has something to start."""
        for mount in self.application.lifespans.mounts:
            child = render(mount.child)
            if mount.what == "session manager":
                advice = f"Keep `{child}` in a variable and pass its lifespan: `FastAPI(lifespan=mcp_app.lifespan)`"
                if mount.child[0] == "name":
                    advice = f"Pass its lifespan on: `FastAPI(lifespan={child}.lifespan)`"
            else:
                name = child if mount.child[0] == "name" else "sub"
                advice = (
                    f"Enter it in the lifespan of the outer application: "
                    f"`async with {name}.router.lifespan_context({name}): yield`"
                )
            yield self.finding(
                mount.frame.function,
                mount.call[4],
                f"The {mount.what} of `{child}` never run{'' if mount.what.endswith('handlers') else 's'}: "
                "the server starts the outer application only, and a mount passes requests on but no start-up",
                advice,
            )
