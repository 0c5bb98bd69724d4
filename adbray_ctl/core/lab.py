"""The lab: real test hosts on one machine, as data, and the port that makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

SUBNETS = tuple(f"198.18.{index}" for index in range(1, 250))
"""Where labs may take a /24: part of 198.18.0.0/15, the benchmark range of RFC 2544."""


class HostState(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    CUT = "cut"


class LabHost(BaseModel):
    """One test host; ``number`` counts from 1 and decides name and address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    subnet: str

    @property
    def name(self) -> str:
        return f"lab{self.number}"

    @property
    def address(self) -> str:
        return f"{self.subnet}.{10 + self.number}"


class LabPlan(BaseModel):
    """A lab as it was asked for: remembered beside it, so that ``down`` knows what was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    subnet: str
    count: int

    @property
    def hosts(self) -> tuple[LabHost, ...]:
        return tuple(LabHost(number=n, subnet=self.subnet) for n in range(1, self.count + 1))

    @property
    def gateway(self) -> str:
        return f"{self.subnet}.1"


class LabHostStatus(BaseModel):
    """One host of a lab, as it is now; ``pid`` is its PID 1 as the machine sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    address: str
    state: HostState
    pid: int | None = None


class LabStatus(BaseModel):
    """A lab as it is now; no hosts when there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    directory: str
    hosts: tuple[LabHostStatus, ...] = ()

    @property
    def healthy(self) -> bool:
        return bool(self.hosts) and all(h.state is HostState.RUNNING for h in self.hosts)


def lab_id(directory: str) -> str:
    """Five hex digits that tell one lab's interfaces, tables and cgroups from another's."""
    return hashlib.sha256(directory.encode()).hexdigest()[:5]


def fleet_text(hosts: tuple[LabHost, ...]) -> str:
    """A fleet.yml for a lab.

    Capacity is declared: the hosts share one machine, so what each would detect is not its own.
    """
    lines = [
        "# yaml-language-server: $schema=.adbray/schema/fleet.json",
        "kind: Fleet",
        "ssh: {user: root, identity_file: .adbray/lab/id_ed25519}",
        "limits: {disk_gb: {min: 1, max: 20}}  # AnalyticDB Ray's own limits are 30..2000",
        "sizes:",
        "  nano: {cpus: 1, memory_gb: 1}",
        "  micro: {cpus: 2, memory_gb: 2}",
        "hosts:",
    ]
    for host in hosts:
        lines += [
            f"  - name: {host.name}",
            f"    address: {host.address}",
            "    capacity: {cpus: 8, memory_gb: 16, disk_gb: 30, gpus: 0}",
        ]
    return "\n".join(lines) + "\n"


class Lab(Protocol):
    """Makes and removes the hosts of one directory's lab."""

    def plan(self) -> LabPlan | None:
        """The lab that was made here, or None."""

    def status(self) -> LabStatus:
        """What runs now."""

    def up(self, count: int, report: Callable[[str], None]) -> LabPlan:
        """Make ``count`` hosts and wait until they have booted; ``report`` is told of long steps.

        With as many running already nothing changes; with fewer, hosts are added. Raises
        LabError, and RefusedError for a lab that is larger or has hosts that do not run.
        """

    def down(self, report: Callable[[str], None]) -> None:
        """Remove everything ``up`` made, also after a crash; succeeds when there is nothing."""

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
