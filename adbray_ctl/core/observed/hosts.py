"""What is really there: all hosts of the fleet, each with its facts, slots and units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.foreign import Foreign
from adbray_ctl.core.observed.gpus import GpuReading
from adbray_ctl.core.observed.ray import RayView
from adbray_ctl.core.observed.units import KeeperState, ObservedSlot, UnitState
from adbray_ctl.core.slot.disks import FileSystem
from adbray_ctl.core.slot.gpu import Card
from adbray_ctl.core.slot.record import SlotKind, SlotRecord


class _Observed(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class HostFacts(_Observed):
    """What a host detects of itself. Memory in MiB; ``file_systems`` are those on its own disks.

    ``address`` is the host's own end of the SSH connection, ``network`` what that end can reach
    without a router (CIDR notation), empty where it is not known. ``machine`` is its machine-id,
    ``boot`` is another one after each boot, ``host_keys`` are its SSH host keys' fingerprints.
    """

    address: str = ""
    network: str = ""
    machine: str = ""
    boot: str = ""
    host_keys: tuple[str, ...] = ()
    cpus: int
    memory_mb: int
    file_systems: tuple[FileSystem, ...] = ()
    gpus: int
    gpu: GpuReading = GpuReading()

    @property
    def card(self) -> Card | None:
        """What each GPU is; None where that is not known or they differ."""
        # One that is lost tells nothing of itself.
        kinds = {(card.name, card.memory_mb) for card in self.gpu.found if card.memory_mb}
        if len(kinds) != 1:
            return None
        ((model, memory_mb),) = kinds
        return Card(model=model, memory_mb=memory_mb)


class Trace(_Observed):
    """What is there of one group: paths and units. ``changed_at`` is when any was written last.

    ``changed_by`` is who changed the group last, where that is still known.
    """

    group: str
    what: tuple[str, ...]
    changed_at: float = 0
    changed_by: Foreign = ""


class Unseen(_Observed):
    """What a host could not show, and why: a slot may stand there and not be among the others.

    ``group`` is the group it belongs to, empty where it may be any; ``hint`` is what to do.
    """

    what: Foreign
    why: Foreign
    group: str = ""
    hint: str = ""

    @property
    def text(self) -> str:
        """In one line."""
        return f"{self.what}: {self.why}"


class HostObservation(_Observed):
    """One host's answer; ``error`` is set, and all else empty, when it gave none.

    ``unseen`` is what it answered without: what is absent from the rest may be there all the same.
    ``watched`` has the groups that its Prometheus watches, with the revision of what it knows;
    ``runtimes`` has the environments that Ray runs in, by path, with what was installed there;
    ``grafana`` and ``web`` are whether a Grafana and a web server for browsers stand there.
    """

    host: str
    facts: HostFacts | None = None
    slots: tuple[ObservedSlot, ...] = ()
    units: tuple[UnitState, ...] = ()
    groups: tuple[str, ...] = ()
    traces: tuple[Trace, ...] = ()
    ray: tuple[RayView, ...] = ()
    watched: dict[str, str] = {}
    runtimes: dict[str, tuple[str, ...]] = {}
    grafana: bool = False
    web: bool = False
    unseen: tuple[Unseen, ...] = ()
    error: Foreign | None = None

    def running(self) -> tuple[SlotRecord, ...]:
        """The slots of all groups whose unit has a process to lose."""
        run = {unit.unit for unit in self.units if unit.runs}
        return tuple(slot.record for slot in self.slots if slot.record.unit in run)

    def unit(self, name: str) -> UnitState | None:
        """The unit called ``name``, if systemd on this host knows it."""
        return next((unit for unit in self.units if unit.unit == name), None)


class Observed(_Observed):
    """All hosts of the fleet, in its order but retired ones last.

    A retired host that comes back may bring a head that was moved: the one that counts is first.
    """

    hosts: tuple[HostObservation, ...] = ()

    def host(self, name: str) -> HostObservation:
        """The observation of ``name``; an empty one when it was not asked."""
        found = self._by_name.get(name)
        return found or HostObservation(host=name, error="not observed")

    @cached_property
    def _by_name(self) -> dict[str, HostObservation]:
        return {host.host: host for host in self.hosts}

    def records(self) -> Iterator[tuple[str, SlotRecord]]:
        """Every slot of every group as (host, record)."""
        for host in self.hosts:
            for slot in host.slots:
                yield host.host, slot.record

    def addresses(self) -> tuple[str, ...]:
        """Each address that a host has by its own word, or that Ray has for a node, once."""
        hosts = (host.facts.address for host in self.hosts if host.facts and host.facts.address)
        nodes = (record.address for _, record in self.records())
        return tuple(dict.fromkeys((*hosts, *nodes)))

    def namespace(self, group: str) -> str | None:
        """The storage namespace ``group`` was applied with, or None for a new group."""
        kinds = (SlotKind.HEAD, SlotKind.REDIS, SlotKind.WORKER)
        mine = [record for _, record in self.records() if record.group == group]
        mine.sort(key=lambda record: kinds.index(record.kind))
        return mine[0].namespace if mine else None

    def ray(self, group: str) -> RayView | None:
        """Ray's view of ``group``, if a host of its head answered: that of the one that leads."""
        views = [view for host in self.hosts for view in host.ray if view.group == group]
        return next((view for view in views if not view.error), views[0] if views else None)

    def head(self, group: str) -> tuple[str, SlotRecord] | None:
        """The group's head with its host, where the plan put it; standbys may run it meanwhile."""
        found = [(h, r) for h, r in self.records() if (r.group, r.kind) == (group, SlotKind.HEAD)]
        return min(found, key=lambda pair: pair[1].slot, default=None)

    def leading(self, group: str) -> tuple[str, SlotRecord] | None:
        """The head or standby whose keeper leads, as far as they told; or else the head."""
        for host in self.hosts:
            for slot in host.slots:
                keeper = slot.keeper
                if slot.record.group == group and keeper and keeper.state is not KeeperState.WAITS:
                    return host.host, slot.record
        return self.head(group)

    def primary(self, group: str) -> str:
        """host:port of the Redis that most Sentinels of ``group`` take for the primary."""
        votes = Counter(
            slot.primary
            for host in self.hosts
            for slot in host.slots
            if slot.record.group == group and slot.primary
        )
        return votes.most_common(1)[0][0] if votes else ""

    def watching(self, group: str) -> dict[str, str]:
        """The hosts whose Prometheus watches ``group``, with the revision of what each knows."""
        return {h.host: h.watched[group] for h in self.hosts if group in h.watched}

    def hosts_with(self, group: str) -> tuple[str, ...]:
        """Hosts that hold anything of ``group``: a record, a unit, or a directory."""
        return tuple(host.host for host in self.hosts if group in host.groups)

    def hosts_without(self, group: str) -> tuple[str, ...]:
        """Hosts that showed all they hold, and nothing of ``group``."""
        whole = (host for host in self.hosts if host.error is None and not host.unseen)
        return tuple(host.host for host in whole if group not in host.groups)
