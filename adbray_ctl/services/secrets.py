"""Secrets: made for what is new, fetched back from the hosts of what stands."""

from __future__ import annotations

from adbray_ctl.core.backup import Secrets
from adbray_ctl.core.desired.grafana import SECRETS_DIR, GrafanaSecrets
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.services.plan import Prepared
from adbray_ctl.services.tools import Tools
from adbray_ctl.services.web import ensure_web, told_by


def ensure_all(tools: Tools, prepared: Prepared) -> None:
    """The group's, and those that all groups of the fleet share. Raises HostError."""
    ensure_secrets(tools, prepared)
    _ensure_grafana(tools, prepared)
    ensure_web(tools, prepared)


def ensure_secrets(tools: Tools, prepared: Prepared) -> None:
    """Create what is new; fetch back what stands when it is not here. Raises HostError."""
    group = prepared.spec.name
    if tools.secrets.has(group):
        return
    found = prepared.observed.head(group)
    if found:
        redis = [
            (host, record)
            for host, record in prepared.observed.records()
            if (record.group, record.kind) == (group, SlotKind.REDIS)
        ]

        def kept(host: str, name: str) -> str:
            path = f"/etc/adbray/{group}/{name}"
            return tools.hosts.read_file(prepared.fleet, host, path).decode()

        several = len(redis) > 1
        # A Redis of an older adbray has no exporter beside it, and no user for one.
        measured = bool(redis) and "exporter" in redis[0][1].ports
        secrets = Secrets(
            token=kept(found[0], "token"),
            redis_password=kept(found[0], "redis_password") if redis else "",
            redis_admin_password=kept(redis[0][0], "redis_admin_password") if several else "",
            redis_exporter_password=kept(redis[0][0], "redis_exporter_password")
            if measured
            else "",
            redis_cert=kept(redis[0][0], "redis.crt") if redis else "",
            redis_key=kept(redis[0][0], "redis.key") if redis else "",
            slot_key=kept(found[0], "slot_key"),
        )
        tools.secrets.store(group, secrets)
    tools.secrets.create(group)


def _ensure_grafana(tools: Tools, prepared: Prepared) -> None:
    """The same for the fleet's Grafana, which keeps what it was made with."""
    monitoring = prepared.fleet.monitoring
    if monitoring is None or monitoring.grafana is None or tools.secrets.has_grafana():
        return
    seen = told_by(prepared, monitoring.host, "Grafana")
    if not seen.grafana:
        tools.secrets.create_grafana()
        return
    kept = {
        name: tools.hosts.read_file(prepared.fleet, seen.host, f"{SECRETS_DIR}/{name}").decode()
        for name in GrafanaSecrets.model_fields
    }
    tools.secrets.store_grafana(GrafanaSecrets.model_validate(kept))
