"""What figures depend on besides the programs: the machine, its system and what else it does."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> str:
    """Return how busy the machine has been for a minute."""
    return f"load average {os.getloadavg()[0]:.1f}"


def describe_machine() -> str:
    """Return a line about the processor, the system and how busy it is."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text(encoding="utf-8").splitlines())
        model = next((value.strip() for key, _, value in lines if key.strip() == "model name"), model)
    return f"{cores()} cores ({model}), {platform.system()}, Python {platform.python_version()}, {load()}"
