"""Secrets as files under ``.adbray/secrets/<group>/``, readable by their owner only."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from adbray_ctl.core.backup import Secrets
from adbray_ctl.core.errors import RunError
from adbray_ctl.core.inventory import Site


class SecretFiles:
    """SecretStore. Directories 0700, files 0600, written by rename."""

    def __init__(self, state: Path, cache: Path, package: Path) -> None:
        self._state = state
        self._cache = cache
        self._package = package

    def site(self, group: str) -> Site:
        return Site(
            known_hosts=str(self._state / "known_hosts"),
            token_file=str(self._directory(group) / "token"),
            redis_password_file=str(self._directory(group) / "redis_password"),
            redis_admin_password_file=str(self._directory(group) / "redis_admin_password"),
            slot_key_file=str(self._directory(group) / "slot_key"),
            provider_dir=str(self._package / "provider"),
            keeper_dir=str(self._package / "keeper"),
            wheel_cache=str(self._cache / "wheels"),
        )

    def has(self, group: str) -> bool:
        site = self.site(group)
        files = (*_random(site), Path(f"{site.slot_key_file}.pub"))
        return all(file.exists() for file in files)

    def create(self, group: str) -> None:
        site = self.site(group)
        for path in _random(site):
            if not path.exists():
                self._write(path, secrets.token_hex(32).encode())
        key = Path(site.slot_key_file)
        if not key.exists():
            _ssh_keygen("-t", "ed25519", "-N", "", "-C", f"adbray-{group}", "-f", str(key))
        if not key.with_suffix(".pub").exists():
            self._write(key.with_suffix(".pub"), _ssh_keygen("-y", "-f", str(key)))

    def store(
        self,
        group: str,
        *,
        token: bytes,
        redis_password: bytes | None,
        redis_admin_password: bytes | None,
        slot_key: bytes | None,
    ) -> None:
        site = self.site(group)
        values = (token, redis_password, redis_admin_password, slot_key)
        for path, value in zip((*_random(site), Path(site.slot_key_file)), values, strict=True):
            if value is not None:
                self._write(path, value)

    def load(self, group: str) -> Secrets:
        site = self.site(group)
        return Secrets(
            token=Path(site.token_file).read_text(),
            redis_password=Path(site.redis_password_file).read_text(),
            redis_admin_password=Path(site.redis_admin_password_file).read_text(),
            slot_key=Path(site.slot_key_file).read_text(),
        )

    def keep(self, group: str, secrets: Secrets) -> None:
        self.store(
            group,
            token=secrets.token.encode(),
            redis_password=secrets.redis_password.encode(),
            # A backup from before Sentinel has none: the next apply makes one.
            redis_admin_password=secrets.redis_admin_password.encode() or None,
            slot_key=secrets.slot_key.encode(),
        )

    def forget(self, group: str) -> None:
        shutil.rmtree(self._directory(group), ignore_errors=True)

    def new_id(self) -> str:
        return secrets.token_hex(4)

    def _directory(self, group: str) -> Path:
        return self._state / "secrets" / group

    def _write(self, path: Path, value: bytes) -> None:
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(value)
        temporary.replace(path)


def _random(site: Site) -> tuple[Path, ...]:
    """The secrets that are nothing but random."""
    files = (site.token_file, site.redis_password_file, site.redis_admin_password_file)
    return tuple(Path(file) for file in files)


def _ssh_keygen(*arguments: str) -> bytes:
    """OpenSSH's own, which Ansible's connections need in any case; the key stays in its file."""
    try:
        done = subprocess.run(
            ["ssh-keygen", "-q", *arguments],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", b"") or str(error).encode()
        raise RunError(
            f"ssh-keygen failed: {told.decode(errors='replace').strip()}",
            hint="install OpenSSH's client on this machine",
        ) from error
    return done.stdout
