"""The part of the inventory that the roles of monitoring read."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.desired.grafana import ray_dashboard_settings
from adbray_ctl.core.desired.scrapes import (
    alertmanager_bind,
    bind_of,
    exporter_bind,
)
from adbray_ctl.core.desired.web import (
    ALERTMANAGER,
    CERTIFICATE,
    HASH,
    KEY,
    PASSWORD,
    PROMETHEUS,
)
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.monitoring import Monitoring


def monitoring_groups(desired: Desired, left: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Ansible groups: who is measured, who measures, who shows it, who ``left`` it to another."""
    found = desired.monitoring
    return {
        "adbray_measured": found.hosts if found else (),
        "adbray_monitoring": (found.host,) if found else (),
        "adbray_grafana": (found.host,) if found and found.grafana else (),
        "adbray_web": (found.host,) if found and found.shown else (),
        "adbray_unmonitoring": left,
    }


def monitoring_vars(fleet: Fleet, desired: Desired, token_file: str) -> dict[str, Any]:
    """Variables for all hosts; none where the fleet has no monitoring."""
    wanted, found = fleet.monitoring, desired.monitoring
    if wanted is None or found is None:
        return {}
    url = desired.web_url
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
        "prometheus_path": PROMETHEUS if url else "/",
        "prometheus_external_url": f"{url}{PROMETHEUS[1:]}" if url else "",
        "alertmanager_external_url": f"{url}{ALERTMANAGER[1:]}" if url else "",
        "alertmanager_bind": alertmanager_bind(wanted),
        "alertmanager_port": wanted.alertmanager_port,
        "alertmanager_webhook_url_file": wanted.webhook_url_file or "",
    }


def web_vars(fleet: Fleet, desired: Desired, token_file: str, web_dir: str) -> dict[str, Any]:
    """Variables for the host that browsers go to; none where they go nowhere."""
    wanted, found = fleet.monitoring, desired.monitoring
    if wanted is None or wanted.web is None or found is None:
        return {}
    return {
        "web_proxy_port": wanted.web.port,
        "web_proxy_user": wanted.web.user,
        "web_proxy_password_file": f"{web_dir}/{PASSWORD}",
        "web_proxy_hash_file": f"{web_dir}/{HASH}",
        "web_proxy_certificate_file": wanted.web.certificate_file or f"{web_dir}/{CERTIFICATE}",
        "web_proxy_key_file": wanted.web.key_file or f"{web_dir}/{KEY}",
        "web_proxy_token_file": token_file,
        "web_proxy_dashboard": found.dashboard,
        "web_proxy_prometheus_port": wanted.prometheus_port,
        "web_proxy_alertmanager_port": wanted.alertmanager_port,
        "web_proxy_grafana_port": wanted.grafana_port if found.grafana else 0,
    }


def grafana_vars(fleet: Fleet, desired: Desired, directory: str) -> dict[str, Any]:
    """Variables of Grafana; ``directory`` has the secrets."""
    wanted = fleet.monitoring
    if wanted is None or wanted.grafana is None:
        return {}
    grafana, tarball = wanted.grafana, wanted.grafana.tarball
    return {
        "grafana_deb": grafana.deb or "",
        "grafana_tarball": (tarball.url or tarball.path or "") if tarball else "",
        "grafana_tarball_sha256": tarball.sha256 if tarball else "",
        "grafana_bind": bind_of(wanted),
        "grafana_port": wanted.grafana_port,
        "grafana_url": desired.grafana_url,
        "grafana_embedded": grafana.panels_in_ray,
        "grafana_prometheus_port": wanted.prometheus_port,
        "grafana_prometheus_path": PROMETHEUS if wanted.web else "/",
        "grafana_password_file": f"{directory}/admin_password",
        "grafana_secret_key_file": f"{directory}/secret_key",
        "grafana_ray_host": desired.topology.head.host,
        "grafana_ray_venv": desired.runtime.venv,
        "grafana_ray_settings": ray_dashboard_settings(desired.topology.group),
    }


def measured_vars(wanted: Monitoring | None, host: str, address: str) -> dict[str, Any]:
    """Variables of one host with a node exporter; ``address`` is its own."""
    return {"node_exporter_bind": exporter_bind(wanted, host, address)} if wanted else {}
