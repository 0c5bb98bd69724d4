"""What slots use of what they have: CPUs, memory, objects, disk."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.slot.record import SlotKind


class SortBy(StrEnum):
    """A column; the largest share or figure comes first, names in their order."""

    CPU = "cpu"
    MEMORY = "memory"
    OBJECTS = "objects"
    SPILLED = "spilled"
    DISK = "disk"
    RESTARTS = "restarts"
    NAME = "name"


class _Loads(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class SlotLoad(_Loads):
    """One slot. Memory and disk in bytes; None for what is not known, or does not run.

    ``cores`` are those in use, of ``cpus``; ``objects`` is what the object store has taken of the
    memory, which it keeps for other objects, ``spilled`` what of it is on the disk.
    """

    host: str = ""
    group: str
    slot: str
    kind: SlotKind
    runs: bool
    cpus: int
    cores: float | None
    memory: int | None
    memory_limit: int
    objects: int | None
    spilled: int
    disk: int | None
    disk_size: int | None
    restarts: int

    @property
    def cpu_share(self) -> float | None:
        return None if self.cores is None or not self.cpus else self.cores / self.cpus

    @property
    def memory_share(self) -> float | None:
        return None if self.memory is None else self.memory / self.memory_limit

    @property
    def disk_share(self) -> float | None:
        return None if self.disk is None or not self.disk_size else self.disk / self.disk_size


class HostLoads(_Loads):
    """One host's last look at its slots, ``at`` in seconds since the epoch; 0 before the first."""

    host: str
    at: float = 0
    slots: tuple[SlotLoad, ...] = ()
    error: str = ""

    @property
    def answered(self) -> bool:
        return bool(self.at or self.error)


class Loads(_Loads):
    """The slots of all hosts; ``problems`` are hosts that gave no answer, or none yet."""

    slots: tuple[SlotLoad, ...]
    problems: tuple[str, ...] = ()


def loads_of(hosts: Iterable[HostLoads], by: SortBy) -> Loads:
    """All slots in one order."""
    hosts = tuple(hosts)
    slots = sorted(
        (slot for host in hosts for slot in host.slots),
        key=lambda slot: (-_figure(slot, by), slot.group, slot.kind, slot.slot, slot.host),
    )
    silent = (host for host in hosts if host.error or not host.at)
    problems = tuple(f"{host.host}: {host.error or 'no answer yet'}" for host in silent)
    return Loads(slots=tuple(slots), problems=problems)


def _figure(slot: SlotLoad, by: SortBy) -> float:
    found = {
        SortBy.CPU: slot.cpu_share,
        SortBy.MEMORY: slot.memory_share,
        SortBy.OBJECTS: slot.objects,
        SortBy.SPILLED: slot.spilled,
        SortBy.DISK: slot.disk_share,
        SortBy.RESTARTS: slot.restarts,
        SortBy.NAME: 0,
    }[by]
    # What runs not, or is not known, comes last.
    return -1 if found is None else found
