"""The lab: real test hosts on one machine, as data, and the port that makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

SUBNETS = tuple(f"198.18.{index}" for index in range(1, 250))
"""Where labs may take a /24: part of 198.18.0.0/15, the benchmark range of RFC 2544."""


class HostState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    CUT = "cut"


class HostKind(StrEnum):
    """What a lab host is made of: a container shares the machine's kernel, a VM has its own."""

    CONTAINER = "container"
    VM = "vm"


class VmDisk(StrEnum):
    """The file system of a VM's data disk; each with project quotas."""

    XFS = "xfs"
    EXT4 = "ext4"


class LabOrder(BaseModel):
    """What is asked of ``lab up``; ``vm_disk`` is for VMs that are still to be made."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    hosts: int
    vms: int = 0
    vm_disk: VmDisk = VmDisk.XFS


class LabHost(BaseModel):
    """One test host; ``number`` counts from 1 in its kind and decides name and address."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    number: int
    subnet: str
    kind: HostKind = HostKind.CONTAINER

    @property
    def name(self) -> str:
        return f"{'vm' if self.kind is HostKind.VM else 'lab'}{self.number}"

    @property
    def octet(self) -> int:
        """What tells it from all other hosts of its lab, of either kind."""
        return (100 if self.kind is HostKind.VM else 10) + self.number

    @property
    def address(self) -> str:
        return f"{self.subnet}.{self.octet}"


class LabPlan(BaseModel):
    """A lab as it was asked for: remembered beside it, so that ``down`` knows what was made."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    id: str
    subnet: str
    count: int
    """Containers."""
    vms: int = 0

    @property
    def hosts(self) -> tuple[LabHost, ...]:
        return self._numbered(HostKind.CONTAINER, self.count) + self._numbered(
            HostKind.VM, self.vms
        )

    def _numbered(self, kind: HostKind, count: int) -> tuple[LabHost, ...]:
        numbers = range(1, count + 1)
        return tuple(LabHost(number=number, subnet=self.subnet, kind=kind) for number in numbers)

    @property
    def gateway(self) -> str:
        return f"{self.subnet}.1"


class LabHostStatus(BaseModel):
    """One host of a lab, as it is now.

    ``pid`` is what the machine sees of it: a container's PID 1, or the qemu that is the VM.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    name: str
    address: str
    kind: HostKind = HostKind.CONTAINER
    state: HostState
    pid: int | None = None


class LabStatus(BaseModel):
    """A lab as it is now; no hosts when there is none."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    directory: str
    hosts: tuple[LabHostStatus, ...] = ()


def lab_id(directory: str) -> str:
    """Five hex digits that tell one lab's interfaces, tables and cgroups from another's."""
    return hashlib.sha256(directory.encode()).hexdigest()[:5]


class Lab(Protocol):
    """Makes and removes the hosts of one directory's lab."""

    def plan(self) -> LabPlan | None:
        """The lab that was made here, or None."""

    def status(self) -> LabStatus:
        """What runs now."""

    def up(self, order: LabOrder, report: Callable[[str], None]) -> LabPlan:
        """Make the hosts and wait until they have booted; ``report`` is told of long steps.

        With as many running already nothing changes; with fewer, hosts are added. Raises
        LabError, and RefusedError for a lab that is larger or has hosts that do not run.
        """

    def down(self, report: Callable[[str], None]) -> None:
        """Remove everything ``up`` made, also after a crash; succeeds when there is nothing."""

    def require(self, hosts: Sequence[str]) -> None:
        """Raise UsageError if one of ``hosts`` is not of this lab, LabError if there is no lab."""

    def cut(self, host: str) -> None:
        """Take the host's network link down."""

    def heal(self, host: str) -> None:
        """Bring the link up again."""

    def kill(self, host: str) -> None:
        """End the host at once, as a power cut would; its disk stays."""

    def start(self, host: str) -> None:
        """Boot a killed host again, on its old disk."""

    def purge_cache(self) -> None:
        """Remove the cached base images. Raises RefusedError while a lab stands on one."""
