"""Observe: ask the hosts what is there, and judge what each of them can carry."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from adbray_ctl.core.errors import HostError
from adbray_ctl.core.ledger import Capacity
from adbray_ctl.core.observed import HostObservation, Observed
from adbray_ctl.core.spec import Fleet, Host

# Left to the operating system, sshd and Ray's own processes when memory is detected.
_SYSTEM_MEMORY_MB = 1024


def capacities(fleet: Fleet, observed: Observed) -> Mapping[str, Capacity | str]:
    """By host: its capacity (declared values win over detected ones), or why there is none."""
    return {host.name: _capacity(host, observed.host(host.name)) for host in fleet.hosts}


def addresses(fleet: Fleet, observed: Observed) -> Mapping[str, str]:
    """The IPv4 addresses of hosts that the fleet knows by a DNS name, as the hosts see them."""
    found = {}
    for host in fleet.hosts:
        facts = observed.host(host.name).facts
        if facts is not None and facts.address and not _is_ipv4(host.address):
            found[host.name] = facts.address
    return found


def require_hosts(observed: Observed, names: tuple[str, ...]) -> None:
    """Raise HostError if any of ``names`` gave no answer; every silent host is told."""
    silent = [observed.host(name) for name in names if observed.host(name).error]
    if not silent:
        return
    first, rest = silent[0], silent[1:]
    what = str(first.error)
    what += "".join(f"\n{host.host}: {host.error}" for host in rest)
    raise HostError(what, where=first.host)


def _is_ipv4(address: str) -> bool:
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return True


def _capacity(host: Host, seen: HostObservation) -> Capacity | str:
    if seen.error is not None or seen.facts is None:
        return f"not reachable: {seen.error or 'no answer'}"
    declared, facts = host.capacity, seen.facts
    detected_memory = max(facts.memory_mb - _SYSTEM_MEMORY_MB, 0)
    if declared is None:
        return Capacity(
            cpus=facts.cpus, memory_mb=detected_memory, disk_gb=facts.disk_gb, gpus=facts.gpus
        )
    memory = declared.memory_gb
    return Capacity(
        cpus=facts.cpus if declared.cpus is None else declared.cpus,
        memory_mb=detected_memory if memory is None else int(memory * 1024),
        disk_gb=facts.disk_gb if declared.disk_gb is None else declared.disk_gb,
        gpus=facts.gpus if declared.gpus is None else declared.gpus,
    )
