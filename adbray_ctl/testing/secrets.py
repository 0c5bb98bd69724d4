"""Secrets in memory; nothing is at the paths that a site names."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adbray_ctl.core.backup import Secrets
from adbray_ctl.core.desired.grafana import GrafanaSecrets
from adbray_ctl.core.desired.web import WebSecrets
from adbray_ctl.core.inventory.site import Site

_EMPTY = Secrets(token="", slot_key="")


@dataclass
class FakeSecrets:
    """SecretStore. What it makes is called `made 1`, `made 2` and so on."""

    groups: dict[str, Secrets] = field(default_factory=dict)
    grafana: GrafanaSecrets | None = None
    web: WebSecrets | None = None
    made: int = 0

    def site(self, group: str) -> Site:
        own = f"/secrets/{group}"
        return Site(
            known_hosts="/known_hosts",
            token_file=f"{own}/token",
            redis_password_file=f"{own}/redis_password",
            redis_admin_password_file=f"{own}/redis_admin_password",
            redis_exporter_password_file=f"{own}/redis_exporter_password",
            redis_cert_file=f"{own}/redis.crt",
            redis_key_file=f"{own}/redis.key",
            slot_key_file=f"{own}/slot_key",
            grafana_dir="/secrets/_grafana",
            web_dir="/secrets/_web",
            provider_dir="/package/provider",
            in_ray_dir="/package/in_ray",
            host_program="/cache/host/adbray_host.pyz",
            archive_cache="/cache/archives",
        )

    def has(self, group: str) -> bool:
        return all(self.groups.get(group, _EMPTY).model_dump().values())

    def create(self, group: str) -> None:
        known = self.groups.get(group, _EMPTY).model_dump()
        self.groups[group] = Secrets(
            **{name: value or self._new() for name, value in known.items()}
        )

    def store(self, group: str, secrets: Secrets) -> None:
        known = {name: value for name, value in secrets.model_dump().items() if value}
        self.groups[group] = self.groups.get(group, _EMPTY).model_copy(update=known)

    def load(self, group: str) -> Secrets:
        return self.groups[group]

    def all(self, files: Sequence[str]) -> tuple[str, ...]:
        found = [v for secrets in self.groups.values() for v in secrets.model_dump().values() if v]
        for shared in (self.grafana, self.web):
            found += [value for value in (shared.model_dump().values() if shared else ()) if value]
        for path in map(Path, files):
            with contextlib.suppress(OSError):
                found.append(path.expanduser().read_text(errors="replace"))
        return tuple(found)

    def forget(self, group: str) -> None:
        self.groups.pop(group, None)

    def has_grafana(self) -> bool:
        return self.grafana is not None

    def store_grafana(self, secrets: GrafanaSecrets) -> None:
        self.grafana = secrets

    def create_grafana(self) -> None:
        self.grafana = GrafanaSecrets(admin_password=self._new(), secret_key=self._new())

    def has_web(self) -> bool:
        return self.web is not None

    def create_web(self, address: str) -> None:
        known = self.web.model_dump() if self.web else dict.fromkeys(WebSecrets.model_fields, "")
        self.web = WebSecrets(**{name: value or self._new() for name, value in known.items()})

    def store_web(self, found: WebSecrets) -> None:
        known = {name: value for name, value in found.model_dump().items() if value}
        self.web = self.web.model_copy(update=known) if self.web else found

    def new_id(self) -> str:
        self.made += 1
        return f"{self.made:08x}"

    def _new(self) -> str:
        self.made += 1
        return f"made {self.made}"
