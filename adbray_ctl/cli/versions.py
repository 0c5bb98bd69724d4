"""The versions that a report of a fault needs."""

from __future__ import annotations

import platform
from importlib.metadata import version as installed


def versions() -> dict[str, str]:
    """Of adbray, and of what it runs on."""
    packages = ("adbray", "ansible-core", "ansible-runner", "ray")
    return {name: installed(name) for name in packages} | {"python": platform.python_version()}
