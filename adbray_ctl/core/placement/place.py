"""Placement: puts every slot of a group on a host."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from adbray_ctl.core.placement.budget import require_within_budget
from adbray_ctl.core.placement.ledger import Capacity, HostLedger, is_asked_for
from adbray_ctl.core.placement.refusals import no_host_for, refusals_of
from adbray_ctl.core.placement.topology import Placement, Replacement, Topology
from adbray_ctl.core.placement.wanted import Wanted, wanted
from adbray_ctl.core.slot.disks import SlotDisk, kept
from adbray_ctl.core.slot.ports import ports_of
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
    ``records`` are all slots that stand on the hosts: those of other groups take room, those of
    this group stay where they are as long as they fit, the selector still admits the host, and it
    is not retired. ``addresses`` are the hosts' IPv4 addresses where the fleet has DNS names, which
    Ray does not take for a node. New slots go to the host with the most room left, in the fleet's
    order among equals. With ``replacing``, what stood on the old host takes the same ports on the
    new one where they are free.

    Raises PlacementError, telling for each host why the slot does not fit and what would, or which
    budget of the fleet the workers pass.
    """
    fleet = _with_addresses(fleet, addresses or {})
    records = tuple(records)
    ledgers = _open_ledgers(fleet, capacities)
    stay, move = _standing(fleet, spec.name, records, ledgers, replacing)
    slots = wanted(fleet, spec)
    placed = {
        w.slot: p
        for w in sorted(slots, key=lambda w: _takes_other_cards(w, stay.get(w.slot)))
        if (p := _keep(fleet, w, stay.get(w.slot), ledgers))
    }
    placed |= {
        w.slot: p
        for w in slots
        if w.slot not in placed and (p := _keep(fleet, w, move.get(w.slot), ledgers))
    }
    queues: dict[str, _Queue] = {}
    for want in slots:
        if want.slot in placed:
            continue
        # The workers of a group ask for the same, so that hosts need not be judged for each.
        kind = want.worker_group or want.slot
        if kind not in queues:
            queues[kind] = _Queue(fleet, want, ledgers, _apart(want, placed), replacing)
        best = queues[kind].pop()
        if best is None:
            raise no_host_for(spec, want, refusals_of(fleet, want, ledgers), placed)
        placed[want.slot] = _take(fleet, want, best)
        queues[kind].push(best)
    placements = tuple(placed[w.slot] for w in slots)
    topology = Topology(group=spec.name, placements=placements, virtual_ip=spec.head.virtual_ip)
    workers = ((p.cpus, p.gpu) for p in topology.workers)
    require_within_budget(fleet, spec.name, workers, records)
    return topology


def _apart(want: Wanted, placed: Mapping[str, Placement]) -> frozenset[str]:
    """The hosts that a slot should not share: Redis those of the head and its standbys.

    Two of those never share one, since their ports are the same.
    """
    if want.kind is not SlotKind.REDIS:
        return frozenset()
    return frozenset(p.host for p in placed.values() if p.kind is SlotKind.HEAD)


class _Queue:
    """The hosts that can take one more slot like ``want``, the one with the most room first.

    Hosts to stay ``apart`` from come last, the one that replaces another first. Rooms only shrink
    while slots are placed, so a host's place in the heap may be too good but never too bad: it is
    looked at again when its turn comes.
    """

    def __init__(
        self,
        fleet: Fleet,
        want: Wanted,
        ledgers: Mapping[str, HostLedger],
        apart: frozenset[str],
        replacing: Replacement | None,
    ) -> None:
        self._request = want.request
        self._apart = apart
        self._first = replacing.new if replacing else None
        self._order = {name: position for position, name in enumerate(ledgers)}
        self._heap = [
            self._rank(ledger)
            for name, ledger in ledgers.items()
            if want.selector.admits(fleet.host(name)) and ledger.why_not(want.request) is None
        ]
        self._ledgers = ledgers
        heapq.heapify(self._heap)

    def pop(self) -> HostLedger | None:
        """The best host, taken out; None when there is none."""
        while self._heap:
            entry = heapq.heappop(self._heap)
            ledger = self._ledgers[entry[-1]]
            if entry == self._rank(ledger):
                if ledger.why_not(self._request) is None:
                    return ledger
            else:
                self.push(ledger)
        return None

    def push(self, ledger: HostLedger) -> None:
        """Put a host back if it still fits."""
        if ledger.why_not(self._request) is None:
            heapq.heappush(self._heap, self._rank(ledger))

    def _rank(self, ledger: HostLedger) -> tuple[bool, bool, float, int, str]:
        name = ledger.host
        return (name in self._apart, name != self._first, -ledger.room, self._order[name], name)


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
    fleet: Fleet,
    want: Wanted,
    ledger: HostLedger,
    *,
    block: int | None = None,
    gpu: Gpu | None = None,
) -> Placement:
    block, gpu = ledger.take(want.request, block=block, gpu=gpu)
    ports = ports_of(ledger.block_ports(block), want.kind, sentinel=want.sentinel)
    if want.kind is SlotKind.HEAD:
        gcs, dashboard, client = want.request.own_ports
        ports = {"gcs": gcs, "dashboard": dashboard, "client": client, **ports}
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
