"""Rules across the values of fleet.yml."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.rules.monitoring import monitoring_faults
from adbray_ctl.core.rules.ports import EPHEMERAL_PORTS
from adbray_ctl.core.rules.values import repeated_faults
from adbray_ctl.core.spec.faults import Fault, Path
from adbray_ctl.core.spec.fleet import Fleet, PortPolicy
from adbray_ctl.core.spec.gpu import Driver, HostGpu


def check_fleet(fleet: Fleet) -> tuple[Fault, ...]:
    """The faults of ``fleet`` by itself."""
    return tuple(_fleet_faults(fleet))


def _fleet_faults(fleet: Fleet) -> Iterator[Fault]:
    names = [(("hosts", i, "name"), host.name) for i, host in enumerate(fleet.hosts)]
    yield from repeated_faults(names, "a name that no other host has")
    addresses = [(("hosts", i, "address"), host.address) for i, host in enumerate(fleet.hosts)]
    yield from repeated_faults(addresses, "an address that no other host has")
    limits, ports = fleet.limits, fleet.ports
    if limits.disk_gb.min > limits.disk_gb.max:
        what = f"min {limits.disk_gb.min} is above max {limits.disk_gb.max}"
        yield Fault(("limits", "disk_gb"), what, "min at most max")
    if limits.min_workers > limits.max_workers:
        what = f"{limits.min_workers} is above max_workers"
        yield Fault(("limits", "min_workers"), what, f"at most {limits.max_workers}", relative=True)
    yield from _gpus(fleet)
    if ports.base + ports.block > EPHEMERAL_PORTS.start:
        what = f"a block of {ports.block} from {ports.base} on does not end below 32768"
        allowed = f"a base of at most {EPHEMERAL_PORTS.start - ports.block}"
        yield Fault(("ports",), what, allowed)
    yield from _serve(ports)
    yield from monitoring_faults(fleet)


def _serve(ports: PortPolicy) -> Iterator[Fault]:
    """A group needs two ports, which lie from 1024 on and below the blocks."""
    if len(ports.serve) >= 2:
        return
    first, lacks = ports.serve_base, "leaves fewer than two ports"
    if first is None:
        text = f"{ports.base} {lacks} from {ports.serve.start} on for Ray Serve"
        yield Fault(("ports", "base"), text, f"at least {ports.serve.start + 2}")
    else:
        text = f"{first} {lacks} below ports.base ({ports.base}) for Ray Serve"
        yield Fault(("ports", "serve_base"), text, f"at most {ports.base - 2}")


def _gpus(fleet: Fleet) -> Iterator[Fault]:
    yield from _gpu(fleet.gpu, ("gpu",))
    for index, host in enumerate(fleet.hosts):
        yield from _gpu(host.gpu, ("hosts", index, "gpu"))


def _gpu(gpu: HostGpu | None, path: Path) -> Iterator[Fault]:
    if gpu is None:
        return
    for key, owner in (("branch", Driver.DISTRO), ("runfile", Driver.RUNFILE)):
        given = getattr(gpu, key) is not None
        if given and gpu.driver is not owner:
            what = f"key {key!r} belongs to driver {owner}, and the driver is {gpu.driver}"
            hint = f"set driver: {owner}, or leave {key} out"
            yield Fault((*path, key), what, hint=hint, of_key=True, relative=True)
    if gpu.driver is Driver.RUNFILE and gpu.runfile is None:
        what = "driver runfile needs to know the file"
        yield Fault((*path, "driver"), what, "runfile with url and sha256 beside it", relative=True)
    twice = [((*path, "cuda", index), version) for index, version in enumerate(gpu.cuda)]
    yield from repeated_faults(twice, "each release once")
