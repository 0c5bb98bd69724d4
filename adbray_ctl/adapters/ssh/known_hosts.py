"""The project's own known_hosts file: a host's key is pinned at first contact and then checked."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import paramiko

from adbray_ctl.core.errors import HostError, HostKeyError
from adbray_ctl.core.known_hosts import HostKey, Line, Pins, entry_of, parse, pins_for


class KnownHosts:
    """Pinned host keys, in a file that ssh checks too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    @property
    def path(self) -> Path:
        return self._path

    def guard(self, host: str, address: str, port: int) -> Guard:
        """What checks the key of ``host``. Raises SpecError for a line that cannot be honoured."""
        with self._lock:
            lines = self._lines()
        entry = entry_of(address, port)
        pins = pins_for(lines, entry)
        keys = tuple(loaded for key in pins.keys if (loaded := _loaded(key)))
        if pins.keys and not keys:
            raise _unusable(host, next(line for line in lines if line.covers(entry)))
        return Guard(self, host, (address, port), pins, keys)

    def pin(self, address: str, port: int, key: paramiko.PKey) -> bool:
        """Remember the first key of a host: add a line, and leave all others as they are.

        False if the host has another key already: many may meet it for the first time at once.
        Raises HostError if it cannot be written.
        """
        entry = entry_of(address, port)
        line = f"{entry} {key.get_name()} {key.get_base64()}\n"
        with self._lock:
            pins = pins_for(self._lines(), entry)
            if not pins.keys:
                # Whoever may write here decides which hosts are trusted.
                self._append(address, line)
        identity = _identity(key)
        return identity not in pins.revoked and (not pins.keys or identity in pins.keys)

    def _append(self, address: str, line: str) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._path, "ab+", opener=_owned) as file:
                end = file.tell()
                file.seek(max(end - 1, 0))
                file.write((line if file.read() in (b"", b"\n") else f"\n{line}").encode())
        except OSError as error:
            raise HostError(
                f"the host's key cannot be written to {self._path}: {error.strerror}",
                where=address,
                hint="free some space on this machine's disk, or see who may write there",
            ) from error

    def _lines(self) -> tuple[Line, ...]:
        text = self._path.read_text(errors="replace") if self._path.exists() else ""
        return parse(text, str(self._path))


class Guard(paramiko.MissingHostKeyPolicy):
    """Judges the key of a host: pinned, revoked, changed, or the first that is seen.

    paramiko's own table of keys is left empty, since it has one key of a type at most.
    """

    def __init__(
        self,
        known_hosts: KnownHosts,
        host: str,
        at: tuple[str, int],
        pins: Pins,
        keys: tuple[paramiko.PKey, ...],
    ) -> None:
        self._known_hosts = known_hosts
        self._host = host
        self._at = at
        self._revoked = pins.revoked
        self._keys = keys

    def transport(self, *arguments: Any, **options: Any) -> paramiko.Transport:
        """Asks for a type that is pinned and not revoked: a host has several keys."""
        made = paramiko.Transport(*arguments, **options)
        security = made.get_security_options()
        valid = (key for key in self._keys if _identity(key) not in self._revoked)
        pinned = {name for key in valid for name in _algorithms(key)}
        security.key_types = sorted(security.key_types, key=lambda name: name not in pinned)
        return made

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: Any) -> None:
        if _identity(key) in self._revoked:
            raise HostKeyError(
                f"the key of {hostname} is revoked in {self._known_hosts.path}: {fingerprint(key)}",
                where=self._host,
                hint="give the host a new key, and remove its other lines from that file",
            )
        known = key in self._keys if self._keys else self._known_hosts.pin(*self._at, key)
        if not known:
            raise paramiko.BadHostKeyException(hostname, key, (*self._keys, key)[0])


def fingerprint(key: paramiko.PKey) -> str:
    """SHA256 fingerprint as OpenSSH prints it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).rstrip(b"=")
    return f"{key.get_name()} SHA256:{digest.decode()}"


def _owned(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _identity(key: paramiko.PKey) -> HostKey:
    return HostKey(key.get_name(), key.asbytes())


def _algorithms(key: paramiko.PKey) -> tuple[str, ...]:
    """An RSA key signs by other names than its own."""
    name = key.get_name()
    return ("rsa-sha2-512", "rsa-sha2-256") if name == "ssh-rsa" else (name,)


def _loaded(key: HostKey) -> paramiko.PKey | None:
    """None for a type that paramiko does not know, or a key that it cannot read."""
    try:
        return paramiko.PKey.from_type_string(key.kind, key.blob)
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError):
        return None


def _unusable(host: str, line: Line) -> HostKeyError:
    return HostKeyError(
        f"{line.where}: adbray cannot check a key of type {line.key.kind}",
        where=host,
        hint="pin another key of the host too, as `ssh-keyscan -t ed25519 ADDRESS` prints it",
    )
