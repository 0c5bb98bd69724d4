"""What monitoring is told of one group: its scrape jobs, its hosts, and the revision of both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.desired.runtime import runtime_venv
from adbray_ctl.core.desired.web import web_url
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.slot.record import SlotKind, revision_of
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.monitoring import Listen, Monitoring

# Where the role prometheus keeps a group's token.
TOKEN_FILE = "/etc/adbray-monitoring/tokens/{group}"  # noqa: S105  # a path
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # only where fleet.yml asks for it
# How a worker that was started is scraped within 15 seconds: Ray writes its list every 5 (
# ray/_private/metrics_agent.py), Prometheus takes a new one over every 5.
_DISCOVERY = "1s"
_RAY_INTERVAL = "5s"
# Of Ray's own event loops and RPCs: a third of what a node tells, and no dashboard of Ray asks.
_TOO_FINE = "ray_(operation|grpc)_.+_bucket"
_OTEL_LABELS = "otel_scope_.+"


class GroupMonitoring(BaseModel):
    """What stands on the monitoring host for one group.

    ``scrapes`` are scrape_configs of Prometheus, ``nodes`` targets as its file_sd
    reads them; ``dashboard`` is where the group's head has it. ``shown`` says that browsers reach
    all of that, ``grafana`` that there is one.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    host: str
    hosts: tuple[str, ...]
    scrapes: tuple[dict[str, Any], ...]
    nodes: tuple[dict[str, Any], ...]
    dashboard: str
    shown: bool
    grafana: bool
    revision: str


def monitoring_of(fleet: Fleet, spec: RayClusterSpec, topology: Topology) -> GroupMonitoring | None:
    """Nothing if the fleet has no monitoring. ``hosts`` are those with a node exporter."""
    wanted = fleet.monitoring
    if wanted is None:
        return None
    scrapes = tuple(scrape_configs(spec, topology))
    nodes = tuple(_nodes(fleet, wanted, topology))
    contents: dict[str, Any] = {"fleet": _settings(wanted), "scrapes": scrapes, "nodes": nodes}
    if wanted.grafana is not None:
        # Whose own dashboards it has.
        contents["ray"] = runtime_venv(spec)
    if wanted.web is not None:
        # The address of the host is that of links, where the spec names no other.
        contents["web"] = [web_url(fleet), wanted.web.fingerprint]
    return GroupMonitoring(
        host=wanted.host,
        hosts=tuple(dict.fromkeys((*topology.hosts, wanted.host))),
        scrapes=scrapes,
        nodes=nodes,
        dashboard=f"{topology.head_address}:{topology.head.ports['dashboard']}",
        shown=wanted.web is not None,
        grafana=wanted.grafana is not None,
        revision=revision_of(contents),
    )


def _settings(wanted: Monitoring) -> dict[str, Any]:
    """What the fleet says of monitoring; without Grafana nothing of it."""
    found = wanted.model_dump(mode="json")
    if wanted.grafana is None:
        del found["grafana"], found["grafana_port"]
    return found


def bind_of(wanted: Monitoring) -> str:
    """Where Prometheus and Grafana listen."""
    return EVERYWHERE if wanted.listen is Listen.HOST else LOOPBACK


def alertmanager_bind(wanted: Monitoring) -> str:
    """Where Alertmanager listens: up to 0.25 it shows the URL of its webhook to whoever asks."""
    return LOOPBACK if wanted.webhook_url_file else bind_of(wanted)


def exporter_bind(wanted: Monitoring, host: str, address: str) -> str:
    """Where a host's node exporter listens: for the Prometheus beside it alone, if there is one."""
    return LOOPBACK if host == wanted.host else address


def scrape_configs(spec: RayClusterSpec, topology: Topology) -> Iterator[dict[str, Any]]:
    """The jobs of one group: its Ray nodes as the head lists them, its Redis and Sentinels."""
    yield _ray_job(spec.name, topology)
    if topology.redis:
        yield _redis_job(spec.name, "redis", topology.redis)
    sentinels = [placement for placement in topology.redis if "sentinel" in placement.ports]
    if sentinels:
        socket = f"unix:///run/adbray-sentinel.{spec.name}/sentinel.sock"
        job = _redis_job(spec.name, "sentinel", sentinels)
        yield job | {"metrics_path": "/scrape", "params": {"target": [socket]}}


def _ray_job(group: str, topology: Topology) -> dict[str, Any]:
    """Whatever of the group runs Ray: a worker is there while the head says that it lives.

    The heads are there always, so that a head that is down has a sample that says so.
    """
    dashboard = f"{topology.head_address}:{topology.head.ports['dashboard']}"
    heads = dict.fromkeys(_metrics_at(topology, p) for p in topology.heads)
    return {
        "job_name": f"ray-{group}",
        "scrape_interval": _RAY_INTERVAL,
        "scrape_timeout": _RAY_INTERVAL,
        "http_sd_configs": [
            {
                "url": f"http://{dashboard}/api/prometheus/sd",
                "refresh_interval": _DISCOVERY,
                # Prometheus 2.42 names no type by itself in a discovery.
                "authorization": {
                    "type": "Bearer",
                    "credentials_file": TOKEN_FILE.format(group=group),
                },
            }
        ],
        "static_configs": [{"targets": list(heads), "labels": {"job": "ray"}}],
        "relabel_configs": list(_slot_labels(group, topology)),
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": _TOO_FINE, "action": "drop"},
            {"regex": _OTEL_LABELS, "action": "labeldrop"},
        ],
    }


def _metrics_at(topology: Topology, placement: Placement) -> str:
    head = placement.kind is SlotKind.HEAD
    address = topology.head_address if head else placement.address
    return f"{address}:{placement.ports['metrics']}"


def _slot_labels(group: str, topology: Topology) -> Iterator[dict[str, Any]]:
    """Name each target by its slot, which its fixed port tells; a head is `head` on any host."""
    yield {"target_label": "group", "replacement": group}
    named: dict[str, str] = {}
    for placement in (*topology.heads, *topology.workers):
        head = placement.kind is SlotKind.HEAD
        host = "" if head and topology.virtual_ip else placement.host
        slot = str(SlotKind.HEAD) if head else placement.slot
        named[_metrics_at(topology, placement)] = f"{slot}/{placement.worker_group or ''}/{host}"
        if head:
            for port in ("autoscaler_metrics", "dashboard_metrics"):
                at = f"{topology.head_address}:{placement.ports[port]}"
                named[at] = f"{port.removesuffix('_metrics')}//{host}"
    for address, text in named.items():
        yield {
            "source_labels": ["__address__"],
            "regex": re.escape(address),
            "target_label": "__tmp_slot",
            "replacement": text,
        }
    for label, pattern in (
        ("slot", "(.+)/.*/.*"),
        ("worker_group", ".+/(.+)/.*"),
        ("host", ".+/.*/(.+)"),
    ):
        yield {"source_labels": ["__tmp_slot"], "regex": pattern, "target_label": label}


def _redis_job(group: str, job: str, members: Iterable[Placement]) -> dict[str, Any]:
    return {
        "job_name": f"{job}-{group}",
        "static_configs": [
            {
                "targets": [f"{p.address}:{p.ports['exporter']}"],
                "labels": {"job": job, "group": group, "slot": p.slot, "host": p.host},
            }
            for p in members
        ],
    }


def _nodes(fleet: Fleet, wanted: Monitoring, topology: Topology) -> Iterator[dict[str, Any]]:
    """The same text for a host in whichever group it is: Prometheus takes equal targets for one."""
    addresses = {p.host: p.address for p in topology.placements}
    for host in dict.fromkeys((*topology.hosts, wanted.host)):
        address = exporter_bind(wanted, host, addresses.get(host, ""))
        power = fleet.host(host).power
        yield {
            "targets": [f"{address}:{wanted.node_exporter_port}"],
            "labels": {"host": host, "sleeps": str(bool(power and power.sleep)).lower()},
        }
