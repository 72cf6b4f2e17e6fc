"""What rules about dependencies say of a resource: its name, how it was made."""

from __future__ import annotations

from fastlint.application.dependencies import Injection
from fastlint.application.providers import Acquisition
from fastlint.rules.finding import Link
from fastlint.rules.rendering import render

NOUNS = {"session": "session", "connection": "connection", "file": "file", "client": "client"}


def noun(acquisition: Acquisition) -> str:
    """Return what a reader calls the resource."""
    return NOUNS.get(acquisition.resource.kind, "resource")


def called(acquisition: Acquisition) -> str:
    """Return the call that acquires it, as code."""
    return render(acquisition.expr)


def links(acquisition: Acquisition) -> tuple[Link, ...]:
    """Return the way to the library call that makes it, where functions of the program make it."""
    if not acquisition.way:
        return ()
    sites = (acquisition.site, *acquisition.way)
    targets = (*(site.frame.function.label for site in acquisition.way), acquisition.name)
    return tuple(
        Link(site.frame.function, site.event[5], site.event[1], target)
        for site, target in zip(sites, targets, strict=True)
    )


def asked_for(injection: Injection) -> str:
    """Return what stands in `Depends(...)`, or the name of what answers it."""
    if injection.need.call[2]:
        return render(injection.need.call[2][0])
    return injection.frame.function.facts.name if injection.frame is not None else "a dependency"
