"""Which slot is on which host, and with which ports."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.slot.disks import SlotDisk
from adbray_ctl.core.slot.gpu import Card
from adbray_ctl.core.slot.record import Gpu, SlotKind


class Placement(BaseModel):
    """One slot on one host. Memory in MiB, disk in GiB; ``started`` says it runs from the start.

    ``card`` is what the host's GPUs are, of a slot that has a share of them.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    slot: str
    kind: SlotKind
    host: str
    address: str
    worker_group: str | None = None
    index: int | None = None
    size: str | None = None
    cpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0
    disk: SlotDisk = SlotDisk()
    gpu: Gpu | None = None
    card: Card | None = None
    block: int
    ports: dict[str, int]
    started: bool = True


class Topology(BaseModel):
    """Every slot of one group: head, standbys, Redis, then workers in the spec's order.

    ``virtual_ip`` moves between the hosts of head and standbys.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    group: str
    placements: tuple[Placement, ...]
    virtual_ip: str | None = None

    @property
    def head(self) -> Placement:
        return next(p for p in self.placements if p.kind is SlotKind.HEAD)

    @property
    def heads(self) -> tuple[Placement, ...]:
        """The head, and the standbys that may take it over."""
        return tuple(p for p in self.placements if p.kind is SlotKind.HEAD)

    @property
    def head_address(self) -> str:
        """Where workers and clients find the head, whichever host it runs on."""
        return self.virtual_ip or self.head.address

    @property
    def redis(self) -> tuple[Placement, ...]:
        """The group's own Redis, if it has one: one, or the members under Sentinel."""
        return tuple(p for p in self.placements if p.kind is SlotKind.REDIS)

    @property
    def workers(self) -> tuple[Placement, ...]:
        return tuple(p for p in self.placements if p.kind is SlotKind.WORKER)

    @property
    def started(self) -> tuple[Placement, ...]:
        return tuple(p for p in self.placements if p.started)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts in use, each once, in order of first use."""
        return tuple(dict.fromkeys(p.host for p in self.placements))

    def on(self, host: str) -> tuple[Placement, ...]:
        """The slots of this group on ``host``."""
        return tuple(p for p in self.placements if p.host == host)


class Replacement(BaseModel):
    """A host whose nodes another one takes over, as far as they fit there.

    Nodes that stand nowhere go to ``new`` too: ``old`` may be dead, and then it carried them.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    old: str
    new: str
