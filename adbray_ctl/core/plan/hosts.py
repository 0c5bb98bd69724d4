"""The hosts that a plan goes without, and those it boots for their GPU driver."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed.gpus import GpuReading
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.gpu import Driver, HostGpu


class SilentHost(BaseModel):
    """A host that gave no answer, ``why``, and that the plan goes without."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    host: str
    retired: bool
    why: str

    @property
    def text(self) -> str:
        """What that means, in one line."""
        if self.retired:
            return (
                f"host {self.host} is retired and gives no answer:"
                " what stands there stays until it answers"
            )
        return f"host {self.host} gives no answer, and nothing is placed there: {self.why}"


def silent_hosts(fleet: Fleet, observed: Observed) -> tuple[SilentHost, ...]:
    """The hosts that gave no answer."""
    return tuple(
        SilentHost(host=seen.host, retired=seen.host in fleet.retired, why=seen.error)
        for seen in observed.hosts
        if seen.error
    )


class HostBoot(BaseModel):
    """A host that boots, and why; ``others`` are the slots of other groups that run there."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    host: str
    reason: str
    others: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What that means, in one line."""
        others = f"; that interrupts {', '.join(self.others)} as well" if self.others else ""
        return f"host {self.host} boots: {self.reason}{others}"


class HostWork(BaseModel):
    """What a plan does to hosts for the sake of their GPU drivers.

    ``drivers`` are the hosts whose driver is looked after, ``left_over`` those that have another
    one than is wanted, and do not use it.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    boots: tuple[HostBoot, ...] = ()
    drivers: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()

    @property
    def booting(self) -> tuple[str, ...]:
        """The hosts that boot."""
        return tuple(boot.host for boot in self.boots)


def host_work(fleet: Fleet, group: str, hosts: tuple[str, ...], observed: Observed) -> HostWork:
    """What is to be done to ``hosts`` for a group of the name ``group``."""
    return HostWork(
        boots=boots_of(fleet, group, hosts, observed),
        drivers=tuple(host for host in hosts if fleet.gpu_of(host)),
        left_over=left_over(fleet, hosts, observed),
    )


def boots_of(
    fleet: Fleet, group: str, hosts: Iterable[str], observed: Observed
) -> tuple[HostBoot, ...]:
    """The hosts among ``hosts`` that boot: they say so themselves, or another driver is wanted.

    Only those whose driver adbray looks after. What is loaded decides, not what records say that
    the host was told: an apply may have failed behind its boot, or the spec gone back since.
    """
    found = []
    for host in hosts:
        wanted, seen = fleet.gpu_of(host), observed.host(host)
        if wanted is None or seen.facts is None:
            continue
        reason = seen.facts.gpu.reboot or in_the_way(wanted, seen.facts.gpu)
        if reason:
            others = tuple(f"{r.group}/{r.slot}" for r in seen.running() if r.group != group)
            found.append(HostBoot(host=host, reason=reason, others=others))
    return tuple(found)


def in_the_way(wanted: HostGpu, gpu: GpuReading) -> str:
    """Why what is loaded now is in the way of the driver that is wanted, as far as is known."""
    if wanted.driver is Driver.PREINSTALLED:
        return ""
    if gpu.nouveau:
        return "nouveau is loaded, and NVIDIA's driver is to take its place"
    instead = _instead(wanted, gpu.driver)
    return f"driver {gpu.driver} is loaded, and {instead} is wanted" if instead else ""


def left_over(fleet: Fleet, hosts: Iterable[str], observed: Observed) -> tuple[str, ...]:
    """The hosts among ``hosts`` that load nothing, and have another driver than is wanted.

    Such as one that takes no card of theirs, which an apply has left there as it failed.
    """
    found = []
    for host in hosts:
        wanted, facts = fleet.gpu_of(host), observed.host(host).facts
        if wanted is None or facts is None or facts.gpu.driver:
            continue
        if _instead(wanted, facts.gpu.installed):
            found.append(host)
    return tuple(found)


def _instead(wanted: HostGpu, version: str) -> str:
    """What is wanted in place of ``version``; empty if nothing is, or that is not known."""
    if not version:
        return ""
    if wanted.runfile is not None and version != wanted.runfile.version:
        return wanted.runfile.version
    if wanted.branch is not None and not version.startswith(f"{wanted.branch}."):
        return f"branch {wanted.branch}"
    return ""
