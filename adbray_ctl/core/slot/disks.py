"""How a slot's disk is kept to its size, and by what a host decides that when nobody has."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.foreign import Foreign

# Where slots are found on a host, whichever file system carries them; and where that is by default.
DATA = "/var/lib/adbray"


class Backend(StrEnum):
    LOOP = "loop"
    """An allocated ext4 image, on any file system."""
    XFS_PROJECT = "xfs_project"
    """A directory with a project quota of xfs."""
    EXT4_PROJECT = "ext4_project"
    """A directory with a project quota of ext4."""


_BY_KIND = {"xfs": Backend.XFS_PROJECT, "ext4": Backend.EXT4_PROJECT}


class _Disks(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class FileSystem(_Disks):
    """One that is mounted at ``point``; ``project_quota`` says that it enforces those of projects.

    ``device`` tells one from another; space in GiB. ``free_files`` is None where none are counted.
    """

    point: str
    device: str
    kind: str
    project_quota: bool = False
    read_only: bool = False
    free_gb: float = 0
    total_gb: float = 0
    free_files: int | None = None


class DiskUse(_Disks):
    """What is in one of a slot's disks, in MiB, as the processes in it see that.

    ``files_share`` is how much of its number of files is in use, 0 to 1. ``largest`` names what
    takes the most of one that is almost full.
    """

    path: str
    size_mb: int
    used_mb: int
    files_share: float = 0
    read_only: bool = False
    largest: tuple[Foreign, ...] = ()

    @property
    def share(self) -> float:
        """0 to 1, of the space or of the files, whichever is scarcer."""
        return max(self.used_mb / self.size_mb if self.size_mb else 0.0, self.files_share)


class DiskPlace(_Disks):
    """A directory of the host that disks are kept below, how, and the ``reason`` for that."""

    path: str = DATA
    backend: Backend = Backend.LOOP
    reason: str = ""


class SlotDisk(_Disks):
    """Where a slot's disk is kept; ``spill`` where spilled objects have one of their own."""

    data: DiskPlace = DiskPlace()
    spill: DiskPlace | None = None

    @property
    def places(self) -> tuple[DiskPlace, ...]:
        return (self.data, self.spill) if self.spill else (self.data,)

    @property
    def settings(self) -> dict[str, str]:
        """What of it is not the default: the slot is remade when that changes."""
        found = {"disk.path": self.data.path, "disk.backend": str(self.data.backend)}
        if self.spill is not None:
            found |= {"disk.spill_path": self.spill.path, "disk.spill": str(self.spill.backend)}
        return {key: value for key, value in found.items() if DEFAULTS.get(key) != value}


# From here on `adbray status` tells how full a disk is: Ray makes no more objects at 95 %.
FULL = 0.85
# The settings of a slot whose record says nothing of its disk.
DEFAULTS = {"disk.path": DATA, "disk.backend": str(Backend.LOOP)}


def carrier(path: str, file_systems: Iterable[FileSystem]) -> FileSystem | None:
    """The file system that ``path`` is on; of several mounts at one point the last."""
    found = None
    for one in file_systems:
        inside = path == one.point or path.startswith(one.point.rstrip("/") + "/")
        if inside and (found is None or len(one.point) >= len(found.point)):
            found = one
    return found


def choose(path: str, asked: Backend | None, carried_by: FileSystem | None) -> DiskPlace | str:
    """How disks below ``path`` are kept; None asks for the best. A text says why it cannot be."""
    if carried_by is None:
        # What is mounted there is not known: a loop image works on any file system.
        unknown = f"the file system at {path} is not known"
        if asked in (None, Backend.LOOP):
            return DiskPlace(path=path, reason=unknown if asked is None else "set in fleet.yml")
        return f"disk.backend {asked} cannot be had: {unknown}"
    where = f"{carried_by.kind} at {carried_by.point}"
    offered = _BY_KIND.get(carried_by.kind) if carried_by.project_quota else None
    if asked is None and offered is not None:
        return DiskPlace(path=path, backend=offered, reason=f"{where} has project quotas")
    if asked is None:
        lacks = (
            "has no project quotas on" if carried_by.kind in _BY_KIND else "knows no project quota"
        )
        return DiskPlace(path=path, reason=f"{where} {lacks}")
    if asked in (Backend.LOOP, offered):
        return DiskPlace(path=path, backend=asked, reason="set in fleet.yml")
    return f"disk.backend {asked} cannot be had: {path} is on {where}" + (
        ", not mounted with prjquota" if _BY_KIND.get(carried_by.kind) is asked else ""
    )


def host_disk(
    path: str, spill_path: str | None, asked: Backend | None, file_systems: Iterable[FileSystem]
) -> SlotDisk | str:
    """How a new slot's disk is kept on a host; a text says why it cannot be."""
    known = tuple(file_systems)
    data = choose(path, asked, carrier(path, known))
    if isinstance(data, str):
        return data
    if spill_path is None:
        return SlotDisk(data=data)
    spill = choose(spill_path, asked, carrier(spill_path, known))
    return spill if isinstance(spill, str) else SlotDisk(data=data, spill=spill)


def room_gb(
    disk: SlotDisk,
    file_systems: Iterable[FileSystem],
    standing: Iterable[tuple[SlotDisk, int, tuple[DiskUse, ...]]],
) -> int:
    """What slots on a host may come to in GiB, those ``standing`` included.

    ``standing`` has the disk of each, its size in GiB, and how full it is. An image holds its whole
    size already, a directory with a quota what is in it. Two disks of a slot on one file system
    share what is there.
    """
    known = tuple(file_systems)
    held: dict[str, float] = {}
    for place, size_gb, use in _places(standing):
        one = carrier(place.path, known)
        if one is not None:
            part = size_gb if place.backend is Backend.LOOP else use.used_mb / 1024
            held[one.device] = held.get(one.device, 0.0) + part
    carriers = [carrier(place.path, known) for place in disk.places]
    devices = [one.device for one in carriers if one is not None]
    rooms = [
        (one.free_gb + held.get(one.device, 0.0)) / devices.count(one.device)
        for one in carriers
        if one is not None
    ]
    return int(min(rooms, default=0.0))


def _places(
    standing: Iterable[tuple[SlotDisk, int, tuple[DiskUse, ...]]],
) -> Iterable[tuple[DiskPlace, int, DiskUse]]:
    for disk, size_gb, uses in standing:
        for number, place in enumerate(disk.places):
            use = uses[number] if number < len(uses) else DiskUse(path="", size_mb=0, used_mb=0)
            yield place, size_gb, use


def kept(standing: SlotDisk, new: SlotDisk, asked: Backend | None) -> SlotDisk:
    """The disk of a slot that stands, on a host where one that is made now would get ``new``.

    A backend that nobody has set stays as it is until the slot is made anew for another reason.
    """
    if asked is not None:
        return new
    before = {(place is standing.spill, place.path): place for place in standing.places}
    data = before.get((False, new.data.path), new.data)
    spill = before.get((True, new.spill.path), new.spill) if new.spill else None
    return SlotDisk(data=data, spill=spill)
