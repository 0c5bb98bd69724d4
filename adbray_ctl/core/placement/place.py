"""Placement: puts every slot of a group on a host.

Slots of other groups take room. Those of this group stay where they are as long as they fit, the
selector still admits the host, and it is not retired. New slots go to the host with the most room
left, in the fleet's order among equals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from adbray_ctl.core.placement.budget import require_within_budget
from adbray_ctl.core.placement.ledger import Capacity, HostLedger, is_asked_for
from adbray_ctl.core.placement.queues import HostQueue
from adbray_ctl.core.placement.refusals import no_host_for, refusals_of
from adbray_ctl.core.placement.serve import serve_ports
from adbray_ctl.core.placement.topology import Placement, Replacement, Topology
from adbray_ctl.core.placement.wanted import Wanted, wanted
from adbray_ctl.core.slot.disks import SlotDisk, kept
from adbray_ctl.core.slot.ports import HEAD_PORTS, SERVE_PORTS, ports_of
from adbray_ctl.core.slot.record import Gpu, SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec


def place(
    *,
    fleet: Fleet,
    spec: RayClusterSpec,
    capacities: Mapping[str, Capacity | str],
    records: Iterable[tuple[str, SlotRecord]],
    addresses: Mapping[str, str] | None = None,
    replacing: Replacement | None = None,
) -> Topology:
    """Put every slot of ``spec`` on a host of ``fleet``; the same input gives the same output.

    ``capacities`` has, by host name, what the host can carry or the reason why it is unknown.
    ``records`` are all slots that stand on the hosts. ``addresses`` are the hosts' IPv4 addresses
    where the fleet has DNS names, which Ray does not take for a node. With ``replacing``, what
    stood on the old host takes the same ports on the new one where they are free.

    Raises PlacementError: for each host why the slot does not fit, or what else is lacking.
    """
    fleet = _with_addresses(fleet, addresses or {})
    records = tuple(records)
    ledgers = _open_ledgers(fleet, capacities)
    stay, move = _standing(fleet, spec.name, records, ledgers, replacing)
    slots = wanted(fleet, spec, serve_ports(fleet, spec, records))
    placed = _kept(fleet, slots, stay, move, ledgers)
    _place_new(fleet, spec, slots, placed, ledgers, replacing)
    placements = tuple(placed[want.slot] for want in slots)
    topology = Topology(group=spec.name, placements=placements, virtual_ip=spec.head.virtual_ip)
    workers = ((p.cpus, p.gpu) for p in topology.workers)
    require_within_budget(fleet, spec.name, workers, records)
    return topology


def _kept(
    fleet: Fleet,
    slots: Sequence[Wanted],
    stay: Mapping[str, tuple[str, SlotRecord]],
    move: Mapping[str, tuple[str, SlotRecord]],
    ledgers: Mapping[str, HostLedger],
) -> dict[str, Placement]:
    """The slots that stay where they are, and then those that move to a host in another's place."""
    placed = {
        w.slot: p
        for w in sorted(slots, key=lambda w: _takes_other_cards(w, stay.get(w.slot)))
        if (p := _keep(fleet, w, stay.get(w.slot), ledgers))
    }
    return placed | {
        w.slot: p
        for w in slots
        if w.slot not in placed and (p := _keep(fleet, w, move.get(w.slot), ledgers))
    }


def _place_new(
    fleet: Fleet,
    spec: RayClusterSpec,
    slots: Sequence[Wanted],
    placed: dict[str, Placement],
    ledgers: Mapping[str, HostLedger],
    replacing: Replacement | None,
) -> None:
    """Add to ``placed`` what is not in it. Raises PlacementError."""
    queues: dict[str, HostQueue] = {}
    for want in slots:
        if want.slot in placed:
            continue
        # The workers of a group ask for the same, so that hosts need not be judged for each.
        kind = want.worker_group or want.slot
        if kind not in queues:
            queues[kind] = HostQueue(fleet, want, ledgers, _apart(want, placed), replacing)
        best = queues[kind].pop()
        if best is None:
            raise no_host_for(spec, want, refusals_of(fleet, want, ledgers), placed)
        placed[want.slot] = _take(fleet, want, best)
        queues[kind].push(best)


def _apart(want: Wanted, placed: Mapping[str, Placement]) -> frozenset[str]:
    """The hosts that a slot should not share: Redis those of the head and its standbys.

    Two of those never share one, since their ports are the same.
    """
    if want.kind is not SlotKind.REDIS:
        return frozenset()
    return frozenset(p.host for p in placed.values() if p.kind is SlotKind.HEAD)


def _with_addresses(fleet: Fleet, addresses: Mapping[str, str]) -> Fleet:
    if not addresses:
        return fleet
    hosts = tuple(
        host.model_copy(update={"address": addresses.get(host.name, host.address)})
        for host in fleet.hosts
    )
    return fleet.model_copy(update={"hosts": hosts})


def _standing(
    fleet: Fleet,
    group: str,
    records: Iterable[tuple[str, SlotRecord]],
    ledgers: Mapping[str, HostLedger],
    replacing: Replacement | None,
) -> tuple[dict[str, tuple[str, SlotRecord]], dict[str, tuple[str, SlotRecord]]]:
    """The group's slots that may stay, and those of a replaced host as if they stood on the new.

    Slots of other groups are booked.
    """
    stay: dict[str, tuple[str, SlotRecord]] = {}
    move: dict[str, tuple[str, SlotRecord]] = {}
    for host, record in records:
        if record.group != group:
            if host in ledgers:
                ledgers[host].charge(record)
        elif replacing is not None and host == replacing.old:
            move[record.slot] = (replacing.new, record)
        elif host not in fleet.retired:
            stay[record.slot] = (host, record)
    return stay, move


def _open_ledgers(fleet: Fleet, capacities: Mapping[str, Capacity | str]) -> dict[str, HostLedger]:
    ledgers = {}
    for host in fleet.hosts:
        capacity = capacities.get(host.name, "not observed")
        capacity = "retired in fleet.yml" if host.retired else capacity
        ledgers[host.name] = HostLedger(host=host.name, capacity=capacity, ports=fleet.ports)
    return ledgers


def _takes_other_cards(want: Wanted, before: tuple[str, SlotRecord] | None) -> bool:
    """Whether a slot may leave its cards, so that those that stay on theirs come first."""
    return before is not None and not is_asked_for(before[1].gpu, want.request)


def _keep(
    fleet: Fleet,
    want: Wanted,
    before: tuple[str, SlotRecord] | None,
    ledgers: Mapping[str, HostLedger],
) -> Placement | None:
    """The slot where it already stands, if it may stay there."""
    if before is None or before[0] not in ledgers:
        return None
    host, record = before
    ledger = ledgers[host]
    if not want.selector.admits(fleet.host(host)):
        return None
    if not ledger.block_is_free(record.block) or ledger.why_not(want.request, record.gpu):
        return None
    gpu = record.gpu if ledger.gpu_is_free(record.gpu, want.request) else None
    taken = _take(fleet, want, ledger, block=record.block, gpu=gpu)
    if not want.request.disk_gb:
        return taken
    disk = kept(record.disk, ledger.disk, fleet.disk_of(host).asked)
    return taken.model_copy(update={"disk": disk})


def _take(
    fleet: Fleet, want: Wanted, ledger: HostLedger, block: int | None = None, gpu: Gpu | None = None
) -> Placement:
    block, gpu = ledger.take(want.request, block=block, gpu=gpu)
    ports = ports_of(ledger.block_ports(block), want.kind, sentinel=want.sentinel)
    ports = dict(zip(SERVE_PORTS, want.request.group_ports, strict=False)) | ports
    ports = dict(zip(HEAD_PORTS, want.request.own_ports, strict=False)) | ports
    return Placement(
        slot=want.slot,
        kind=want.kind,
        host=ledger.host,
        address=fleet.host(ledger.host).address,
        worker_group=want.worker_group,
        index=want.index,
        size=want.size,
        cpus=want.request.cpus,
        memory_mb=want.request.memory_mb,
        disk_gb=want.request.disk_gb,
        disk=ledger.disk if want.request.disk_gb else SlotDisk(),
        gpu=gpu,
        card=ledger.card if gpu else None,
        block=block,
        ports=ports,
        started=want.started,
    )
