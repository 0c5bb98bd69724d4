"""The part of the inventory that the roles of monitoring read."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.grafana import page_url, ray_dashboard_settings
from adbray_ctl.core.monitoring import GroupMonitoring, bind_of, exporter_bind
from adbray_ctl.core.slots import runtime_venv
from adbray_ctl.core.spec import RayClusterSpec
from adbray_ctl.core.spec_monitoring import Monitoring


def monitoring_groups(
    found: GroupMonitoring | None, left: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """The Ansible groups: who is measured, who measures, and who ``left`` that to another."""
    return {
        "adbray_measured": found.hosts if found else (),
        "adbray_monitoring": (found.host,) if found else (),
        "adbray_grafana": (found.host,) if found and found.grafana else (),
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


def grafana_vars(
    wanted: Monitoring | None, spec: RayClusterSpec, head: str, files: tuple[str, str]
) -> dict[str, Any]:
    """Variables of Grafana; ``head`` is the host of the head, ``files`` hold password and key."""
    if wanted is None or wanted.grafana is None:
        return {}
    grafana, tarball = wanted.grafana, wanted.grafana.tarball
    return {
        "grafana_deb": grafana.deb or "",
        "grafana_tarball": (tarball.url or tarball.path or "") if tarball else "",
        "grafana_tarball_sha256": tarball.sha256 if tarball else "",
        "grafana_bind": bind_of(wanted),
        "grafana_port": wanted.grafana_port,
        "grafana_url": page_url(wanted),
        "grafana_embedded": grafana.panels_in_ray,
        "grafana_prometheus_port": wanted.prometheus_port,
        "grafana_password_file": files[0],
        "grafana_secret_key_file": files[1],
        "grafana_ray_host": head,
        "grafana_ray_venv": runtime_venv(spec),
        "grafana_ray_settings": ray_dashboard_settings(spec.name),
    }


def measured_vars(wanted: Monitoring | None, host: str, address: str) -> dict[str, Any]:
    """Variables of one host with a node exporter; ``address`` is its own."""
    return {"node_exporter_bind": exporter_bind(wanted, host, address)} if wanted else {}
