"""Secrets as files under ``.adbray/secrets/``, readable by their owner only."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import bcrypt

from adbray_ctl.adapters.host_package import host_package
from adbray_ctl.adapters.state.certificate import is_for, own_certificate
from adbray_ctl.core.backup import Secrets
from adbray_ctl.core.desired import web
from adbray_ctl.core.desired.grafana import GrafanaSecrets
from adbray_ctl.core.errors import RunError
from adbray_ctl.core.inventory.site import Site

# Those that are drawn by lot, by the names of ``Secrets``.
_RANDOM = ("token", "redis_password", "redis_admin_password", "redis_exporter_password")
# No group is called so.
_WEB = "_web"
# 2 ms, since nginx computes it anew for each request. A password of 24 random bytes needs no hash
# that is slow.
_BCRYPT_ROUNDS = 5


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
            redis_exporter_password_file=str(self._directory(group) / "redis_exporter_password"),
            redis_cert_file=str(self._directory(group) / "redis.crt"),
            redis_key_file=str(self._directory(group) / "redis.key"),
            slot_key_file=str(self._directory(group) / "slot_key"),
            grafana_dir=str(self._grafana),
            web_dir=str(self._directory(_WEB)),
            provider_dir=str(self._package / "provider"),
            in_ray_dir=str(self._package / "in_ray"),
            host_program=str(host_package().written(self._cache / "host")),
            archive_cache=str(self._cache / "archives"),
        )

    def has(self, group: str) -> bool:
        files = self._files(group)
        return all(file.exists() for file in (*files.values(), _public(files["slot_key"])))

    def create(self, group: str) -> None:
        files = self._files(group)
        for name in _RANDOM:
            if not files[name].exists():
                self._write(files[name], secrets.token_hex(32).encode())
        pair = (files["redis_cert"], files["redis_key"])
        if not all(file.exists() for file in pair):
            for file, pem in zip(pair, own_certificate(f"Redis of group {group}"), strict=True):
                self._write(file, pem)
        key = files["slot_key"]
        if not key.exists():
            _ssh_keygen("-t", "ed25519", "-N", "", "-C", f"adbray-{group}", "-f", str(key))
        if not _public(key).exists():
            self._write(_public(key), _ssh_keygen("-y", "-f", str(key)))

    def store(self, group: str, secrets: Secrets) -> None:
        for name, file in self._files(group).items():
            if value := getattr(secrets, name):
                self._write(file, value.encode())

    def load(self, group: str) -> Secrets:
        files = self._files(group)
        return Secrets(**{name: file.read_text() for name, file in files.items()})

    def all(self, files: Sequence[str]) -> tuple[str, ...]:
        here = [path for path in (self._state / "secrets").rglob("*") if path.is_file()]
        found = []
        for path in (*here, *map(Path, files)):
            with contextlib.suppress(OSError):
                found.append(path.expanduser().read_text(errors="replace"))
        return tuple(found)

    def forget(self, group: str) -> None:
        shutil.rmtree(self._directory(group), ignore_errors=True)

    def has_grafana(self) -> bool:
        return all((self._grafana / name).exists() for name in GrafanaSecrets.model_fields)

    def store_grafana(self, secrets: GrafanaSecrets) -> None:
        for name, value in secrets.model_dump().items():
            self._write(self._grafana / name, value.encode())

    def create_grafana(self) -> None:
        drawn = {name: secrets.token_hex(32) for name in GrafanaSecrets.model_fields}
        self.store_grafana(GrafanaSecrets.model_validate(drawn))

    def has_web(self) -> bool:
        return (self._directory(_WEB) / web.PASSWORD).exists()

    def create_web(self, address: str) -> None:
        folder = self._directory(_WEB)
        password, hashed = folder / web.PASSWORD, folder / web.HASH
        if not password.exists():
            self._write(password, secrets.token_urlsafe(24).encode())
        word = password.read_bytes()
        if not hashed.exists() or not bcrypt.checkpw(word, hashed.read_bytes()):
            self._write(hashed, bcrypt.hashpw(word, bcrypt.gensalt(_BCRYPT_ROUNDS)))
        pair = (folder / web.CERTIFICATE, folder / web.KEY)
        made = all(file.exists() for file in pair) and is_for(pair[0].read_bytes(), address)
        if not made:
            for file, pem in zip(pair, own_certificate(address, address), strict=True):
                self._write(file, pem)

    def store_web(self, found: web.WebSecrets) -> None:
        folder = self._directory(_WEB)
        known = {
            web.PASSWORD: found.password,
            web.CERTIFICATE: found.certificate,
            web.KEY: found.key,
        }
        for name, value in known.items():
            if value:
                self._write(folder / name, value.encode())

    def new_id(self) -> str:
        return secrets.token_hex(4)

    def _files(self, group: str) -> dict[str, Path]:
        """By the names of ``Secrets``."""
        site = self.site(group)
        return {
            "token": Path(site.token_file),
            "redis_password": Path(site.redis_password_file),
            "redis_admin_password": Path(site.redis_admin_password_file),
            "redis_exporter_password": Path(site.redis_exporter_password_file),
            "redis_cert": Path(site.redis_cert_file),
            "redis_key": Path(site.redis_key_file),
            "slot_key": Path(site.slot_key_file),
        }

    @property
    def _grafana(self) -> Path:
        """Of the whole fleet. No group can be called so."""
        return self._state / "secrets" / "_grafana"

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


def _public(key: Path) -> Path:
    return key.with_suffix(".pub")


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
        output = getattr(error, "stderr", b"") or str(error).encode()
        raise RunError(
            f"ssh-keygen failed: {output.decode(errors='replace').strip()}",
            hint="install OpenSSH's client on this machine",
        ) from error
    return done.stdout
