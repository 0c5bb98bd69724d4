"""Programs of administrators, which a login by SSH does not find by itself."""

from __future__ import annotations

import os

FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def environment(**more: str) -> dict[str, str]:
    """That of a program that is one of them, or needs them as dpkg does."""
    path = os.pathsep.join((os.environ.get("PATH", "/usr/bin:/bin"), *FOLDERS))
    return {**os.environ, "PATH": path, **more}
