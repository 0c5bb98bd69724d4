"""Observe: ask the hosts what is there, and judge what each of them can carry."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from adbray_ctl.core.errors import HostError, SpecError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.placement.wanted import slot_names
from adbray_ctl.core.preflight.machines import ONE_LINE, Where, twins, twins_text, unseen_text
from adbray_ctl.core.slot.disks import host_disk, room_gb
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.hosts import DeclaredCapacity, Host

_WAY_OUT = "bring the host back, or give it up: `adbray replace {0} NEWHOST`, or `retired: true`"


def capacities(fleet: Fleet, observed: Observed) -> Mapping[str, Capacity | str]:
    """By host: its capacity (declared values win over detected ones), or why there is none."""
    return {host.name: _capacity(fleet, host, observed.host(host.name)) for host in fleet.hosts}


def addresses(fleet: Fleet, observed: Observed) -> Mapping[str, str]:
    """The IPv4 addresses of hosts that the fleet knows by a DNS name, as the hosts see them."""
    found = {}
    for host in fleet.hosts:
        facts = observed.host(host.name).facts
        if facts is not None and facts.address and not _is_ipv4(host.address):
            found[host.name] = facts.address
    return found


def require_network(spec: RayClusterSpec, topology: Topology, observed: Observed) -> None:
    """Raise SpecError if the head's virtual address lies outside of the network of a host of it.

    Nothing would find it there: only an address of the hosts' own network can move between them.
    """
    virtual = spec.head.virtual_ip
    if virtual is None:
        return
    for head in topology.heads:
        facts = observed.host(head.host).facts
        network = facts.network if facts else ""
        if network and ipaddress.IPv4Address(virtual) not in ipaddress.IPv4Network(network, False):
            raise SpecError(
                f"head.virtual_ip {virtual} is not in the network of host {head.host}, {network}",
                where=f"groups/{spec.name}.yml",
                hint=f"choose a free address of {network}",
            )


def require_apart(observed: Observed, where: Where) -> None:
    """Raise SpecError if two hosts of the fleet are one machine, naming both lines.

    All that stands there would count twice, and leave the one name because it stands at the other.
    """
    for hosts in twins(observed):
        text = twins_text(hosts, observed, where)
        raise SpecError(text, hint=ONE_LINE)


def require_whole(observed: Observed) -> None:
    """Raise HostError if a host that answered could not show all that stands there."""
    for host in observed.hosts:
        if host.unseen:
            raise HostError(unseen_text(host), where=host.host, hint=host.unseen[0].hint)


def require_hosts(fleet: Fleet, observed: Observed) -> None:
    """Raise HostError if any host that is not retired gave no answer; every one is told."""
    silent = silent_hosts(fleet, observed)
    if silent:
        raise HostError(_told(silent), where=silent[0].host, hint=_way_out(fleet, silent))


def require_seen(fleet: Fleet, spec: RayClusterSpec, observed: Observed) -> None:
    """Raise HostError if a silent host may hold a node of ``spec``, which would be made twice."""
    unseen = unseen_nodes(fleet, spec, observed)
    silent = silent_hosts(fleet, observed)
    if not unseen or not silent:
        return
    nodes = ", ".join(unseen[:8]) + (f" and {len(unseen) - 8} more" if len(unseen) > 8 else "")
    what = f"{_told(silent)}\nnodes that no host shows, so that they may be there: {nodes}"
    raise HostError(what, where=silent[0].host, hint=_way_out(fleet, silent))


def unseen_nodes(fleet: Fleet, spec: RayClusterSpec, observed: Observed) -> tuple[str, ...]:
    """The nodes of ``spec`` that stand on no host that answered."""
    seen = {record.slot for _, record in observed.records() if record.group == spec.name}
    return tuple(slot for slot in slot_names(fleet, spec) if slot not in seen)


def _way_out(fleet: Fleet, silent: list[HostObservation]) -> str:
    asleep = [host.host for host in silent if fleet.host(host.host).power]
    wake = f"if it sleeps, `adbray wake {' '.join(asleep)}`; else " if asleep else ""
    return wake + _WAY_OUT.format(silent[0].host)


def silent_hosts(fleet: Fleet, observed: Observed) -> list[HostObservation]:
    """The hosts that gave no answer and are not retired."""
    seen = [observed.host(host.name) for host in fleet.hosts if not host.retired]
    return [host for host in seen if host.error]


def _told(silent: list[HostObservation]) -> str:
    """Why each is silent; the first one's name stands before the message."""
    first, rest = silent[0], silent[1:]
    return str(first.error) + "".join(f"\n{host.host}: {host.error}" for host in rest)


def _is_ipv4(address: str) -> bool:
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return True


def _capacity(fleet: Fleet, host: Host, seen: HostObservation) -> Capacity | str:
    if seen.error is not None or seen.facts is None:
        return f"not reachable: {seen.error or 'no answer'}"
    declared, facts = host.capacity, seen.facts
    reserved = fleet.reserved_on(host)
    cpus = max(facts.cpus - reserved.cpus, 0)
    memory_mb = max(facts.memory_mb - int(reserved.memory_gb * 1024), 0)
    asked = fleet.disk_of(host.name)
    disk = host_disk(asked.path, asked.spill_path, asked.asked, facts.file_systems)
    if isinstance(disk, str):
        return disk
    standing = [(s.record.disk, s.record.disk_gb, s.disks) for s in seen.slots if s.record.disk_gb]
    disk_gb = room_gb(disk, facts.file_systems, standing)
    detected = Capacity(
        cpus=cpus,
        memory_mb=memory_mb,
        disk_gb=disk_gb,
        gpus=facts.gpus,
        card=facts.card,
        disk=disk,
    )
    return detected if declared is None else _as_declared(detected, declared)


def _as_declared(detected: Capacity, declared: DeclaredCapacity) -> Capacity:
    """What fleet.yml says of a host wins."""
    found = declared.model_dump(include={"cpus", "disk_gb", "gpus"}, exclude_none=True)
    if declared.memory_gb is not None:
        found["memory_mb"] = int(declared.memory_gb * 1024)
    return detected.model_copy(update=found | {"card": declared.card(detected.card)})
