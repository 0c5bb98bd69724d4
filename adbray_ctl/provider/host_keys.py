"""The hosts' keys that the control machine has pinned; another key is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko


class PinnedKeys(paramiko.MissingHostKeyPolicy):
    """The keys of one host, from a file in OpenSSH's format.

    A line with a marker is left out, as one that cannot be read: where it concerns a host of the
    fleet, the control machine has refused it or reached the host by another line.
    """

    def __init__(self, path: str, address: str, port: int) -> None:
        address = address.lower()
        name = address if port == 22 else f"[{address}]:{port}"
        self._keys = [key for line in _lines(path) if (key := _key(line, name))]

    def transport(self, *arguments: Any, **options: Any) -> paramiko.Transport:
        """Asks for a type that is pinned: a host has several keys, and another is no change."""
        made = paramiko.Transport(*arguments, **options)
        security = made.get_security_options()
        pinned = {key.get_name().replace("ssh-rsa", "rsa-sha2-512") for key in self._keys}
        security.key_types = sorted(security.key_types, key=lambda name: name not in pinned)
        return made

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: Any) -> None:
        if not self._keys:
            raise paramiko.SSHException(f"no key is pinned for {hostname}")
        if key not in self._keys:
            raise paramiko.BadHostKeyException(hostname, key, self._keys[0])


def _lines(path: str) -> list[str]:
    # The names, the type and the key, with one space between them.
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return [" ".join(line.split()[:3]) for line in text.splitlines()]


def _key(line: str, name: str) -> paramiko.PKey | None:
    """The key of a line, if the line is one of the host ``name``."""
    if not line or line[0] in "#@":
        return None
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
        here = entry is not None and any(_fits(one, name) for one in entry.hostnames or ())
    except (paramiko.hostkeys.InvalidHostKey, paramiko.SSHException, ValueError, AssertionError):
        return None
    return entry.key if entry is not None and here else None


def _fits(one: str, name: str) -> bool:
    if one.startswith("|1|"):
        return paramiko.HostKeys.hash_host(name, one) == one
    return one.lower() == name
