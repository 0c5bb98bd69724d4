"""Which ports of hosts something may have for good, and whether a slot has enough of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from adbray_ctl.core.slot.ports import worker_ports
from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.fleet import Fleet

# Linux takes the ports of outgoing connections from here (net.ipv4.ip_local_port_range).
EPHEMERAL_PORTS = range(32768, 61000)


def port_faults(fleet: Fleet, port: int, path: Path) -> Iterator[Fault]:
    """What is wrong with ``port`` at ``path``: slots or outgoing connections may have it."""
    base = fleet.ports.base
    allowed = f"1024 to {base - 1}, or {EPHEMERAL_PORTS.stop} to 65535"
    if base <= port < EPHEMERAL_PORTS.start:
        what = f"{port} lies in the slots' port blocks ({base} to {EPHEMERAL_PORTS.start - 1})"
        yield Fault(path, what, f"{allowed} (ports.base in fleet.yml)")
    elif port in EPHEMERAL_PORTS:
        what = f"{port} may be taken by any outgoing connection"
        yield Fault(path, what, allowed)


def few_ports_faults(fleet: Fleet, cpus: int, path: Path) -> Iterator[Fault]:
    """A slot needs a port for each worker process, and one process for each CPU.

    Ray starts no further process without one, and the tasks wait for ever.
    """
    has = worker_ports(fleet.ports.block)
    if cpus > has:
        what = f"{cpus} CPUs need as many ports for worker processes, and a slot has {has}"
        enough = next(block for block in count(fleet.ports.block) if worker_ports(block) >= cpus)
        allowed = f"a ports.block of at least {enough} in fleet.yml"
        yield Fault(path, what, allowed)
