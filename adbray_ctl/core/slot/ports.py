"""The ports of a slot: each has its place in the slot's block, which never changes."""

from __future__ import annotations

from collections.abc import Mapping

from adbray_ctl.core.slot.record import SlotKind

# Each slot owns one block of ports; a port's place in the block never changes, so that a firewall
# can be written down once. Offsets up to 9 are single services; of the rest a fifth is for replicas
# of Serve, each of which listens for the others of its application, and four for Ray's workers.
_SHARED_OFFSETS = {
    "node_manager": 0,
    "object_manager": 1,
    "dashboard_agent_http": 2,
    "dashboard_agent_grpc": 3,
    "runtime_env_agent": 4,
    "metrics": 5,
}
_HEAD_OFFSETS = {"autoscaler_metrics": 7, "dashboard_metrics": 8}
_REDIS_OFFSETS = {"redis": 6, "exporter": 8}
_SENTINEL_OFFSETS = {"sentinel": 7}
WORKER_PORTS_OFFSET, REPLICAS_SHARE = 10, 5
# Each from the first to the last, as the records name these.
RANGES = (("worker_min", "worker_max"), ("replica_min", "replica_max"))
# Outside of blocks: the head's own, and those of Serve, which all nodes of a group share.
HEAD_PORTS = ("gcs", "dashboard", "client")
SERVE_PORTS = ("serve", "serve_grpc")


def ports_of(block: range, kind: SlotKind, *, sentinel: bool = False) -> dict[str, int]:
    """The ports of ``block`` by name; those in RANGES are the first and the last of several."""
    if kind is SlotKind.REDIS:
        offsets = _REDIS_OFFSETS | (_SENTINEL_OFFSETS if sentinel else {})
        return {name: block[offset] for name, offset in offsets.items()}
    offsets = _SHARED_OFFSETS | (_HEAD_OFFSETS if kind is SlotKind.HEAD else {})
    ports = {name: block[offset] for name, offset in offsets.items()}
    first = WORKER_PORTS_OFFSET + worker_ports(len(block))
    ports["worker_min"], ports["worker_max"] = block[WORKER_PORTS_OFFSET], block[first - 1]
    ports["replica_min"], ports["replica_max"] = block[first], block[-1]
    return ports


def every_port(ports: Mapping[str, int]) -> set[int]:
    """All of a slot's ports, those between the ends of RANGES too."""
    found = set(ports.values())
    for first, last in RANGES:
        if first in ports:
            found.update(range(ports[first], ports[last]))
    return found


def worker_ports(block: int) -> int:
    """How many ports Ray's workers have in a block of so many."""
    rest = block - WORKER_PORTS_OFFSET
    return rest - rest // REPLICAS_SHARE
