"""The hosts' keys that the control machine has pinned; another key is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import paramiko

_REVOKED = "@revoked "


class PinnedKeys(paramiko.MissingHostKeyPolicy):
    """The keys of one host, from a file in OpenSSH's format.

    A key that is ``@revoked`` for the host is refused. Other lines with a marker are left out, as
    are lines that cannot be read: the control machine refuses them for hosts of the fleet.
    """

    def __init__(self, path: str, address: str, port: int) -> None:
        address = address.lower()
        name = address if port == 22 else f"[{address}]:{port}"
        lines = _lines(path)
        marked = [line.removeprefix(_REVOKED) for line in lines if line.startswith(_REVOKED)]
        revoked = [key for line in marked if (key := _key(line, name, patterns=True))]
        pinned = [key for line in lines if (key := _key(line, name))]
        self._keys = [key for key in pinned if key not in revoked]

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
    # With one space between the words.
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return [" ".join(line.split()) for line in text.splitlines()]


def _key(line: str, name: str, *, patterns: bool = False) -> paramiko.PKey | None:
    """The key of a line, if the line is one of the host ``name``."""
    if not line or line[0] in "#@":
        return None
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
        names = (entry.hostnames or []) if entry is not None else []
        here = _covers(names, name) if patterns else any(_fits(one, name) for one in names)
    except (paramiko.hostkeys.InvalidHostKey, paramiko.SSHException, ValueError, AssertionError):
        return None
    return entry.key if entry is not None and here else None


def _covers(names: list[str], name: str) -> bool:
    """Whether ``name`` is one of ``names``, which may have * and ?; one with ! leaves it out."""
    left_out = any(_matches(one[1:], name) for one in names if one.startswith("!"))
    return not left_out and any(_matches(one, name) for one in names)


def _matches(one: str, name: str) -> bool:
    wild = re.escape(one.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return _fits(one, name) or re.fullmatch(wild, name) is not None


def _fits(one: str, name: str) -> bool:
    if one.startswith("|1|"):
        return paramiko.HostKeys.hash_host(name, one) == one
    return one.lower() == name
