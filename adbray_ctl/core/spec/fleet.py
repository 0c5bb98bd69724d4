"""What the operator writes of the fleet: hosts, how they are reached, and what groups may ask.

The models check each value by itself; rules across values and files are in ``core/rules``.
Memory and disk are in GiB where a name ends in ``_gb``, in MiB where it ends in ``_mb``.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from adbray_ctl.core.spec.base import SPEC_CONFIG
from adbray_ctl.core.spec.gpu import HostGpu
from adbray_ctl.core.spec.hosts import Host, HostDisk, SystemReserved
from adbray_ctl.core.spec.impact import (
    KEEPS,
    RESTARTS_ALL,
    RESTARTS_RAY,
)
from adbray_ctl.core.spec.logs import KeptLogs
from adbray_ctl.core.spec.monitoring import Monitoring
from adbray_ctl.core.spec.prices import Prices
from adbray_ctl.core.spec.sizes import Size
from adbray_ctl.core.spec.ssh import Ssh
from adbray_ctl.core.spec.strings import SizeName


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class Range(_Spec):
    """Smallest and largest value allowed, both included."""

    min: Annotated[int, Field(strict=True, ge=1), KEEPS] = 30
    """Smallest value."""
    max: Annotated[int, Field(strict=True, ge=1), KEEPS] = 2000
    """Largest value."""


class Limits(_Spec):
    """The operator's policy for groups; the defaults are AnalyticDB Ray's."""

    disk_gb: Range = Range()
    """Disk of a head or worker in GiB."""
    min_workers: Annotated[int, Field(strict=True, ge=0, le=1000), KEEPS] = 1
    """Fewest workers a worker group may ask for as its min_workers."""
    max_workers: Annotated[int, Field(strict=True, ge=1, le=1000), KEEPS] = 8
    """Most workers a worker group may ask for as its max_workers."""
    total_cpus: Annotated[Annotated[int, Field(strict=True, ge=1)] | None, KEEPS] = None
    """CPU cores that the workers of all groups may come to, each group at its max_workers."""
    total_gpus: Annotated[Annotated[int, Field(strict=True, ge=0)] | None, KEEPS] = None
    """GPU cards that the workers of all groups may come to, each group at its max_workers."""


class PortPolicy(_Spec):
    """Where the slots' fixed ports lie: block n begins at ``base + n * block``.

    The whole range stays below 32768, where Linux's ephemeral ports begin
    (net.ipv4.ip_local_port_range), so that no outgoing connection can sit on a slot's port.
    """

    base: Annotated[int, Field(strict=True, ge=1024, le=32568), RESTARTS_ALL] = 20000
    """First port of the first block."""
    block: Annotated[int, Field(strict=True, ge=50, le=2000), RESTARTS_ALL] = 200
    """Ports of one slot: a fifth of all but ten for replicas of Serve, the rest for workers."""
    serve_base: Annotated[Annotated[int, Field(strict=True, ge=1024)] | None, RESTARTS_RAY] = None
    """First of the ports below base of which each group has two for Ray Serve. Default: 1000 below
    base."""

    @property
    def serve(self) -> range:
        """The ports for Ray Serve, of which each group has a pair."""
        first = self.base - 1000 if self.serve_base is None else self.serve_base
        return range(max(first, 1024), self.base)


class Fleet(_Spec):
    """All hosts, how they are reached, and what groups may ask of them."""

    kind: Annotated[Literal["Fleet"], KEEPS]
    """Always Fleet."""
    ssh: Ssh = Ssh()
    """SSH settings of every host."""
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    """The machines."""
    system_reserved: SystemReserved = SystemReserved()
    """What is kept of every host for its system."""
    sizes: dict[SizeName, Size] = {}
    """Sizes added to the built-in catalogue, by name."""
    limits: Limits = Limits()
    """What groups may ask for."""
    ports: PortPolicy = PortPolicy()
    """Where the slots' ports lie."""
    disk: HostDisk = HostDisk()
    """Where hosts that say nothing of it keep their slots' disks."""
    gpu: HostGpu | None = None
    """The GPU driver of hosts that say nothing of it and declare GPUs in capacity. Default: none is
    looked after."""
    kept_logs: KeptLogs = KeptLogs()
    """What hosts keep of workers that ended."""
    prices: Prices | None = None
    """What usage costs. Default: `adbray usage` tells hours alone."""
    monitoring: Monitoring | None = None
    """Prometheus for all groups. Default: nothing is installed for it."""

    def host(self, name: str) -> Host:
        """The host called ``name``; KeyError if there is none."""
        return self._by_name[name]

    def disk_of(self, name: str) -> HostDisk:
        """Where the host called ``name`` keeps its slots' disks."""
        return self.host(name).disk or self.disk

    def gpu_of(self, name: str) -> HostGpu | None:
        """The GPU driver that adbray looks after on the host called ``name``, if it does."""
        host = self.host(name)
        declared = host.capacity is not None and bool(host.capacity.gpus)
        return host.gpu or (self.gpu if declared else None)

    def monitors(self, name: str) -> bool:
        """Whether the host called ``name`` carries Prometheus."""
        return self.monitoring is not None and self.monitoring.host == name

    @cached_property
    def retired(self) -> frozenset[str]:
        """The names of the hosts that are given up."""
        return frozenset(host.name for host in self.hosts if host.retired)

    @cached_property
    def _by_name(self) -> dict[str, Host]:
        return {host.name: host for host in self.hosts}

    def reserved_on(self, host: Host) -> SystemReserved:
        """What is kept of ``host``: the fleet's system_reserved with its own laid over it."""
        own = host.system_reserved
        if own is None:
            return self.system_reserved
        return self.system_reserved.model_copy(
            update={field: getattr(own, field) for field in own.model_fields_set}
        )

    def ssh_for(self, host: Host) -> Ssh:
        """The fleet's SSH settings with those of ``host`` laid over them."""
        if host.ssh is None:
            return self.ssh
        own = {field: getattr(host.ssh, field) for field in host.ssh.model_fields_set}
        kept = {field: value for field, value in own.items() if value is not None}
        if "jump" in own:
            kept["jump"] = own["jump"]
        return self.ssh.model_copy(update=kept)
