"""The lines of a known_hosts file (sshd(8)), read as OpenSSH reads them.

adbray, Ansible's ssh and each head check the same file. What they cannot all honour is refused with
its line, as soon as it concerns a host that is to be reached.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from adbray_ctl.core.errors import SpecError

_REVOKED = "@revoked"
_AUTHORITY = "@cert-authority"
_PLAIN_LINE = "write it as `ADDRESS TYPE KEY`, the way `ssh-keyscan` prints it, or remove the line"


@dataclass(frozen=True)
class HostKey:
    """A public key: its type, as in the file, and the bytes that it is."""

    kind: str
    blob: bytes


@dataclass(frozen=True)
class Line:
    """One key for the hosts that ``names`` cover; ``where`` is the line's file and number."""

    where: str
    marker: str
    names: tuple[str, ...]
    key: HostKey

    def covers(self, entry: str) -> bool:
        """Whether ``entry`` (see ``entry_of``) is one of the hosts; a name with ! is not."""
        refused = any(_fits(name[1:], entry) for name in self.names if name.startswith("!"))
        return not refused and any(_fits(n, entry) for n in self.names if not n.startswith("!"))

    def has_patterns(self) -> bool:
        return any(set("*?!") & set(name) for name in self.names if not name.startswith("|"))


@dataclass(frozen=True)
class Pins:
    """What a file says of one host: the keys that are pinned, and those that it may never have.

    A key can be both. A host whose pinned keys are all revoked is not one without a pin.
    """

    keys: tuple[HostKey, ...]
    revoked: tuple[HostKey, ...]


def entry_of(address: str, port: int) -> str:
    """How a known_hosts file calls a host."""
    return address.lower() if port == 22 else f"[{address.lower()}]:{port}"


def parse(text: str, path: str) -> tuple[Line, ...]:
    """All lines of the file ``path``. Raises SpecError for one that cannot be read."""
    numbered = enumerate(text.splitlines(), start=1)
    wanted = ((n, line.strip()) for n, line in numbered)
    return tuple(_line(line, f"{path}:{n}") for n, line in wanted if line and line[0] != "#")


def pins_for(lines: Iterable[Line], entry: str) -> Pins:
    """What ``lines`` say of a host. Raises SpecError for a line that adbray cannot honour."""
    here = [line for line in lines if line.covers(entry)]
    for line in here:
        if line.marker == _AUTHORITY:
            raise SpecError(
                f"a certificate authority for {entry}: adbray checks keys, not certificates",
                where=line.where,
                hint=f"pin the host's own key: {_PLAIN_LINE}",
            )
        if line.has_patterns() and not line.marker:
            raise SpecError(
                f"a pattern that covers {entry}: the key of a host is pinned under its own name",
                where=line.where,
                hint=_PLAIN_LINE,
            )
    revoked = tuple(line.key for line in here if line.marker == _REVOKED)
    return Pins(keys=tuple(line.key for line in here if not line.marker), revoked=revoked)


def _line(text: str, where: str) -> Line:
    marker, words = "", text.split()
    if words[0].startswith("@"):
        marker, *words = words
        if marker not in (_REVOKED, _AUTHORITY):
            raise _unreadable(f"{marker} is no marker that OpenSSH knows", where)
    if len(words) < 3:
        raise _unreadable("a name, a type and a key are needed", where)
    names, kind, encoded = words[:3]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise _unreadable("the key is not base64", where) from None
    length = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + length + 4 or blob[4 : 4 + length] != kind.encode():
        raise _unreadable(f"the key is cut off, or is not of type {kind}", where)
    return Line(where, marker, tuple(names.split(",")), HostKey(kind, blob))


def _unreadable(why: str, where: str) -> SpecError:
    return SpecError(f"this line pins nothing: {why}", where=where, hint=_PLAIN_LINE)


def _fits(name: str, entry: str) -> bool:
    if name.startswith("|1|"):
        return _is_hash_of(name, entry)
    wild = {"*": ".*", "?": "."}
    pattern = "".join(wild.get(char) or re.escape(char) for char in name.lower())
    return re.fullmatch(pattern, entry) is not None


def _is_hash_of(name: str, entry: str) -> bool:
    """OpenSSH's hashed names: |1|salt|HMAC-SHA1 of the name|."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in name[3:].split("|"))
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, entry.encode(), hashlib.sha1), digest)
