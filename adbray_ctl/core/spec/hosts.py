"""What the operator writes of one host: capacity, power, disk, labels; and how hosts are selected.

Memory and disk are in GiB where a name ends in ``_gb``, in MiB where it ends in ``_mb``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

from adbray_ctl.core.slot.disks import DATA, Backend
from adbray_ctl.core.slot.gpu import Card
from adbray_ctl.core.spec.addresses import Address
from adbray_ctl.core.spec.base import SPEC_CONFIG, Bool
from adbray_ctl.core.spec.gpu import HostGpu
from adbray_ctl.core.spec.impact import (
    MOVES,
    REMAKES_DISKS,
    RESIZES,
    RESTARTS_ALL,
    RETIRES,
    TELLS_HEAD,
    TELLS_HOSTS,
)
from adbray_ctl.core.spec.ssh import SshOverride
from adbray_ctl.core.spec.strings import (
    COMMAND_WORD,
    GPU_MODEL,
    HostPath,
    LabelKey,
    LabelValue,
    Name,
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


class Selector(_Spec):
    """Which hosts may be used: all that match. An empty selector admits every host."""

    names: Annotated[tuple[Name, ...], MOVES] = ()
    """Only these hosts."""
    labels: Annotated[dict[LabelKey, LabelValue], MOVES] = {}
    """Only hosts with all of these labels."""

    def admits(self, host: Host) -> bool:
        """Whether ``host`` may be used."""
        if self.names and host.name not in self.names:
            return False
        return all(host.labels.get(key) == value for key, value in self.labels.items())


def command_words(host: Host, command: tuple[str, ...]) -> list[str]:
    """The words of a `power` command of ``host``."""
    filled = (word.replace("{host}", host.name) for word in command)
    return [word.replace("{address}", host.address) for word in filled]
