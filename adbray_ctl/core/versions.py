"""Versions as programs print them, which packaging compares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.version import Version

_RELEASE = re.compile(r"[0-9]+(\.[0-9]+)*")


def release(text: str) -> Version:
    """The numbers that ``text`` begins with: of 6.2.6-v10, 6.2.6; 0 where it begins with none."""
    from packaging.version import Version

    found = _RELEASE.match(text)
    return Version(found[0] if found else "0")
