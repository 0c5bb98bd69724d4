"""The ports of a group's Ray Serve: one pair on all its nodes, which no other group has.

Serve's proxies share a port with whatever listens there of the same user (SO_REUSEPORT), so two
groups on one host would take each other's requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.slot.ports import SERVE_PORTS, every_port
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec


class ServePorts(NamedTuple):
    http: int
    grpc: int


def serve_ports(
    fleet: Fleet, spec: RayClusterSpec, records: Iterable[tuple[str, SlotRecord]]
) -> ServePorts:
    """The ports as written in ``spec``, else those that the group has, else the lowest free pair.

    Written ones may be another group's on hosts that this one does not come to: each host judges.
    Raises PlacementError if no pair is left.
    """
    records = tuple(records)
    written = spec.head.ports
    for offered, taken in _offers(fleet, spec, records):
        pair = ServePorts(written.serve or offered.http, written.serve_grpc or offered.grpc)
        chosen = set(pair) - {written.serve, written.serve_grpc}
        # What the spec no longer says is not kept.
        free = chosen <= set(fleet.ports.serve) and not chosen & taken
        if free and pair.http != pair.grpc:
            return pair
    ports = fleet.ports.serve
    raise PlacementError(
        f"no two ports from {ports.start} to {ports[-1]} are left for Ray Serve",
        where=f"group {spec.name}",
        hint="set head.ports.serve and head.ports.serve_grpc, or a lower ports.serve_base"
        " in fleet.yml",
    )


def _offers(
    fleet: Fleet, spec: RayClusterSpec, records: tuple[tuple[str, SlotRecord], ...]
) -> Iterator[tuple[ServePorts, set[int]]]:
    """Pairs in the order in which they are tried, each with the ports it may not have."""
    ports = spec.head.ports
    beside = {ports.gcs, ports.dashboard, ports.client}
    if fleet.monitoring is not None:
        beside |= set(fleet.monitoring.ports.values())
    own = [(host, record) for host, record in records if record.group == spec.name]
    others = [(host, record) for host, record in records if record.group != spec.name]
    standing = _standing(record for _, record in own)
    if standing is not None:
        here = {host for host, _ in own}
        yield standing, beside | _ports(record for host, record in others if host in here)
    taken = beside | _ports(record for _, record in others)
    for first in fleet.ports.serve[:-1:2]:
        yield ServePorts(first, first + 1), taken


def _standing(own: Iterable[SlotRecord]) -> ServePorts | None:
    """What the group has, by its head; some of its workers may have been made of others."""
    made = (record for record in own if set(SERVE_PORTS) <= set(record.ports))
    first = min(
        made, key=lambda record: (record.kind is not SlotKind.HEAD, record.slot), default=None
    )
    return ServePorts(*(first.ports[name] for name in SERVE_PORTS)) if first else None


def _ports(records: Iterable[SlotRecord]) -> set[int]:
    return {port for record in records for port in every_port(record.ports)}
