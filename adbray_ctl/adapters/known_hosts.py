"""The project's own known_hosts file: a host's key is pinned at first contact and then checked."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import threading
from pathlib import Path

import paramiko

from adbray_ctl.core.errors import HostError


class KnownHosts:
    """Pinned host keys, in OpenSSH's format, so that ssh and paramiko check the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._keys = paramiko.HostKeys()
        if path.exists():
            self._keys.load(str(path))

    @property
    def path(self) -> Path:
        return self._path

    def expected(self, address: str, port: int) -> paramiko.PKey | None:
        """The pinned key, or None before first contact."""
        with self._lock:
            found = self._keys.lookup(_entry(address, port))
            return next(iter(found.values()), None) if found else None

    def pin(self, address: str, port: int, key: paramiko.PKey) -> None:
        """Remember ``key`` and write the file at once, by rename. Raises HostError if it cannot."""
        with self._lock:
            self._keys.add(_entry(address, port), key.get_name(), key)
            temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._keys.save(str(temporary))
                temporary.replace(self._path)
            except OSError as error:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise HostError(
                    f"the host's key cannot be written to {self._path}: {error.strerror}",
                    where=address,
                    hint="free some space on this machine's disk, or see who may write there",
                ) from error


def fingerprint(key: paramiko.PKey) -> str:
    """SHA256 fingerprint as OpenSSH prints it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).rstrip(b"=")
    return f"{key.get_name()} SHA256:{digest.decode()}"


def _entry(address: str, port: int) -> str:
    return address if port == 22 else f"[{address}]:{port}"
