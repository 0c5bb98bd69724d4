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
        tools.secrets.store(group, _kept(tools, prepared, found[0]))
    tools.secrets.create(group)


def _kept(tools: Tools, prepared: Prepared, head: str) -> Secrets:
    """What the hosts of a group keep of its secrets, its head being on ``head``."""
    group, records = prepared.spec.name, prepared.observed.records()
    redis = [(h, r) for h, r in records if (r.group, r.kind) == (group, SlotKind.REDIS)]
    store, record = redis[0] if redis else ("", None)
    several = len(redis) > 1
    # A Redis of an older adbray has no exporter beside it, and no user for one.
    measured = record is not None and "exporter" in record.ports

    def kept(host: str, name: str, *, there: bool = True) -> str:
        path = f"/etc/adbray/{group}/{name}"
        return tools.hosts.read_file(prepared.fleet, host, path).decode() if there else ""

    return Secrets(
        token=kept(head, "token"),
        redis_password=kept(head, "redis_password", there=bool(redis)),
        redis_admin_password=kept(store, "redis_admin_password", there=several),
        redis_exporter_password=kept(store, "redis_exporter_password", there=measured),
        redis_cert=kept(store, "redis.crt", there=bool(redis)),
        redis_key=kept(store, "redis.key", there=bool(redis)),
        slot_key=kept(head, "slot_key"),
    )


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
