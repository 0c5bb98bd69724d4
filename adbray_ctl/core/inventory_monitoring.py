"""The part of the inventory that the roles of monitoring read."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.monitoring import GroupMonitoring, bind_of, exporter_bind
from adbray_ctl.core.spec_monitoring import Monitoring


def monitoring_groups(
    found: GroupMonitoring | None, left: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """The Ansible groups: who is measured, who measures, and who ``left`` that to another."""
    return {
        "adbray_measured": found.hosts if found else (),
        "adbray_monitoring": (found.host,) if found else (),
        "adbray_unmonitoring": left,
    }


def monitoring_vars(
    wanted: Monitoring | None, found: GroupMonitoring | None, token_file: str
) -> dict[str, Any]:
    """Variables for all hosts; none where the fleet has no monitoring."""
    if wanted is None or found is None:
        return {}
    return {
        "node_exporter_port": wanted.node_exporter_port,
        "prometheus_token_file": token_file,
        "prometheus_scrapes": list(found.scrapes),
        "prometheus_nodes": list(found.nodes),
        "prometheus_revision": found.revision,
        "prometheus_retention": wanted.retention,
        "prometheus_bind": bind_of(wanted),
        "prometheus_port": wanted.prometheus_port,
        "prometheus_alertmanager_port": wanted.alertmanager_port,
        "alertmanager_bind": bind_of(wanted),
        "alertmanager_port": wanted.alertmanager_port,
        "alertmanager_webhook_url_file": wanted.webhook_url_file or "",
    }


def measured_vars(wanted: Monitoring | None, host: str, address: str) -> dict[str, Any]:
    """Variables of one host with a node exporter; ``address`` is its own."""
    return {"node_exporter_bind": exporter_bind(wanted, host, address)} if wanted else {}
