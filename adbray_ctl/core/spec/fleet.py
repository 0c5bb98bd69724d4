"""What the operator writes of the fleet: hosts, how they are reached, and what groups may ask.

The models check each value by itself; rules across values and files are in ``core/rules``.
Memory and disk are in GiB where a name ends in ``_gb``, in MiB where it ends in ``_mb``.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from adbray_ctl.core.slot.disks import DATA, Backend
from adbray_ctl.core.slot.gpu import Card
from adbray_ctl.core.spec.gpu import HostGpu
from adbray_ctl.core.spec.impact import (
    KEEPS,
    MOVES,
    REMAKES_DISKS,
    RESIZES,
    RESTARTS_ALL,
    RETIRES,
    TELLS_HEAD,
    TELLS_HOSTS,
)
from adbray_ctl.core.spec.logs import KeptLogs
from adbray_ctl.core.spec.monitoring import Monitoring
from adbray_ctl.core.spec.prices import Prices
from adbray_ctl.core.spec.sizes import Size
from adbray_ctl.core.spec.ssh import SPEC_CONFIG, Bool, Ssh, SshOverride
from adbray_ctl.core.spec.strings import (
    COMMAND_WORD,
    GPU_MODEL,
    Address,
    HostPath,
    LabelKey,
    LabelValue,
    Name,
    SizeName,
)

PowerWord = Annotated[str, Field(max_length=500, pattern=COMMAND_WORD)]


class _Spec(BaseModel):
    model_config = SPEC_CONFIG


class DeclaredCapacity(_Spec):
    """What a host may be used for; what is left out is detected on the host."""

    cpus: Annotated[Annotated[int, Field(strict=True, ge=1, le=4096)] | None, MOVES] = None
    """CPU cores."""
    memory_gb: Annotated[
        Annotated[float, Field(strict=True, ge=0.5, le=262144, allow_inf_nan=False)] | None, MOVES
    ] = None
    """Memory in GiB."""
    disk_gb: Annotated[Annotated[int, Field(strict=True, ge=1, le=10_000_000)] | None, MOVES] = None
    """Disk for slots in GiB."""
    gpus: Annotated[Annotated[int, Field(strict=True, ge=0, le=64)] | None, MOVES] = None
    """Whole GPUs."""
    gpu_model: Annotated[Annotated[str, Field(pattern=GPU_MODEL)] | None, RESIZES] = None
    """What they are, by NVIDIA's name, as far as MIG's profiles go by it: A100, H100."""
    gpu_memory_gb: Annotated[
        Annotated[float, Field(strict=True, ge=1, le=4096, allow_inf_nan=False)] | None, RESIZES
    ] = None
    """Memory of each in GiB."""

    def card(self, detected: Card | None) -> Card | None:
        """What each GPU is, of what is ``detected`` only what is not declared."""
        memory_mb = detected.memory_mb if detected else 0
        if self.gpu_memory_gb is not None:
            memory_mb = int(self.gpu_memory_gb * 1024)
        model = self.gpu_model or (detected.model if detected else "")
        return Card(model=model, memory_mb=memory_mb) if memory_mb else None


class SystemReserved(_Spec):
    """What is kept of a host for its system: sshd, the journal, whatever else it runs.

    Detected capacity is less by it; a declared capacity is what may be used, and stays. The memory
    is held by systemd too: all slots of a host together get what is left of it.
    """

    cpus: Annotated[int, Field(strict=True, ge=0, le=1024), MOVES] = 0
    """CPU cores. The system comes before slots on all cores, whether any is kept or not."""
    memory_gb: Annotated[
        float, Field(strict=True, ge=0.25, le=65536, allow_inf_nan=False), TELLS_HOSTS
    ] = 1
    """Memory in GiB."""


class Power(_Spec):
    """Commands that wake a host and put it to sleep, as lists of words; no shell reads them.

    They run on the head, as its user, which jobs run as too: a password belongs in a file there, or
    in a controller that gives that user no more than power. ``{host}`` and ``{address}`` stand for
    the host's.
    """

    wake: Annotated[tuple[PowerWord, ...], Field(min_length=1), TELLS_HEAD]
    """Wakes it. The host is up when its sshd answers."""
    sleep: Annotated[tuple[PowerWord, ...], TELLS_HEAD] = ()
    """Puts it to sleep. Default: it is never put to sleep."""
    timeout_s: Annotated[int, Field(strict=True, ge=10, le=900), TELLS_HEAD] = 300
    """Seconds it may take to wake; after that another host is used."""
    idle_s: Annotated[int, Field(strict=True, ge=10, le=604_800), TELLS_HEAD] = 900
    """Seconds without any slot running, of any group, after which it is put to sleep."""


class DiskBackend(StrEnum):
    """How a slot's disk is kept to its size."""

    AUTO = "auto"
    """By project quota where the file system at the path enforces those, else by loop. A slot that
    stands keeps what it has."""
    LOOP = "loop"
    """An image of ext4, allocated in full, on any file system."""
    XFS_PROJECT = "xfs_project"
    """A directory with a project quota, on xfs mounted with prjquota."""
    EXT4_PROJECT = "ext4_project"
    """The same on ext4, which needs its features project and quota."""


class HostDisk(_Spec):
    """Where a host keeps its slots' disks, and how each is kept to its size.

    A slot whose disk is elsewhere from now on loses what was on it: spilled objects, logs.
    """

    path: Annotated[HostPath, REMAKES_DISKS] = DATA
    """A directory on the file system that carries them. Slots are found in /var/lib/adbray all the
    same."""
    backend: Annotated[DiskBackend, REMAKES_DISKS] = DiskBackend.AUTO
    """auto, loop, xfs_project or ext4_project."""
    spill_path: Annotated[HostPath | None, REMAKES_DISKS] = None
    """A directory on another file system, for spilled objects apart from logs and temporary files:
    each slot has a disk of its disk_gb there too. Default: all are on one disk."""

    @property
    def asked(self) -> Backend | None:
        """The backend that is set; None leaves it to the host."""
        return None if self.backend is DiskBackend.AUTO else Backend(self.backend)


class Host(_Spec):
    """One machine of the fleet."""

    name: Annotated[Name, MOVES]
    """The host's name in adbray; it need not be its hostname."""
    address: Annotated[Address, RESTARTS_ALL]
    """IPv4 address or DNS name, for SSH and for the other hosts of a cluster."""
    ssh: SshOverride | None = None
    """What differs from the fleet's SSH settings."""
    labels: Annotated[dict[LabelKey, LabelValue], MOVES] = {}
    """Labels that host selectors match, for example zone: a."""
    capacity: DeclaredCapacity | None = None
    """What may be used of it. Default: what the host detects."""
    system_reserved: SystemReserved | None = None
    """What differs from the fleet's system_reserved."""
    disk: HostDisk | None = None
    """Where its slots' disks are. Default: the fleet's."""
    gpu: HostGpu | None = None
    """Its GPU driver. Default: the fleet's, if capacity declares GPUs."""
    power: Power | None = None
    """How it is woken when workers are wanted there, and put to sleep when none are."""
    retired: Annotated[Bool, RETIRES] = False
    """Given up: it gets no slots, it may be silent, and it is cleaned as soon as it answers."""


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
    """Ports of one slot; all but ten serve Ray's worker processes."""


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
