"""Whether a proxy uses its connections to the application again."""

from __future__ import annotations

from collections.abc import Iterable

from fastlint.deployment.model import Image, ProxyPass

NGINX = frozenset({"nginx", "nginxinc/nginx-unprivileged", "bitnami/nginx"})
FIRST_THAT_KEEPS = (1, 29, 7)
"""From this version on nginx speaks HTTP/1.1 to upstreams and keeps connections without being told to."""
DEFAULT_TIMEOUT = 60
"""Seconds that nginx keeps an idle connection to an upstream."""
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def keeps_by_default(images: Iterable[Image]) -> bool:
    """Tell whether the project runs an nginx that keeps connections; the one of a distribution does not."""
    return any(_version(image.tag) >= FIRST_THAT_KEEPS for image in images if image.name in NGINX)


def _version(tag: str) -> tuple[int, ...]:
    """Return the newest version that a tag can mean: that of `1.29-alpine` has no end, nor has `stable`."""
    if "$" in tag:
        return (0,)
    numbers = tag.partition("-")[0].split(".")
    if not numbers[0].isdigit():
        return (9999,)
    known = tuple(int(number) for number in numbers if number.isdigit())
    return known if len(known) > 2 else (*known, *(9999,) * (3 - len(known)))


def is_forced_shut(passed: ProxyPass) -> bool:
    """Tell whether the configuration itself asks for a new connection each time."""
    return passed.version == "1.0" or (passed.connection or "").lower() == "close"


def missing(passed: ProxyPass) -> list[str]:
    """Return the directives that an older nginx needs and does not find, as they have to be written."""
    found = []
    if passed.upstream is None or not passed.upstream.keepalive:
        found.append("keepalive 32;")
    if passed.version in (None, "1.0"):
        found.append("proxy_http_version 1.1;")
    if passed.connection is None or passed.connection.lower() == "close":
        found.append('proxy_set_header Connection "";')
    return found


def seconds(text: str | None) -> float:
    """Return how long nginx keeps an idle connection, from `75s` or `1m`."""
    if text is None:
        return DEFAULT_TIMEOUT
    for unit, factor in _UNITS.items():
        number = text.removesuffix(unit)
        if text.endswith(unit) and number.isdigit():
            return int(number) * factor
    return int(text) if text.isdigit() else DEFAULT_TIMEOUT
