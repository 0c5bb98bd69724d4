"""The Ansible inventory that takes a group off hosts, as data."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.inventory.connection import connection
from adbray_ctl.core.inventory.site import Inventory, Site
from adbray_ctl.core.slot.names import user_name
from adbray_ctl.core.spec.fleet import Fleet


def build_removal_inventory(
    *,
    fleet: Fleet,
    group: str,
    hosts: tuple[str, ...],
    site: Site,
    stays: bool = False,
    watching: tuple[str, ...] = (),
) -> Inventory:
    """What `playbooks/delete.yml` needs to remove ``group`` from ``hosts``; it needs no spec.

    A group that ``stays`` on other hosts keeps what it has in a Redis that is not its own; the
    hosts ``watching`` it are told first who leaves.
    """
    return Inventory(
        groups={"adbray_hosts": hosts, "adbray_watching": watching},
        all_vars=_shared(group, site, stays=stays),
        host_vars={host: connection(fleet, host, site.known_hosts) for host in watching}
        | {host: _leaving(fleet, host, site, stays=stays) for host in hosts},
    )


def _shared(group: str, site: Site, *, stays: bool) -> dict[str, Any]:
    return {
        "host_base_group": group,
        "host_base_group_user": user_name(group),
        "host_base_program": site.host_program,
        "redis_group": group,
        "redis_exporter_group": group,
        "worker_disk_group": group,
        "gpu_share_group": group,
        "ray_head_group": group,
        "ray_head_forget_state": not stays,
        "ray_worker_group": group,
        "node_exporter_group": group,
        "prometheus_group": group,
        "web_proxy_group": group,
        "grafana_group": group,
    }


def _leaving(fleet: Fleet, host: str, site: Site, *, stays: bool) -> dict[str, Any]:
    """The variables of a host that the group leaves."""
    watched = stays and fleet.monitors(host)
    names = ("prometheus_stays", "web_proxy_stays", "grafana_stays")
    return connection(fleet, host, site.known_hosts) | dict.fromkeys(names, watched)
