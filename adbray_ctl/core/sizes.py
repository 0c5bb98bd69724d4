"""How the command line prints a number of bytes."""

from __future__ import annotations


def size(count: int) -> str:
    """Bytes for people."""
    if count >= 2**30:
        return f"{count / 2**30:.1f} GiB"
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"
